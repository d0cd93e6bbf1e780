//! Small pieces that the projections share: maps and lists that serialise as they are walked.

use serde::{Serialize, Serializer};

use crate::{At, Failure, Plan, RunState, Status, StepRun};

/// A JSON object, from a function that gives its entries.
pub(super) struct Entries<F>(pub(super) F);

impl<F, I, K, V> Serialize for Entries<F>
where
    F: Fn() -> I,
    I: Iterator<Item = (K, V)>,
    K: Serialize,
    V: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map((self.0)())
    }
}

/// A JSON array, from a function that gives its items.
pub(super) struct Items<F>(pub(super) F);

impl<F, I, V> Serialize for Items<F>
where
    F: Fn() -> I,
    I: Iterator<Item = V>,
    V: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

/// A failure as artifacts show it: always with these three keys.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Error<'a> {
    code: crate::Code,
    message: &'a str,
    hint: Option<&'a str>,
}

impl<'a> From<&'a Failure> for Error<'a> {
    fn from(failure: &'a Failure) -> Self {
        Self { code: failure.code, message: &failure.message, hint: failure.hint.as_deref() }
    }
}

/// The id of a step in its task, or of one of its items.
pub(super) fn step_id(plan: &Plan, at: At) -> Option<String> {
    let step = plan.tasks.get(at.task as usize)?.steps.get(at.step as usize)?;
    Some(match at.item {
        None => step.id.to_string(),
        Some(item) => format!("{}[{item}]", step.id),
    })
}

/// The name of a host, by its position in the task's host set.
pub(super) fn host_name(plan: &Plan, task: u32, host: u32) -> Option<&str> {
    let hosts = plan.hosts_of(plan.tasks.get(task as usize)?);
    Some(plan.hosts.get(*hosts.get(host as usize)? as usize)?)
}

/// How many hosts a task has.
pub(super) fn host_count(plan: &Plan, task: u32) -> u32 {
    plan.hosts_of(&plan.tasks[task as usize]).len() as u32
}

/// The executions of a task that count for it: of a loop that was expanded its items, of every other step
/// itself.
pub(super) fn executions(state: &RunState, task: u32) -> impl Iterator<Item = (At, &StepRun)> {
    let hosts = 0..host_count(state.plan(), task);
    hosts.flat_map(move |host| {
        let steps = state.steps_on(task, host).iter();
        steps.enumerate().flat_map(move |(step, run)| {
            let at = At { task, step: step as u32, host, item: None };
            let items = state.expansions.get(&at).map_or(&[][..], |expansion| &expansion.runs);
            let whole = items.is_empty().then_some((at, run));
            whole.into_iter().chain((0u32..).zip(items).map(move |(n, run)| (at.item(n), run)))
        })
    })
}

/// Whether an execution failed, or its host could not be reached.
pub(super) fn failed(run: &StepRun) -> bool {
    matches!(run.status(), Some(Status::Failed | Status::Unreachable))
}
