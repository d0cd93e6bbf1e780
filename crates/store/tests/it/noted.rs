//! Records that came into version 2 of the stored format after its first fixture was written: they stay readable, too.

use std::sync::Arc;

use serde_json::{Value, json};
use windlass_model::{Code, Event, Failure, Fragment, Note, Record, RunState, Scope, Usage};
use windlass_store::{Journal, Sqlite};

use crate::support::{at, plan, records, run_id, started};

/// What a step that pays several times leaves behind when its driver dies between two of its notes.
pub(crate) fn noted_run() -> Vec<Record> {
    let usage = |tokens| Usage { tokens, ..Usage::default() };
    let note = |used, next, data| Event::StepNoted {
        at: at(0),
        attempt: 1,
        note: Arc::new(Note { used: usage(used), next: usage(next), data }),
    };
    records(
        1,
        [
            started(),
            Event::StepStarted { at: at(0), attempt: 1, reserved: Some(Box::new(usage(100))) },
            note(0, 40, json!({"asked": "abc"})),
            note(30, 50, json!({"reply": "ö"})),
        ],
    )
}

/// One of each event that version 2 of the format got after its first fixture, but for notes.
pub(crate) fn later_events() -> Vec<Event> {
    let error = || Failure::new(Code::StepFailed, "no");
    let scope = Scope::Task(1);
    vec![
        Event::StepsSent { at: at(1), last: 3 },
        Event::PlanExtended {
            at: at(0),
            fragment: Fragment::Round { stage: 0, round: 2 },
            digest: "d".into(),
        },
        Event::StageFailed { stage: 0, error: Box::new(error()) },
        Event::UndoKept { at: at(1), before: Arc::new(json!({"mode": "0600"})) },
        Event::UndoStarted { scope },
        Event::StepUndone { at: at(1), error: Some(Box::new(error())) },
        Event::UndoFinished { scope, error: None },
        Event::CheckRenewed,
    ]
}

#[test]
fn a_store_of_version_2_with_notes_is_read_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let db = rusqlite::Connection::open(&path).expect("opens");
    db.execute_batch(include_str!("../fixtures/store-v2-notes.sql")).expect("the fixture is SQL");
    drop(db);
    let journal = Sqlite::open(&path).expect("opens");
    assert_eq!(journal.scan(&run_id("later"), 1).expect("scans"), records(1, later_events()));
    let told = journal.scan(&run_id("noted"), 1).expect("scans");
    assert_eq!(told, noted_run());
    // What was noted counts, what came after the last note counts at its bound, and the next attempt has the notes.
    let resumed = records(5, [Event::RunStarted { pid: 8, resumed: true }]);
    journal.append(&run_id("noted"), resumed).expect("it goes on");
    journal.flush().expect("durable");
    let told = journal.scan(&run_id("noted"), 1).expect("scans");
    let state = RunState::replay(Arc::new(plan(2)), &told).expect("they follow each other");
    assert_eq!(state.used.tokens, 80);
    let data: Vec<&Value> = state.notes(at(0)).iter().map(|note| &note.data).collect();
    assert_eq!(data, [&json!({"asked": "abc"}), &json!({"reply": "ö"})]);
    assert_eq!(journal.verify().expect("verifies"), [""; 0]);
}
