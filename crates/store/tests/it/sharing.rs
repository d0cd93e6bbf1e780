//! Several writers on one store, in one process and in several.

use std::process::{Command, Stdio};

use windlass_store::{Error, Filter, Journal, Sqlite, Store};

use crate::support::{new_run, plan_id, records, run_id, started, step_events};

const PATH: &str = "WINDLASS_SHARING_TEST";
const RUN: &str = "WINDLASS_SHARING_RUN";
const BATCHES: u64 = 60;

/// Writes a run in many small commits.
fn write(journal: &dyn Journal, id: &str) {
    let run = run_id(id);
    journal.create(&new_run(id)).expect("created");
    for batch in 0..BATCHES {
        let events = step_events((batch % 2) as u32);
        let records = records(batch * 3 + 1, events);
        // As many as not write themselves, where nobody else does.
        let appended = if batch.is_multiple_of(3) {
            journal.append(&run, records)
        } else {
            journal.append_now(&run, records)
        };
        appended.expect("appended");
        if batch % 4 == 0 {
            journal.flush().expect("durable");
        }
    }
    journal.flush().expect("durable");
}

fn check(journal: &dyn Journal, ids: &[String]) {
    assert_eq!(journal.runs(&Filter::default()).expect("lists").len(), ids.len());
    for id in ids {
        let found = journal.scan(&run_id(id), 1).expect("scans");
        assert!(found.iter().map(|r| r.seq).eq(1..=BATCHES * 3), "{id} has a gap");
    }
    assert_eq!(journal.verify().expect("verifies"), [""; 0]);
}

#[test]
#[ignore = "one of the processes that share a store"]
fn child() {
    let path = std::env::var_os(PATH).expect("the parent says where");
    write(&Sqlite::open(path.as_ref()).expect("opens"), &std::env::var(RUN).expect("the parent says which"));
}

const PLAN: &str = "WINDLASS_SHARING_PLAN";

#[test]
#[ignore = "one of the processes that apply a plan"]
fn applier() {
    let path = std::env::var_os(PATH).expect("the parent says where");
    let id = std::env::var(RUN).expect("the parent says which");
    let plan = plan_id(&std::env::var(PLAN).expect("the parent says which"));
    let journal = Sqlite::open(path.as_ref()).expect("opens");
    match journal.claim(&plan, &new_run(&id)) {
        Ok(()) => {}
        Err(Error::PlanApplied { run, .. }) => assert_ne!(run, run_id(&id)),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn of_processes_that_apply_a_plan_one_succeeds() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    for plan in ["one", "two", "three"] {
        let start = |n: usize| {
            Command::new(std::env::current_exe().expect("this test"))
                .args(["sharing::applier", "--exact", "--ignored"])
                .env(PATH, &path)
                .env(RUN, format!("{plan}-{n}"))
                .env(PLAN, plan)
                .stdout(Stdio::null())
                .spawn()
                .expect("it starts")
        };
        let children: Vec<_> = (0..4).map(start).collect();
        for mut child in children {
            assert!(child.wait().expect("it ended").success());
        }
    }
    let journal = Sqlite::open(&path).expect("opens");
    let runs = journal.runs(&Filter::default()).expect("lists");
    assert_eq!(runs.len(), 3, "one run for each plan");
    for plan in ["one", "two", "three"] {
        let run = journal.claimed(&plan_id(plan)).expect("asked").expect("one of them did");
        assert!(runs.iter().any(|row| row.id == run));
    }
}

#[test]
fn four_processes_share_a_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let ids: Vec<String> = (0..4).map(|n| format!("p{n}")).collect();
    let start = |id: &String| {
        Command::new(std::env::current_exe().expect("this test"))
            .args(["sharing::child", "--exact", "--ignored"])
            .env(PATH, &path)
            .env(RUN, id)
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts")
    };
    let children: Vec<_> = ids.iter().map(start).collect();
    for mut child in children {
        assert!(child.wait().expect("it ended").success());
    }
    check(&Sqlite::open(&path).expect("opens"), &ids);
}

#[test]
fn four_threads_share_a_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let stores = [Store::memory(), Store::open(folder.path()).expect("opens")];
    for store in stores {
        let ids: Vec<String> = (0..4).map(|n| format!("t{n}")).collect();
        std::thread::scope(|scope| {
            for id in &ids {
                let store = store.clone();
                scope.spawn(move || write(&*store, id));
            }
        });
        check(&*store, &ids);
    }
}

#[test]
fn a_run_may_be_driven_by_one_process_and_then_by_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let (one, other) = (Sqlite::open(&path).expect("opens"), Sqlite::open(&path).expect("opens"));
    let run = run_id("a");
    one.create(&new_run("a")).expect("created");
    assert!(matches!(other.create(&new_run("a")), Err(Error::RunExists(_))));
    for (seq, journal) in (1..).zip([&one, &other, &one, &other]) {
        journal.append(&run, records(seq, [started()])).expect("it knows what the other wrote");
        journal.flush().expect("durable");
    }
    // Without the lease, two that write at once are told apart before anything is mixed.
    let positions = [&one, &other].map(|journal| journal.append(&run, records(5, [started()])).is_ok());
    let flushed = [one.flush().is_ok(), other.flush().is_ok()];
    let written = (0..2).filter(|&n| positions[n] && flushed[n]).count();
    assert_eq!(written, 1, "{positions:?} {flushed:?}");
    assert_eq!(Sqlite::open(&path).expect("opens").scan(&run, 1).expect("scans").len(), 5);
}
