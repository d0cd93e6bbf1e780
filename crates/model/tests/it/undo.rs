//! What a resume finds of a task whose steps were taken back.

use std::sync::Arc;

use serde_json::json;
use windlass_model::{
    At, Code, Draft, Event, Failure, Outcome, Phase, Record, RunState, RunStatus, Scope, Status, TaskEnd,
};

use crate::fold::plan;

const TASK: Scope = Scope::Task(0);

/// The first step of the first task changed something, the second one failed, and its cleanup is done.
fn failed() -> RunState {
    let at = |step| At { task: 0, step, host: 0, item: None };
    fold(
        RunState::new(plan()),
        [
            Event::RunStarted { pid: 1, resumed: false },
            Event::StepStarted { at: at(0), attempt: 1, reserved: None },
            Event::UndoKept { at: at(0), before: Arc::new(json!(1)) },
            Event::StepFinished { at: at(0), outcome: Outcome::bare(Status::Changed) },
            Event::StepStarted { at: at(1), attempt: 1, reserved: None },
            Event::StepFinished { at: at(1), outcome: Outcome::bare(Status::Failed) },
            Event::StepStarted { at: at(2), attempt: 1, reserved: None },
            Event::StepFinished { at: at(2), outcome: Outcome::bare(Status::Ok) },
            Event::UndoStarted { scope: TASK },
        ],
    )
}

fn fold(mut state: RunState, events: impl IntoIterator<Item = Event>) -> RunState {
    for event in events {
        let record = Record { seq: state.seq + 1, time: 1, event };
        state.apply(&record).unwrap();
    }
    state
}

fn undone(error: Option<Failure>) -> [Event; 2] {
    let at = At { task: 0, step: 0, host: 0, item: None };
    [Event::StepUndone { at, error: None }, Event::UndoFinished { scope: TASK, error: error.map(Box::new) }]
}

fn resumed(state: RunState) -> Vec<Phase> {
    let state = fold(state, [Event::RunStarted { pid: 2, resumed: true }]);
    assert_eq!(state.tasks[0].end, None);
    state.steps_on(0, 0).iter().map(|run| run.phase).collect()
}

#[test]
fn a_task_that_was_taken_back_begins_anew_whatever_was_lost_of_its_end() {
    let end = |end| Event::TaskFinished { task: 0, end, reason: None, outputs: None, error: None };
    let partly = || Some(Failure::new(Code::CannotUndo, "x"));
    for (name, events) in [
        ("its end was lost", undone(None).to_vec()),
        ("all of it", [undone(None).to_vec(), vec![end(TaskEnd::Undone)]].concat()),
        ("a part of it, and its end was lost", undone(partly()).to_vec()),
        ("a part of it", [undone(partly()).to_vec(), vec![end(TaskEnd::Failed)]].concat()),
    ] {
        assert_eq!(resumed(fold(failed(), events)), [Phase::Pending; 3], "{name}");
    }
}

#[test]
fn a_task_that_is_being_taken_back_stays_as_it_is() {
    let phases = resumed(failed());
    assert_eq!(phases[..2], [Phase::Done(Status::Changed), Phase::Done(Status::Failed)]);
}

#[test]
fn a_run_is_being_taken_back_until_its_end_is_told() {
    let finished = |status| Event::RunFinished { status, error: None };
    let plan = Arc::new(Draft::new("nothing", "workflow/dag").finish().unwrap());
    let state = fold(
        RunState::new(plan),
        [
            Event::RunStarted { pid: 1, resumed: false },
            finished(RunStatus::Completed),
            Event::UndoStarted { scope: Scope::Global },
            Event::UndoFinished { scope: Scope::Global, error: None },
            Event::RunStarted { pid: 2, resumed: true },
        ],
    );
    assert!(state.undoing.contains(&Scope::Global));
    assert!(fold(state, [finished(RunStatus::Aborted)]).undoing.is_empty());
}
