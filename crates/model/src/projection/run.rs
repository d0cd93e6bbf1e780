//! Where a run stands, as `run_state.json` has it.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::output::host_output;
use super::totals::{Totals, totals};
use super::view::{Entries, Error, Items, executions, host_count, host_name, step_id};
use super::{RunMeta, SCHEMA_VERSION};
use crate::{Approval, At, PastRound, Phase, RunState, Status, StepRun, TaskEnd, Usage};

/// `run_state.json` as a value.
pub fn run_state(meta: &RunMeta, state: &RunState) -> Value {
    serde_json::to_value(RunView { meta, state }).expect("a view has string keys and finite numbers only")
}

/// `run_state.json` as something to serialise, step by step.
#[derive(Clone, Copy, Debug)]
pub struct RunView<'a> {
    /// What the run is.
    pub meta: &'a RunMeta,
    /// Where it stands.
    pub state: &'a RunState,
}

/// Where a task stands, as artifacts say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Something that it needs is not done.
    Pending,
    /// All that it needs is done; it may start.
    Ready,
    /// A step of it was begun.
    Running,
    /// All that had to be done was done.
    Completed,
    /// A step failed and nothing rescued it.
    Failed,
    /// It was not to run; its reason says why.
    Skipped,
    /// What it did was taken back.
    Undone,
}

/// Where a task stands.
pub fn task_state(state: &RunState, task: u32) -> TaskState {
    let run = &state.tasks[task as usize];
    match run.end {
        Some(TaskEnd::Completed) => TaskState::Completed,
        Some(TaskEnd::Failed) => TaskState::Failed,
        Some(TaskEnd::Skipped | TaskEnd::Blocked) => TaskState::Skipped,
        Some(TaskEnd::Undone) => TaskState::Undone,
        None if run.started => TaskState::Running,
        None => {
            let met = |need: &u32| {
                matches!(state.tasks[*need as usize].end, Some(TaskEnd::Completed | TaskEnd::Skipped))
            };
            let ready = state.plan().tasks[task as usize].needs.iter().all(met);
            if ready { TaskState::Ready } else { TaskState::Pending }
        }
    }
}

/// Whether any step of a task changed something.
pub fn changed(state: &RunState, task: u32) -> bool {
    executions(state, task).any(|(_, run)| run.status() == Some(Status::Changed))
}

/// How often the step of a task that was tried most was tried.
pub fn attempts(state: &RunState, task: u32) -> u32 {
    executions(state, task).map(|(_, run)| run.attempts).max().unwrap_or(0)
}

/// What the steps of a task used, all their attempts together.
pub fn usage(state: &RunState, task: u32) -> Usage {
    state.used_by(task)
}

/// Where an execution of a step stands, as artifacts say it.
pub fn step_word(run: &StepRun) -> &'static str {
    match run.phase {
        Phase::Pending => "pending",
        Phase::Running | Phase::InDoubt | Phase::Held | Phase::Waiting | Phase::Asking => "running",
        Phase::Done(status) => status.word(),
    }
}

impl Serialize for RunView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (meta, state) = (self.meta, self.state);
        let plan = state.plan();
        #[derive(Serialize)]
        struct Run<'a, T, A> {
            schema_version: u32,
            run_id: &'a str,
            name: &'a str,
            backend: &'a str,
            invoker: &'a str,
            state: &'a str,
            reason: Option<&'a str>,
            plan_digest: &'a str,
            started_at: Option<u64>,
            finished_at: Option<u64>,
            usage: &'a Usage,
            error: Option<Error<'a>>,
            approvals: A,
            tasks: T,
        }
        Run {
            schema_version: SCHEMA_VERSION,
            run_id: meta.run_id.as_str(),
            name: &plan.name,
            backend: &plan.backend,
            invoker: &meta.invoker,
            state: state.status.word(),
            reason: state.interrupted_by.as_deref(),
            plan_digest: meta.plan_digest.as_str(),
            started_at: state.started_at,
            finished_at: state.finished_at,
            usage: &state.used,
            error: state.error.as_ref().map(Error::from),
            approvals: Items(|| state.approvals.iter().map(|(at, asked)| question(state, *at, asked))),
            tasks: Entries(|| {
                (0u32..).zip(&plan.tasks).map(|(n, task)| (&task.id, TaskView { state, task: n }))
            }),
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
struct Question<'a> {
    task: &'a str,
    step: Option<String>,
    host: Option<&'a str>,
    prompt: &'a str,
    approved: Option<bool>,
    by: Option<&'a str>,
    note: Option<&'a str>,
}

fn question<'a>(state: &'a RunState, at: At, asked: &'a Approval) -> Question<'a> {
    let plan = state.plan();
    let answer = asked.answer.as_ref();
    Question {
        task: plan.tasks[at.task as usize].id.as_str(),
        step: step_id(plan, at),
        host: host_name(plan, at.task, at.host),
        prompt: &asked.prompt,
        approved: answer.map(|(approved, ..)| *approved),
        by: answer.map(|(_, by, _)| by.as_str()),
        note: answer.map(|(.., note)| note.as_str()),
    }
}

struct TaskView<'a> {
    state: &'a RunState,
    task: u32,
}

impl Serialize for TaskView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Task<'a, O, T> {
            state: TaskState,
            reason: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            round: Option<u32>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            past: Vec<Past<'a>>,
            changed: bool,
            attempts: u32,
            output: O,
            outputs: Outputs<'a>,
            usage: Usage,
            error: Option<Error<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            totals: Option<Totals>,
            steps: T,
        }
        let (state, task) = (self.state, self.task);
        let detail = state.tasks[task as usize].detail.as_deref();
        Task {
            round: round(state, task),
            past: past(state, task),
            state: task_state(state, task),
            reason: detail.and_then(|d| d.reason.as_deref()),
            changed: changed(state, task),
            attempts: attempts(state, task),
            output: OutputView { state, task },
            outputs: Outputs(detail.and_then(|d| d.outputs.as_deref())),
            usage: usage(state, task),
            error: detail.and_then(|d| d.error.as_ref()).map(Error::from),
            totals: totals(state, task),
            steps: Items(|| steps(state, task)),
        }
        .serialize(serializer)
    }
}

/// What a task gave in a round that another followed.
#[derive(Serialize)]
struct Past<'a> {
    round: u32,
    state: &'static str,
    outputs: Outputs<'a>,
}

/// The round that a task is in, where its stage is repeated.
fn round(state: &RunState, task: u32) -> Option<u32> {
    let plan = state.plan();
    let stage = plan.tasks[task as usize].stage?;
    plan.stages[stage as usize].repeat.as_ref().map(|_| state.round(stage))
}

fn past(state: &RunState, task: u32) -> Vec<Past<'_>> {
    let rounds = state.past.range((task, 0)..=(task, u32::MAX));
    fn one<'a>((key, past): (&(u32, u32), &'a PastRound)) -> Past<'a> {
        Past {
            round: key.1,
            state: if past.end == Some(TaskEnd::Completed) { "completed" } else { "skipped" },
            outputs: Outputs(past.detail.as_ref().and_then(|detail| detail.outputs.as_deref())),
        }
    }
    rounds.map(one).collect()
}

/// Named outputs; an empty object where there are none.
struct Outputs<'a>(Option<&'a Value>);

impl Serialize for Outputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(value) => value.serialize(serializer),
            None => serializer.collect_map::<(), (), _>([]),
        }
    }
}

struct OutputView<'a> {
    state: &'a RunState,
    task: u32,
}

impl Serialize for OutputView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (state, task) = (self.state, self.task);
        match host_count(state.plan(), task) {
            1 => host_output(state, task, 0).serialize(serializer),
            count => serializer.collect_map((0..count).filter_map(|host| {
                Some((host_name(state.plan(), task, host)?, host_output(state, task, host)))
            })),
        }
    }
}

/// The steps of a task, each followed by the items that it was expanded into.
fn steps(state: &RunState, task: u32) -> impl Iterator<Item = StepView<'_>> {
    let count = state.plan().tasks[task as usize].steps.len() as u32;
    let hosts = host_count(state.plan(), task);
    (0..count).flat_map(move |step| {
        let whole = At { task, step, host: 0, item: None };
        let length = |host| state.expansions.get(&At { host, ..whole }).map_or(0, |e| e.runs.len() as u32);
        let items = if state.expansions.is_empty() { 0 } else { (0..hosts).map(length).max().unwrap_or(0) };
        std::iter::once(whole)
            .chain((0..items).map(move |n| whole.item(n)))
            .map(move |at| StepView { state, at })
    })
}

/// One step on all hosts of its task, or one item of it on those that have as many.
struct StepView<'a> {
    state: &'a RunState,
    at: At,
}

impl Serialize for StepView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Step<'a, H> {
            id: Option<String>,
            name: &'a str,
            action: &'a str,
            hosts: H,
        }
        let (state, at) = (self.state, self.at);
        let plan = state.plan();
        let step = &plan.tasks[at.task as usize].steps[at.step as usize];
        let on = |host| Some((host_name(plan, at.task, host)?, host_view(state.step(At { host, ..at })?)));
        Step {
            id: step_id(plan, at),
            name: step.title(),
            action: &step.action,
            hosts: Entries(|| (0..host_count(plan, at.task)).filter_map(on)),
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
struct HostView<'a> {
    state: &'a str,
    changed: bool,
    attempts: u32,
    duration_ms: Option<u32>,
    reason: Option<&'a str>,
    result: &'a Value,
    error: Option<Error<'a>>,
}

fn host_view(run: &StepRun) -> HostView<'_> {
    let detail = run.detail.as_deref();
    HostView {
        state: step_word(run),
        changed: run.status() == Some(Status::Changed),
        attempts: run.attempts,
        duration_ms: run.status().map(|_| run.duration_ms),
        reason: detail.and_then(|d| d.reason.as_deref()),
        result: detail.map_or(&Value::Null, |d| &d.result),
        error: detail.and_then(|d| d.error.as_ref()).map(Error::from),
    }
}
