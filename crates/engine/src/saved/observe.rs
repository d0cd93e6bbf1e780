//! What the steps of a plan find on their hosts: the plan is run in check mode, which changes nothing, and each
//! step says what it would do and what it would do it to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use windlass_model::{
    At, BlobId, Outcome, Plan, Policy, RunId, RunState, Status, Step, StepMore, Strategy, Task, TaskMore,
};
use windlass_store::Store;

use super::stale::{Change, Part, Turn};
use crate::action::{Actions, Effect};
use crate::{BackendKey, Capability, Compiled, Error, Mode, Run, RunOptions, Runtime, Secrets, Stop};

/// What is foretold of a step on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predicted {
    /// It would find nothing to change.
    Ok,
    /// It would change something.
    Changed,
    /// It would not run.
    Skipped,
    /// Only the run itself can tell: commands, and what depends on them.
    Unknown,
}

/// What is foretold of a step on a host, and what that stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// What it would do.
    pub predicted: Predicted,
    /// The digest of what it would change, as it is now; never the thing itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<BlobId>,
}

/// What all steps of a plan found: by `task/step`, then by host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Observed(pub BTreeMap<String, BTreeMap<String, Seen>>);

impl fmt::Display for Predicted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Predicted::Ok => "ok",
            Predicted::Changed => "changed",
            Predicted::Skipped => "skipped",
            Predicted::Unknown => "unknown",
        })
    }
}

impl Observed {
    /// How many steps would do this, each host counted.
    pub fn count(&self, predicted: Predicted) -> usize {
        self.0.values().flat_map(BTreeMap::values).filter(|seen| seen.predicted == predicted).count()
    }

    /// Whether it is certain that there is nothing to do.
    pub fn is_noop(&self) -> bool {
        self.count(Predicted::Changed) == 0 && self.count(Predicted::Unknown) == 0
    }

    /// What is not as it was. Both are of one plan.
    pub(super) fn changes(&self, now: &Observed) -> Vec<Change> {
        let mut found = Vec::new();
        let names: BTreeSet<&String> = self.0.keys().chain(now.0.keys()).collect();
        let nothing = BTreeMap::new();
        for step in names {
            let (old, new) = (self.0.get(step).unwrap_or(&nothing), now.0.get(step).unwrap_or(&nothing));
            let hosts: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for host in hosts {
                let turn = match (old.get(host), new.get(host)) {
                    (Some(old), Some(new)) if old == new => continue,
                    (Some(old), Some(new)) if old.predicted == new.predicted => Turn::Changed(Vec::new()),
                    (Some(old), Some(new)) => Turn::Predicted(old.predicted, new.predicted),
                    (Some(_), None) => Turn::Gone,
                    (None, _) => Turn::New,
                };
                found.push(Part::Found(format!("{step}@{host}")).is(turn));
            }
        }
        found
    }

    fn of(state: &RunState, actions: &Actions) -> Self {
        Self::each(state.plan(), |at, step| seen(state, at, step, actions))
    }

    /// What is known where nobody can be asked.
    fn nothing(plan: &Plan) -> Self {
        Self::each(plan, |_, _| Seen { predicted: Predicted::Unknown, before: None })
    }

    fn each(plan: &Plan, seen: impl Fn(At, &Step) -> Seen) -> Self {
        let mut all = BTreeMap::new();
        for (task, spec) in plan.tasks.iter().enumerate() {
            for (step, what) in spec.steps.iter().enumerate() {
                let on = plan.hosts_of(spec).iter().enumerate().map(|(host, &name)| {
                    let at = At { task: task as u32, step: step as u32, host: host as u32, item: None };
                    (plan.hosts[name as usize].to_string(), seen(at, what))
                });
                all.insert(format!("{}/{}", spec.id, what.id), on.collect());
            }
        }
        Self(all)
    }
}

/// Lets go of a run that nobody waits for any more.
struct Held(Run);

impl Drop for Held {
    fn drop(&mut self) {
        // It does no harm after the run's end.
        self.0.stop(Stop::Cancel, "nobody waits for it any more");
    }
}

/// Runs a plan in check mode, in memory, and says what its steps found.
pub(super) async fn observe(
    runtime: &Runtime,
    compiled: &Compiled,
    secrets: &Arc<Secrets>,
    env: &BTreeMap<String, String>,
) -> Result<Observed, Error> {
    if !predicts(runtime, &compiled.plan) {
        return Ok(Observed::nothing(&compiled.plan));
    }
    let mut imagined = compiled.clone();
    calm(&mut imagined.plan);
    let options = RunOptions {
        // What a step finds may depend on the run's name, and must not change with it.
        id: Some(RunId::new("planning").expect("a word is an id")),
        mode: Mode { check: true, diff: true },
        secrets: secrets.clone(),
        environment: env.clone(),
        ..RunOptions::default()
    };
    let run = Held(runtime.over(Store::memory()).start(imagined, options)?);
    let finished = run.0.wait().await?;
    Ok(Observed::of(&finished.state, runtime.actions()))
}

/// Whether the backend that made the plan says that its steps can be asked.
fn predicts(runtime: &Runtime, plan: &Plan) -> bool {
    let (mode, name) = plan.backend.split_once('/').unwrap_or((&plan.backend, ""));
    let backend = runtime.backends().resolve(&BackendKey::new(mode, name));
    backend.is_ok_and(|backend| backend.capabilities().contains(&Capability::Check))
}

/// Takes out of a plan what would make two observations of one world differ: what one failure does to tasks
/// beside it, which steps go on at once (two that make one folder would race for who changes it), and waits.
fn calm(plan: &mut Plan) {
    plan.policy = Policy { max_parallelism: Some(1), strategy: Strategy::Eager, ..calmer(&plan.policy) };
    for stage in &mut plan.stages {
        stage.policy = calmer(&stage.policy);
    }
    for Task { more, steps, .. } in &mut plan.tasks {
        if let Some(more) = more {
            **more = TaskMore { policy: calmer(&more.policy), ..TaskMore::clone(more) };
        }
        for more in steps.iter_mut().filter_map(|step| step.more.as_mut()) {
            **more = StepMore { until: None, retry: None, ..StepMore::clone(more) };
            if let Some(repeat) = &mut more.repeat {
                repeat.pause_ms = 0;
            }
        }
    }
}

fn calmer(policy: &Policy) -> Policy {
    Policy { fail_fast: Some(false), retry: None, transaction: false, ..policy.clone() }
}

/// What is foretold of a step on a host; of a loop, what is foretold of its items.
fn seen(state: &RunState, at: At, step: &Step, actions: &Actions) -> Seen {
    let acts = actions.get(&step.action).is_none_or(|action| action.effect() == Effect::External);
    let acts = acts && !never_changes(step);
    let outcomes: Vec<Option<Outcome>> = match state.expansions.get(&at) {
        Some(items) => items.runs.iter().map(|run| run.outcome()).collect(),
        None => vec![state.step(at).and_then(|run| run.outcome())],
    };
    let all: Vec<Predicted> = outcomes.iter().map(|outcome| predicted(outcome.as_ref(), acts)).collect();
    let order = [Predicted::Unknown, Predicted::Changed, Predicted::Ok];
    let predicted = order.into_iter().find(|one| all.contains(one)).unwrap_or(Predicted::Skipped);
    let before: Vec<Value> = outcomes.iter().flatten().filter_map(before).collect();
    Seen { predicted, before: (!before.is_empty()).then(|| digest(before)) }
}

/// Whether the document says so: a command that only looks.
fn never_changes(step: &Step) -> bool {
    let conditions = step.more().changed_when.as_deref().unwrap_or_default();
    conditions.iter().any(|condition| condition.trim().eq_ignore_ascii_case("false"))
}

fn predicted(outcome: Option<&Outcome>, acts: bool) -> Predicted {
    let Some(outcome) = outcome else { return Predicted::Unknown };
    let detail = outcome.detail.as_deref();
    match outcome.status {
        Status::Ok => Predicted::Ok,
        Status::Changed => Predicted::Changed,
        Status::Skipped if detail.is_some_and(|detail| detail.blocked) => Predicted::Unknown,
        // One that never changes anything leaves things as they are, whatever it would say.
        Status::Skipped if detail.is_some_and(|detail| detail.unknown) => {
            if acts {
                Predicted::Unknown
            } else {
                Predicted::Ok
            }
        }
        Status::Skipped => Predicted::Skipped,
        // In check mode a step may fail only because an earlier one did not really do its work.
        Status::Failed | Status::Unreachable | Status::Cancelled | Status::Undone => Predicted::Unknown,
    }
}

/// What a step would change, as its module shows it: one difference, or a list of them.
fn before(outcome: &Outcome) -> Option<Value> {
    match outcome.result().get("diff")? {
        Value::Array(all) => Some(all.iter().filter_map(|diff| diff.get("before").cloned()).collect()),
        one => one.get("before").cloned(),
    }
}

fn digest(before: Vec<Value>) -> BlobId {
    BlobId::of(Value::Array(before).to_string().as_bytes())
}
