//! What the tests share: small runs and their records.

use serde_json::json;
use windlass_model::{
    At, Draft, Event, Outcome, Plan, PlanId, Record, RunId, RunStatus, Status, Step, StepId, TaskDraft,
    TaskEnd, TaskId,
};
use windlass_store::{Journal, NewRun};

pub(crate) fn run_id(text: &str) -> RunId {
    RunId::new(text).expect("a good id")
}

pub(crate) fn plan_id(text: &str) -> PlanId {
    PlanId::new(text).expect("a good id")
}

/// A plan of `count` tasks of one step.
pub(crate) fn plan(count: usize) -> Plan {
    let mut draft = Draft::new("flow", "workflow/dag");
    let step = || Step::new(StepId::new("run").expect("a good id"), "command", json!({"cmd": "true"}));
    let task = |n| TaskDraft::new(TaskId::new(format!("t{n:05}")).expect("a good id")).step(step());
    draft.tasks = (0..count).map(task).collect();
    draft.finish().expect("a good plan")
}

pub(crate) fn new_run(id: &str) -> NewRun {
    NewRun::of(run_id(id), &plan(2), "/project", 1_000)
}

pub(crate) fn at(task: u32) -> At {
    At { task, step: 0, host: 0, item: None }
}

/// Numbers events from `first` on.
pub(crate) fn records(first: u64, events: impl IntoIterator<Item = Event>) -> Vec<Record> {
    (first..).zip(events).map(|(seq, event)| Record { seq, time: 1_759_000_000_000 + seq, event }).collect()
}

pub(crate) fn started() -> Event {
    Event::RunStarted { pid: 7, resumed: false }
}

pub(crate) fn finished(status: RunStatus) -> Event {
    Event::RunFinished { status, error: None }
}

/// What the journal gets for each step of one task: begun, done, and the task's end.
pub(crate) fn step_events(task: u32) -> [Event; 3] {
    [
        Event::StepStarted { at: at(task), attempt: 1, reserved: None },
        Event::StepFinished {
            at: at(task),
            outcome: Outcome { duration_ms: 12, ..Outcome::bare(Status::Changed) },
        },
        Event::TaskFinished { task, end: TaskEnd::Completed, reason: None, outputs: None, error: None },
    ]
}

/// All the records of a run of [`plan`] with `count` tasks that completes.
pub(crate) fn whole_run(count: u32) -> Vec<Record> {
    let steps = (0..count).flat_map(step_events);
    records(1, [started()].into_iter().chain(steps).chain([finished(RunStatus::Completed)]))
}

/// Writes down a run that completed.
pub(crate) fn completed(journal: &dyn Journal, id: &str, created_at: u64) {
    journal.create(&NewRun { created_at, ..new_run(id) }).expect("created");
    journal.append(&run_id(id), whole_run(2)).expect("appended");
    journal.flush().expect("durable");
}
