//! The stored format: whatever is written comes back, in few bytes, and what earlier versions wrote is read.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use windlass_model::{
    At, CleanupEntry, Code, Cost, Detail, Event, Failure, Fragment, Money, Outcome, Record, RunStatus, Scope,
    Status, TaskEnd, Tokens, Usage, Verdict,
};
use windlass_store::{Error, Filter, Journal, Sqlite, Store};

use crate::noted::{later_events, noted_run};
use crate::support::{new_run, plan_id, records, run_id, started, whole_run};

fn arb_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has finite numbers", |f| f.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

fn arb_at() -> impl Strategy<Value = At> {
    let numbers = (any::<u32>(), any::<u32>(), any::<u32>(), any::<Option<u32>>());
    numbers.prop_map(|(task, step, host, item)| At { task, step, host, item })
}

fn arb_failure() -> impl Strategy<Value = Failure> {
    let code = prop::sample::select(Code::ALL);
    (code, any::<String>(), any::<Option<String>>(), any::<(bool, bool)>()).prop_map(
        |(code, message, hint, (transient, permanent))| Failure { code, message, hint, transient, permanent },
    )
}

fn arb_usage() -> impl Strategy<Value = Usage> {
    // Up to a million units: there JSON's numbers are exact to the nano-unit.
    (any::<u64>(), -1_000_000_000_000_000..1_000_000_000_000_000i64, "[A-Z]{0,3}").prop_map(
        |(tokens, amount, currency)| Usage {
            tokens,
            cost: Cost { amount: Money(amount), currency },
            bound: tokens % 2 == 0,
            kinds: Tokens { input: tokens / 2, output: tokens / 3, cache_read: tokens % 5, cache_write: 0 },
            others: [("EUR".to_owned(), Money(amount / 2))].into_iter().filter(|_| tokens % 3 == 0).collect(),
        },
    )
}

fn arb_outcome() -> impl Strategy<Value = Outcome> {
    use Status::{Cancelled, Changed, Failed, Ok, Skipped, Undone, Unreachable};
    let detail = (
        arb_value(),
        prop::option::of(arb_failure()),
        any::<Option<String>>(),
        prop::option::of(arb_usage()),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(result, error, reason, usage, blocked, unknown)| Detail {
            result,
            error,
            reason,
            usage,
            blocked,
            unknown,
        });
    let status = prop::sample::select(vec![Ok, Changed, Skipped, Failed, Unreachable, Cancelled, Undone]);
    (status, any::<u64>(), prop::option::of(detail.prop_map(Arc::new)))
        .prop_map(|(status, duration_ms, detail)| Outcome { status, duration_ms, detail })
}

fn arb_scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        Just(Scope::Global),
        Just(Scope::Pipeline),
        any::<u32>().prop_map(Scope::Stage),
        any::<u32>().prop_map(Scope::Task),
    ]
}

fn arb_run_event() -> impl Strategy<Value = Event> {
    use RunStatus::{Aborted, Completed, Failed};
    use TaskEnd::{Blocked, Skipped, Undone};
    let status = prop::sample::select(vec![Completed, Failed, Aborted]);
    let end = prop::sample::select(vec![TaskEnd::Completed, TaskEnd::Failed, Skipped, Blocked, Undone]);
    let text = any::<String>;
    let value = || prop::option::of(arb_value().prop_map(Arc::new));
    prop_oneof![
        any::<(u32, bool)>().prop_map(|(pid, resumed)| Event::RunStarted { pid, resumed }),
        text().prop_map(|reason| Event::RunInterrupted { reason }),
        (status, prop::option::of(arb_failure().prop_map(Box::new)))
            .prop_map(|(status, error)| Event::RunFinished { status, error }),
        (
            any::<u32>(),
            end,
            any::<Option<String>>(),
            value(),
            prop::option::of(arb_failure().prop_map(Box::new))
        )
            .prop_map(|(task, end, reason, outputs, error)| Event::TaskFinished {
                task,
                end,
                reason,
                outputs: outputs.filter(|o| !o.is_null()),
                error
            }),
        (arb_scope(), text(), value()).prop_map(|(scope, key, value)| Event::StateSet {
            scope,
            key,
            value: value.filter(|v| !v.is_null())
        }),
        (any::<u32>(), any::<Vec<u32>>()).prop_map(|(batch, tasks)| Event::BatchMerged { batch, tasks }),
        (any::<u64>(), text(), text(), arb_value()).prop_map(|(id, kind, label, data)| Event::CleanupAdded {
            id,
            entry: Box::new(CleanupEntry { kind, label, data })
        }),
        (any::<u64>(), any::<Option<String>>()).prop_map(|(id, error)| Event::CleanupDone { id, error }),
    ]
}

fn arb_step_event() -> impl Strategy<Value = Event> {
    let usage = || prop::option::of(arb_usage().prop_map(Box::new));
    let verdict = prop::sample::select(vec![Verdict::Rerun, Verdict::Skip, Verdict::Fail]);
    let text = any::<String>;
    prop_oneof![
        (arb_at(), any::<u32>(), usage()).prop_map(|(at, attempt, reserved)| Event::StepStarted {
            at,
            attempt,
            reserved
        }),
        (arb_at(), any::<u32>(), arb_failure(), any::<u64>(), usage()).prop_map(
            |(at, attempt, error, delay_ms, used)| {
                Event::StepRetried { at, attempt, error: Box::new(error), delay_ms, used }
            }
        ),
        (arb_at(), arb_outcome()).prop_map(|(at, outcome)| Event::StepFinished { at, outcome }),
        (arb_at(), prop::collection::vec(arb_value(), 0..4), text()).prop_map(|(at, items, digest)| {
            Event::PlanExtended { at, fragment: Fragment::Items(Arc::new(items)), digest: digest.into() }
        }),
        (arb_at(), text()).prop_map(|(at, prompt)| Event::ApprovalAsked { at, prompt }),
        (arb_at(), any::<bool>(), text(), text()).prop_map(|(at, approved, by, note)| Event::ApprovalGiven {
            at,
            approved,
            by: by.into(),
            note: note.into()
        }),
        arb_at().prop_map(|at| Event::StepHeld { at }),
        (arb_at(), 0..9u32, 2..9u32).prop_map(|(at, stage, round)| Event::PlanExtended {
            at,
            fragment: Fragment::Round { stage, round },
            digest: "d".into()
        }),
        (0..9u32, arb_failure())
            .prop_map(|(stage, error)| Event::StageFailed { stage, error: Box::new(error) }),
        (arb_at(), 0..4u32).prop_map(|(at, last)| Event::StepsSent { at, last }),
        (arb_at(), verdict).prop_map(|(at, verdict)| Event::DoubtResolved { at, verdict }),
    ]
}

#[test]
fn every_record_comes_back_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = Sqlite::open(&folder.path().join("store.db")).expect("opens");
    let event = prop_oneof![arb_run_event(), arb_step_event()];
    let strategy = prop::collection::vec((any::<u64>(), event), 1..20);
    let run = new_run("a");
    journal.create(&run).expect("created");
    let last = std::cell::Cell::new(0);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    proptest::test_runner::TestRunner::new(config)
        .run(&strategy, |events| {
            let first = last.get() + 1;
            let written: Vec<Record> =
                (first..).zip(events).map(|(seq, (time, event))| Record { seq, time, event }).collect();
            last.set(last.get() + written.len() as u64);
            journal.append(&run.id, written.clone()).expect("appended");
            journal.flush().expect("durable");
            prop_assert_eq!(journal.scan(&run.id, first).expect("scans"), written);
            Ok(())
        })
        .expect("every record comes back");
}

/// One event of each kind, with all its fields. The stored fixture has these; what is added to `Event` is
/// added to a fixture of the version that adds it.
fn one_of_each() -> Vec<Event> {
    let at = At { task: 1, step: 2, host: 3, item: Some(4) };
    let failure = Failure::new(Code::CommandFailed, "no such file").hint("look").transient();
    let usage = Usage {
        cost: Cost { amount: Money(1_500_000_001), currency: "USD".into() },
        tokens: 7,
        ..Usage::default()
    };
    let detail = Detail {
        result: json!({"rc": 2, "stderr": "ö\n", "load": 0.30000000000000004}),
        error: Some(failure.clone()),
        reason: Some("because".into()),
        usage: Some(usage.clone()),
        blocked: true,
        unknown: false,
    };
    let value = || Some(Arc::new(json!({"sha": "abc"})));
    vec![
        Event::RunStarted { pid: 7, resumed: true },
        Event::StepStarted { at, attempt: 1, reserved: Some(Box::new(usage.clone())) },
        Event::StepRetried {
            at,
            attempt: 1,
            error: Box::new(failure.clone()),
            delay_ms: 200,
            used: Some(Box::new(usage)),
        },
        Event::PlanExtended {
            at: at.whole(),
            fragment: Fragment::Items(Arc::new(vec![json!(1), json!("two")])),
            digest: "d".into(),
        },
        Event::ApprovalAsked { at, prompt: "Release?".into() },
        Event::ApprovalGiven { at, approved: true, by: "me".into(), note: "go".into() },
        Event::StepHeld { at },
        Event::DoubtResolved { at, verdict: Verdict::Rerun },
        Event::StepFinished {
            at,
            outcome: Outcome { status: Status::Failed, duration_ms: 12, detail: Some(Arc::new(detail)) },
        },
        Event::StateSet { scope: Scope::Stage(1), key: "k".into(), value: value() },
        Event::TaskFinished {
            task: 1,
            end: TaskEnd::Failed,
            reason: Some("a step failed".into()),
            outputs: value(),
            error: Some(Box::new(failure.clone())),
        },
        Event::BatchMerged { batch: 1, tasks: vec![0, 1] },
        Event::CleanupAdded {
            id: 1,
            entry: CleanupEntry { kind: "file".into(), label: "tmp".into(), data: json!({"path": "x"}) }
                .into(),
        },
        Event::CleanupDone { id: 1, error: Some("busy".into()) },
        Event::RunInterrupted { reason: "SIGTERM".into() },
        Event::RunFinished { status: RunStatus::Failed, error: Some(failure.into()) },
    ]
}

#[test]
fn a_store_of_version_1_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let db = rusqlite::Connection::open(&path).expect("opens");
    db.execute_batch(include_str!("../fixtures/store-v1.sql")).expect("the fixture is SQL");
    drop(db);
    let journal = Sqlite::open(&path).expect("opens");
    let rows = journal.runs(&Filter::default()).expect("lists");
    assert_eq!(rows.len(), 2);
    let each = journal.scan(&run_id("each"), 1).expect("scans");
    assert_eq!(each, records(1, one_of_each()));
    assert_eq!(journal.run(&run_id("each")).expect("it is there").row.status, RunStatus::Failed);
    let whole = journal.run(&run_id("whole")).expect("it is there");
    assert_eq!((whole.row.status, whole.row.tasks.completed), (RunStatus::Completed, 2));
    assert_eq!(whole.plan_bytes, new_run("whole").plan_bytes);
    assert_eq!(journal.posted(&run_id("each"), 0).expect("reads")[0].command, json!({"abort": {"by": "me"}}));
    assert_eq!(journal.output_bytes().expect("counts"), 9);
    assert_eq!(journal.verify().expect("verifies"), [""; 0]);
    journal.append(&run_id("each"), records(17, [started()])).expect("it goes on");
    journal.flush().expect("durable");
}

#[test]
fn a_store_of_version_2_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let db = rusqlite::Connection::open(&path).expect("opens");
    db.execute_batch(include_str!("../fixtures/store-v2.sql")).expect("the fixture is SQL");
    drop(db);
    let journal = Sqlite::open(&path).expect("opens");
    assert_eq!(journal.claimed(&plan_id("saved")).expect("asked"), Some(run_id("whole")));
    assert!(matches!(
        journal.claim(&plan_id("saved"), &new_run("again")),
        Err(Error::PlanApplied { run, .. }) if run == run_id("whole")
    ));
    assert_eq!(journal.scan(&run_id("whole"), 1).expect("scans"), whole_run(2));
    assert_eq!(journal.verify().expect("verifies"), [""; 0]);
}

/// Writes the database that a fixture is dumped from (`sqlite3 FILE .dump`); for a new version of the format, and for
/// new events of one.
#[test]
#[ignore = "writes the database that a new fixture is dumped from, to the path in WINDLASS_FIXTURE"]
fn write_fixture() {
    let path = std::env::var_os("WINDLASS_FIXTURE").expect("WINDLASS_FIXTURE names a file");
    let journal = Sqlite::open(path.as_ref()).expect("opens");
    for (id, records) in [("each", records(1, one_of_each())), ("whole", whole_run(2))] {
        match id {
            "whole" => journal.claim(&plan_id("saved"), &new_run(id)).expect("claimed"),
            _ => journal.create(&new_run(id)).expect("created"),
        }
        journal.append(&run_id(id), records).expect("appended");
    }
    for (id, records) in [("noted", noted_run()), ("later", records(1, later_events()))] {
        journal.create(&new_run(id)).expect("created");
        journal.append(&run_id(id), records).expect("appended");
    }
    journal.refer(&run_id("each"), &windlass_model::BlobId::of(b"an output"), 9).expect("noted");
    journal.post(&run_id("each"), &json!({"abort": {"by": "me"}})).expect("posted");
}

#[test]
fn a_step_takes_at_most_300_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = Sqlite::open(&folder.path().join("store.db")).expect("opens");
    let count = 10_000;
    journal.create(&new_run("a")).expect("created");
    let empty = journal.size(&run_id("a")).expect("counts");
    journal.append(&run_id("a"), whole_run(count)).expect("appended");
    journal.flush().expect("durable");
    let bytes = journal.size(&run_id("a")).expect("counts") - empty;
    assert!(bytes / u64::from(count) <= 300, "{} bytes for each step", bytes / u64::from(count));
}

#[test]
fn foreign_and_newer_files_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path();
    let change = |sql: &str| {
        let db = rusqlite::Connection::open(state.join("store.db")).expect("opens");
        db.execute_batch(sql).expect("it is SQL");
    };
    drop(Store::open(state).expect("opens"));
    change("PRAGMA user_version = 99");
    let newer = Store::open(state).expect_err("a later version's");
    assert!(matches!(newer, Error::Newer { found: 99, known: 2, .. }), "{newer}");
    change("PRAGMA application_id = 5");
    assert!(matches!(Store::open(state).expect_err("another program's"), Error::Foreign { .. }));
    std::fs::write(state.join("store.db"), "no database at all, but long enough to look at").expect("writes");
    assert!(matches!(Store::open(state).expect_err("no database"), Error::Foreign { .. }));
}

#[test]
fn records_of_a_later_version_are_an_error_and_no_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let journal = Sqlite::open(&path).expect("opens");
    journal.create(&new_run("a")).expect("created");
    journal.append(&run_id("a"), whole_run(1)).expect("appended");
    journal.flush().expect("durable");
    let db = rusqlite::Connection::open(&path).expect("opens");
    // An unknown field is ignored, an unknown event is not.
    let replace = |from: &str, to: &str| {
        let data: Vec<u8> = db.query_row("SELECT data FROM batch", [], |row| row.get(0)).expect("one batch");
        let data = String::from_utf8(data).expect("text").replace(from, to);
        db.execute("UPDATE batch SET data = ?1", [data.into_bytes()]).expect("updates");
    };
    replace(r#""pid":7"#, r#""pid":7,"later":[1]"#);
    replace(r#"{"e":"#, r#"{"later":true,"e":"#);
    assert_eq!(journal.scan(&run_id("a"), 1).expect("scans"), whole_run(1));
    replace("run_started", "run_teleported");
    let error = journal.scan(&run_id("a"), 1).expect_err("an unknown event");
    assert!(
        error.to_string().starts_with("the records of run a cannot be read: record 1: unknown variant"),
        "{error}"
    );
}
