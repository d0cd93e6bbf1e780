//! What will be done: an immutable graph of tasks, each a list of steps over a set of hosts.
//!
//! A plan holds no absolute path, no place in a document and no clock: the same inputs give the same bytes.
//! Tasks, stages and hosts are sorted by name, so that index order is name order everywhere below.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Become, Budget, Inventory, Rollout, StageName, StepId, TaskId};

/// The version of the plan's format that this program writes.
pub const PLAN_VERSION: u32 = 1;

/// What will be done.
///
/// Its fields stand in the order of their names, as those of tasks and steps do: its canonical bytes are then written
/// without anything being moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The backend that made it, as `mode/name`: `workflow/dag`.
    pub backend: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Sets of hosts, as indices into `hosts`; tasks name a set, so that a thousand hosts are stored once.
    pub host_sets: Vec<Vec<u32>>,
    /// Every host that a step may touch, sorted.
    pub hosts: Vec<Arc<str>>,
    /// What was read from outside while planning: each name with what it had.
    #[serde(default, skip_serializing_if = "is_default")]
    pub inputs: Inputs,
    /// What is known of hosts; empty where everything runs on this machine.
    #[serde(default, skip_serializing_if = "Inventory::is_empty")]
    pub inventory: Inventory,
    /// The workflow's name.
    pub name: String,
    /// How it is to be run.
    #[serde(default, skip_serializing_if = "is_default")]
    pub policy: Policy,
    /// Where secrets come from. Never their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, SecretRef>,
    /// Groups of tasks, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    /// The tasks, sorted by id.
    pub tasks: Vec<Task>,
    /// The variables of the whole run; strings may be residual templates.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub vars: Map<String, Value>,
    /// The format's version.
    pub version: u32,
}

/// What was read from outside while planning. `apply` and `resume` compare it with what is there then.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// Environment variables that expressions name; `None` where one was not set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Option<String>>,
    /// Files that steps stand on, by the name that the document gives them, with the hash of their content.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, BlobId>,
    /// The files that patterns of `fileglob` name, by pattern. A run lists them anew: its own steps may make some.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lists: BTreeMap<String, Vec<String>>,
}

/// The SHA-256 of a content, in hexadecimal: its name in the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct BlobId(Arc<str>);

impl BlobId {
    /// The name of `content`.
    pub fn of(content: &[u8]) -> Self {
        Self(crate::digest::sha256_hex(content).into())
    }

    /// Takes a name as it was written: 64 lower-case hexadecimal digits.
    pub fn new(text: &str) -> Option<Self> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (text.len() == 64 && text.bytes().all(hex)).then(|| Self(text.into()))
    }

    /// The 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BlobId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text).ok_or_else(|| format!("{text:?} is no name of a content"))
    }
}

impl std::fmt::Display for BlobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file; its last newline is not a part of the secret.
    File(String),
    /// A command's standard output; its last newline is not a part of the secret.
    Command(String),
}

/// How a run, a stage or a task is to be run. `None` takes the word of the level above.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// The order of starts. The run's only.
    #[serde(default, skip_serializing_if = "is_default")]
    pub strategy: Strategy,
    /// How many steps run at once; `None` is four for each core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallelism: Option<u32>,
    /// Whether the first failure ends the run (or the stage).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_fast: Option<bool>,
    /// How long it may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// What it may use. The run's only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// When and how a failed step is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Whether a failure takes back what was done. A stage's or a task's only.
    #[serde(default, skip_serializing_if = "is_default")]
    pub transaction: bool,
}

/// The order in which ready tasks start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// A step starts as soon as its needs are met.
    #[default]
    Eager,
    /// All ready tasks are one batch; the next batch starts when all of it is done.
    Batched,
}

/// Which failures are tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// Failures of the way to the work (a lost connection), not of the work.
    #[default]
    Transient,
    /// Any failure but those that cannot change.
    Any,
}

/// When and how a failed step is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// All attempts, the first one included; at least 1.
    pub max_attempts: u32,
    /// The wait before the second attempt, in milliseconds.
    pub initial_delay_ms: u64,
    /// The longest wait, in milliseconds.
    pub max_delay_ms: u64,
    /// By what each wait is longer than the one before.
    pub multiplier: f64,
    /// Whether waits are spread by up to half, so that many hosts do not retry in step.
    pub jitter: bool,
    /// Which failures count.
    #[serde(rename = "errors")]
    pub on: RetryOn,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            initial_delay_ms: 200,
            max_delay_ms: 30_000,
            multiplier: 2.0,
            jitter: true,
            on: RetryOn::Transient,
        }
    }
}

impl Retry {
    /// The wait after attempt number `attempt` (from 1), in milliseconds. `spread` in 0..1 is the jitter's draw.
    pub fn delay_ms(&self, attempt: u32, spread: f64) -> u64 {
        let steps = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let full = (self.initial_delay_ms as f64 * self.multiplier.powi(steps)).min(self.max_delay_ms as f64);
        let factor = if self.jitter { 0.5 + spread.clamp(0.0, 1.0) / 2.0 } else { 1.0 };
        (full * factor) as u64
    }
}

/// A group of tasks: a scope with its own variables and policy. Stages order nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name.
    pub name: StageName,
    /// Its variables.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub vars: Map<String, Value>,
    /// Its policy.
    #[serde(default, skip_serializing_if = "is_default")]
    pub policy: Policy,
    /// Whether its tasks are done again, round after round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Rounds>,
}

/// How a stage is repeated: all its tasks are done again until its conditions hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rounds {
    /// Expressions that must all hold after a round, or another one follows.
    pub until: Vec<String>,
    /// How many rounds there are at most, the first included.
    pub max_rounds: u32,
}

/// Steps that run one after another on each host of a set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Blocks in its body, outer ones before inner ones.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub blocks: Box<[Block]>,
    /// Where the cleanup steps begin in `steps`; its length where there are none.
    pub cleanup: u32,
    /// Index of its hosts in [`Plan::host_sets`].
    pub hosts: u32,
    /// Its id.
    pub id: TaskId,
    /// What few tasks have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<Box<TaskMore>>,
    /// Indices of the tasks that must be done first, sorted.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub needs: Box<[u32]>,
    /// Index of its stage in [`Plan::stages`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<u32>,
    /// All its steps: the body (with what blocks hold), then from `cleanup` on what always runs, in the
    /// order in which it runs.
    pub steps: Box<[Step]>,
}

/// What few tasks have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskMore {
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Expressions that must all hold, or it is skipped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<String>,
    /// Its variables.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub vars: Map<String, Value>,
    /// Names and templates of what it hands on, evaluated over the fields of its last result.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Value>,
    /// Its policy: time-out and retry.
    #[serde(default, skip_serializing_if = "is_default")]
    pub policy: Policy,
    /// How it goes over its hosts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rollout: Rollout,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// `block`, `rescue` and `always`: ranges of the task's steps that follow each other without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Where the body begins.
    pub start: u32,
    /// Where the body ends and the rescue begins.
    pub rescue: u32,
    /// Where the rescue ends and what always runs begins.
    pub always: u32,
    /// Where that ends.
    pub end: u32,
}

/// One action with one input, on each host of its task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What does it: a module's name, `approve`, `prompt`, ….
    pub action: Arc<str>,
    /// Its id in its task.
    pub id: StepId,
    /// The action's parameters; strings may be residual templates.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub input: Value,
    /// What is meant to happen.
    #[serde(default, skip_serializing_if = "is_default")]
    pub intent: Intent,
    /// What few steps have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<Box<StepMore>>,
}

/// What is meant to happen to a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// It is to run.
    #[default]
    Run,
    /// Nothing is to be done.
    Noop,
    /// It is left out on purpose, by tags, `--from` or policy; what stands on it goes on.
    Declined,
    /// It cannot run: the plan shows why.
    Error,
}

/// What few steps have: how a step is run, beyond what it does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepMore {
    /// What people read; the id where it is empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Why it is there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Expressions that must all hold, or it is skipped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<String>,
    /// What to repeat it over.
    #[serde(default, rename = "loop", skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Loop>,
    /// Repeat until it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// The name under which later steps of the task see its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<String>,
    /// Expressions over the result that all hold when it changed something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_when: Option<Vec<String>>,
    /// Expressions over the result that all hold when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_when: Option<Vec<String>>,
    /// Whether a failure is let through; a template or a boolean.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ignore_errors: bool,
    /// Whether it is let through that a host cannot be reached.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ignore_unreachable: bool,
    /// Whether its input and result are kept out of events, logs and artifacts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub no_log: bool,
    /// What to add to the environment of its processes.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub environment: Map<String, Value>,
    /// The step's own variables.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub vars: Map<String, Value>,
    /// As whom it runs on its host.
    #[serde(default, rename = "become", skip_serializing_if = "Option::is_none")]
    pub role: Option<Become>,
    /// The host that does it in place of the task's own; may be a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegate_to: Option<String>,
    /// Whether the first host alone does it; the others have its result.
    #[serde(default, skip_serializing_if = "is_default")]
    pub run_once: bool,
    /// How long one attempt may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// What happens when it is not known whether it ran.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_doubt: OnDoubt,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// State keys that it reads; a producer must be upstream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consumes: Vec<String>,
    /// State keys that it writes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub produces: Vec<String>,
    /// State keys that it may write: whether it does is known to nobody before it ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<String>,
    /// What a backend wants to say about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// What to repeat a step over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loop {
    /// The list, or a template that gives one.
    pub over: Value,
    /// The name of the current item.
    pub item: String,
    /// The name of the current index, if it is to have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// What to show for an item, as a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The wait between items, in milliseconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pause_ms: u64,
}

/// Repeat a step until expressions over its result hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Until {
    /// Expressions that must all hold.
    pub conditions: Vec<String>,
    /// How often it is tried again.
    pub retries: u32,
    /// The wait between, in milliseconds.
    pub delay_ms: u64,
}

/// What happens to a step that was started and may or may not have run to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDoubt {
    /// It runs again.
    #[default]
    Rerun,
    /// A person decides.
    Hold,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_empty<T>(list: &[T]) -> bool {
    list.is_empty()
}

static NO_TASK_MORE: std::sync::LazyLock<TaskMore> = std::sync::LazyLock::new(TaskMore::default);
static NO_STEP_MORE: std::sync::LazyLock<StepMore> = std::sync::LazyLock::new(StepMore::default);

impl Task {
    /// What few tasks have; all defaults where this one has none of it.
    pub fn more(&self) -> &TaskMore {
        self.more.as_deref().unwrap_or(&NO_TASK_MORE)
    }

    /// The steps of the body, blocks included.
    pub fn body(&self) -> &[Step] {
        &self.steps[..self.cleanup as usize]
    }
}

impl Step {
    /// What few steps have; all defaults where this one has none of it.
    pub fn more(&self) -> &StepMore {
        self.more.as_deref().unwrap_or(&NO_STEP_MORE)
    }

    /// What people read: its name, otherwise its id.
    pub fn title(&self) -> &str {
        let name = &self.more().name;
        if name.is_empty() { self.id.as_str() } else { name }
    }
}

impl Plan {
    /// The index of the task with this id.
    pub fn task(&self, id: &str) -> Option<u32> {
        self.tasks.binary_search_by(|task| task.id.as_str().cmp(id)).ok().map(|at| at as u32)
    }

    /// The hosts of a task, as indices into [`Plan::hosts`].
    pub fn hosts_of(&self, task: &Task) -> &[u32] {
        &self.host_sets[task.hosts as usize]
    }

    /// The canonical bytes: JSON without spaces, every map sorted.
    pub fn to_bytes(&self) -> Vec<u8> {
        crate::canonical::to_vec(self).expect("a plan has text keys only")
    }

    /// The digest of the canonical bytes.
    pub fn digest(&self) -> BlobId {
        BlobId::of(&self.to_bytes())
    }

    /// Reads a plan and checks its shape, so that no index in it can lead nowhere.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadPlan> {
        let mut plan: Plan = serde_json::from_slice(bytes).map_err(|e| BadPlan::Json(e.to_string()))?;
        plan.check()?;
        plan.share_names();
        Ok(plan)
    }

    /// Lets steps share the texts of their ids and actions: a large plan has few different ones.
    pub(crate) fn share_names(&mut self) {
        let (mut ids, mut actions) = (HashSet::new(), HashSet::new());
        for step in self.tasks.iter_mut().flat_map(|task| &mut task.steps) {
            share(&mut ids, &mut step.id);
            share(&mut actions, &mut step.action);
        }
    }
}

/// Puts the first of equal names in the place of this one.
fn share<T: Clone + Eq + std::hash::Hash>(known: &mut HashSet<T>, name: &mut T) {
    match known.get(name) {
        Some(first) => name.clone_from(first),
        None => drop(known.insert(name.clone())),
    }
}

/// Why something is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPlan {
    /// It cannot be read.
    #[error("the plan cannot be read: {0}")]
    Json(String),
    /// It is of a later format.
    #[error("the plan has version {0}; this program reads up to {PLAN_VERSION}")]
    Version(u32),
    /// An index leads nowhere, or an order is broken.
    #[error("the plan is malformed: {0}")]
    Shape(String),
    /// Tasks need each other in a circle.
    #[error("tasks need each other in a circle: {}", .0.join(" → "))]
    Cycle(Vec<String>),
}
