//! What is left when the process or the disk ends: a prefix without a gap, with all that was reported durable.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use windlass_model::{Event, Record};
use windlass_store::{Error, Journal, Sqlite};

use crate::support::{new_run, records, run_id, started, step_events};

/// Names the database to the process that is killed.
const PATH: &str = "WINDLASS_CRASH_TEST";

/// The event that stands at this number in the run that the child writes.
fn event(seq: u64) -> Event {
    if seq == 1 {
        return started();
    }
    let [first, second, third] = step_events((seq % 2) as u32);
    [first, second, third].into_iter().nth((seq % 3) as usize).expect("one of three")
}

fn expected(count: u64) -> Vec<Record> {
    records(1, (1..=count).map(event))
}

/// Appends for ever, in batches of 1 to 40 records, and says on stdout up to which number it is durable.
#[test]
#[ignore = "the process that the crash tests kill"]
fn child() {
    let path = std::env::var_os(PATH).expect("the parent says where");
    let journal = Sqlite::open(path.as_ref()).expect("opens");
    let run = run_id("a");
    match journal.create(&new_run("a")) {
        Ok(()) | Err(Error::RunExists(_)) => {}
        Err(error) => panic!("{error}"),
    }
    let durable = journal.durable();
    let mut seq = journal.run(&run).expect("it is there").row.seq;
    let mut waiting = VecDeque::new();
    let mut out = std::io::stdout();
    loop {
        let count = seq * 7 % 40 + 1;
        let batch = records(seq + 1, (seq + 1..=seq + count).map(event));
        seq += count;
        // In turns: through the writer's thread, and in this one where that has nothing to do.
        let appended = if count.is_multiple_of(2) {
            journal.append(&run, batch)
        } else {
            journal.append_now(&run, batch)
        };
        let Ok(position) = appended else { break };
        waiting.push_back((position, seq));
        if waiting.len() > 32 && journal.flush().is_err() {
            break;
        }
        let reached = durable.borrow().position;
        while let Some((_, seq)) = waiting.pop_front_if(|(position, _)| *position <= reached) {
            writeln!(out, "durable {seq}").and_then(|()| out.flush()).expect("the parent listens");
        }
    }
    let failed = durable.borrow().failed.clone().expect("only a failure ends it");
    writeln!(out, "failed {}", failed.code()).expect("the parent listens");
}

fn spawn(program: &mut Command, path: &Path) -> Child {
    let child = program.env(PATH, path).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    child.spawn().expect("it starts")
}

const CHILD: [&str; 4] = ["crash::child", "--exact", "--ignored", "--nocapture"];

/// The last number that the child reported, and why it failed if it said so.
fn reports(child: &mut Child) -> (u64, Option<String>) {
    let (mut last, mut failed) = (0, None);
    for line in BufReader::new(child.stdout.take().expect("it is piped")).lines() {
        let line = line.expect("text");
        if let Some(seq) = line.split("durable ").nth(1) {
            // The last line may be torn by the kill.
            last = seq.parse().unwrap_or(0).max(last);
        } else if let Some(code) = line.split("failed ").nth(1) {
            failed = Some(code.to_owned());
        }
    }
    child.wait().expect("it ended");
    (last, failed)
}

/// Opens the store again and checks that it has a prefix up to `reported` at least.
fn check(path: &Path, reported: u64) -> u64 {
    let journal = Sqlite::open(path).expect("opens");
    if matches!(journal.run(&run_id("a")), Err(Error::UnknownRun { .. })) {
        assert_eq!(reported, 0);
        return 0;
    }
    let found = journal.scan(&run_id("a"), 1).expect("scans");
    assert!(found.len() as u64 >= reported, "{} of {reported} records are there", found.len());
    assert!(found == expected(found.len() as u64), "the records are not those that were written");
    assert_eq!(journal.run(&run_id("a")).expect("it is there").row.seq, found.len() as u64);
    assert_eq!(journal.verify().expect("verifies"), [""; 0]);
    found.len() as u64
}

#[test]
fn killed_at_any_time_it_has_all_that_was_durable() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let mut total = 0;
    for round in 0..20u64 {
        let mut child = spawn(Command::new(std::env::current_exe().expect("this test")).args(CHILD), &path);
        std::thread::sleep(Duration::from_millis(round * 53 % 60 + 2));
        child.kill().expect("it is killed");
        let (reported, failed) = reports(&mut child);
        assert_eq!(failed, None);
        let found = check(&path, reported);
        assert!(found >= total, "nothing is lost later");
        total = found;
    }
    assert!(total > 0, "some child came to write");
}

#[test]
fn a_disk_that_takes_no_more_fails_the_journal_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    // Files may have 1 MiB; the signal that goes with the limit is ignored, so that writing fails instead.
    let script = "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\"";
    let exe = std::env::current_exe().expect("this test");
    let mut child = spawn(Command::new("sh").args(["-c", script]).arg(exe).args(CHILD), &path);
    let (reported, failed) = reports(&mut child);
    assert_eq!(failed.as_deref(), Some("WL0703"), "the failure is told, with its code");
    assert!(reported > 0);
    let found = check(&path, reported);
    // With room again the run goes on.
    let journal = Sqlite::open(&path).expect("opens");
    journal.append(&run_id("a"), records(found + 1, [event(found + 1)])).expect("appended");
    journal.flush().expect("durable");
}

#[test]
fn who_writes_itself_hears_of_a_failure_as_all_others_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let journal = Sqlite::open(&path).expect("opens");
    journal.create(&new_run("a")).expect("created");
    let db = rusqlite::Connection::open(&path).expect("opens");
    db.execute_batch("ALTER TABLE batch RENAME TO gone").expect("it is SQL");
    let lost = journal.append_now(&run_id("a"), expected(1)).expect("its place is known");
    let durable = journal.durable().borrow().clone();
    assert!(durable.position < lost && durable.failed.is_some());
    assert!(matches!(journal.flush(), Err(Error::Failed(_))));
    drop(journal);
    db.execute_batch("ALTER TABLE gone RENAME TO batch").expect("it is SQL");
    let journal = Sqlite::open(&path).expect("opens");
    assert_eq!(journal.scan(&run_id("a"), 1).expect("scans"), []);
}

#[test]
fn a_failure_sticks_and_is_told_to_everyone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let journal = Sqlite::open(&path).expect("opens");
    journal.create(&new_run("a")).expect("created");
    let first = journal.append(&run_id("a"), expected(1)).expect("appended");
    journal.flush().expect("durable");
    let db = rusqlite::Connection::open(&path).expect("opens");
    db.execute_batch("ALTER TABLE batch RENAME TO gone").expect("it is SQL");
    let lost = journal.append(&run_id("a"), records(2, [event(2)])).expect("it does not wait");
    assert!(matches!(journal.flush(), Err(Error::Failed(_))));
    let durable = journal.durable().borrow().clone();
    assert!(durable.position >= first && durable.position < lost);
    assert!(durable.failed.is_some());
    assert!(matches!(journal.append(&run_id("a"), records(3, [event(3)])), Err(Error::Failed(_))));
    assert!(matches!(journal.append_now(&run_id("a"), records(3, [event(3)])), Err(Error::Failed(_))));
    assert!(matches!(journal.create(&new_run("b")), Err(Error::Failed(_))));
    drop(journal);
    db.execute_batch("ALTER TABLE gone RENAME TO batch").expect("it is SQL");
    assert_eq!(check(&path, 1), 1);
}
