//! What a check finds in single runs, and what a repair makes of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use windlass_model::projection::RunMeta;
use windlass_model::{CleanupEntry, Event, RunState, RunStatus, Scope};
use windlass_store::{Findings, Leftover, Store, artifacts};

use crate::support::{completed, finished, new_run, plan, records, run_id, started, whole_run};

/// A store with one completed run and its artifacts.
fn with_run() -> (tempfile::TempDir, Store, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    completed(&*store, "a", 1);
    let stored = store.run(&run_id("a")).expect("it is there");
    let meta = RunMeta::new(run_id("a"), "local", stored.row.digest);
    let state = RunState::replay(Arc::new(plan(2)), &whole_run(2)).expect("legal");
    let (mut writer, first) = artifacts::Writer::open(&store, &meta, &state).expect("it has a folder");
    first.expect("written");
    writer.end(&state).expect("written");
    let run = folder.path().join("runs/a");
    (folder, store, run)
}

fn texts(run: &Path) -> Vec<Option<String>> {
    artifacts::NAMES.iter().map(|name| fs::read_to_string(run.join(name)).ok()).collect()
}

/// Spoils something in a run's folder.
type Break = Box<dyn Fn(&Path)>;

#[test]
fn files_that_are_not_what_the_journal_has_are_found_and_made_anew() {
    let cut = |name: &'static str| {
        move |run: &Path| {
            let text = fs::read_to_string(run.join(name)).expect("it is there");
            fs::write(run.join(name), &text[..text.len() - 7]).expect("written");
        }
    };
    let remove =
        |name: &'static str| move |run: &Path| fs::remove_file(run.join(name)).expect("it was there");
    let breaks: Vec<Break> = vec![
        Box::new(cut("run_state.json")),
        Box::new(cut("plan.json")),
        Box::new(cut("events.jsonl")),
        Box::new(cut("error_report.json")),
        Box::new(remove("run_state.json")),
        Box::new(remove("events.jsonl")),
        Box::new(|run| fs::write(run.join(".plan.json.77.0.tmp"), "{").expect("written")),
        Box::new(|run| {
            let text = fs::read_to_string(run.join("events.jsonl")).expect("it is there");
            let lines: Vec<&str> = text.lines().take(3).collect();
            fs::write(run.join("events.jsonl"), lines.join("\n") + "\n").expect("written");
        }),
        Box::new(|run| fs::write(run.join("run_state.json"), "{}\n").expect("written")),
    ];
    for (n, break_it) in breaks.iter().enumerate() {
        let (_folder, store, run) = with_run();
        let whole = texts(&run);
        assert_eq!(store.check().expect("checked"), Findings::default());
        break_it(&run);
        let lease = store.lease(&run_id("a")).expect("free");
        assert_eq!(store.check().expect("checked").stale, [], "its driver sees to it");
        store.repair().expect("repaired");
        drop(lease);
        assert_eq!(store.check().expect("checked").stale, [run_id("a")], "break {n}");
        assert_eq!(store.repair().expect("repaired"), Findings::default(), "break {n}");
        assert_eq!(texts(&run), whole, "break {n}");
        assert!(!run.join(".plan.json.77.0.tmp").exists());
    }
}

#[test]
fn a_repair_leaves_the_latest_run_the_latest() {
    let (folder, store, run) = with_run();
    completed(&*store, "b", 2);
    fs::remove_file(run.join("events.jsonl")).expect("it was there");
    store.repair().expect("repaired");
    let link = fs::read_link(folder.path().join("run_state.json")).expect("a link");
    assert_eq!(link, Path::new("runs/a/run_state.json"), "run b never had a driver that said so");
    assert!(!folder.path().join("runs/b").exists(), "it never had files");
}

#[test]
fn what_a_dead_driver_held_is_let_go() {
    let (_folder, store, run) = with_run();
    fs::write(run.join("lease"), "4194304\n").expect("written");
    assert_eq!(store.check().expect("checked").abandoned, [run_id("a")]);
    assert!(store.check().expect("checked").is_clean(), "that is no harm");
    let lease = store.lease(&run_id("a")).expect("free: the lock went with the process");
    assert_eq!(store.check().expect("checked").abandoned, []);
    drop(lease);
    fs::write(run.join("lease"), "4194304\n").expect("written");
    assert_eq!(store.repair().expect("repaired"), Findings::default());
    assert_eq!(fs::read_to_string(run.join("lease")).expect("it is there"), "");
}

#[test]
fn what_was_to_be_taken_back_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    store.create(&new_run("a")).expect("created");
    let entry =
        |label: &str| Box::new(CleanupEntry { kind: "path".into(), label: label.into(), data: json!(null) });
    let events = [
        started(),
        Event::CleanupAdded { id: 1, entry: entry("one") },
        Event::CleanupAdded { id: 2, entry: entry("two") },
        Event::CleanupAdded { id: 3, entry: entry("three") },
        Event::CleanupDone { id: 2, error: None },
        Event::RunInterrupted { reason: "SIGTERM".into() },
    ];
    store.append(&run_id("a"), records(1, events)).expect("appended");
    store.flush().expect("durable");
    let left = Leftover { run: run_id("a"), labels: vec!["one".into(), "three".into()] };
    assert_eq!(store.check().expect("checked").leftovers, [left]);
    let lease = store.lease(&run_id("a")).expect("free");
    assert_eq!(store.check().expect("checked").leftovers, [], "it still has a driver");
    drop(lease);
    // What happened elsewhere is not taken back here.
    let mut file = Vec::new();
    store.export(&run_id("a"), 5, &mut file).expect("exported");
    let (_other, target) = (tempfile::tempdir().expect("a folder"), Store::memory());
    target.import(&mut &file[..], &windlass_store::Import::default()).expect("imported");
    assert_eq!(target.check().expect("checked").leftovers, []);
}

#[test]
fn records_that_do_not_add_up_are_damage() {
    let (folder, store, _) = with_run();
    let change = |sql: &str| {
        let db = rusqlite::Connection::open(folder.path().join("store.db")).expect("opens");
        db.execute_batch(sql).expect("it is SQL");
    };
    change("UPDATE run SET status = 'running'");
    assert_eq!(store.check().expect("checked").damage, ["run a is listed as running, and is completed"]);
    change("UPDATE run SET status = 'completed'");
    assert!(store.check().expect("checked").is_clean());
    // Legal by its numbers, and it cannot be.
    store.create(&new_run("b")).expect("created");
    store.append(&run_id("b"), records(1, [finished(RunStatus::Completed)])).expect("appended");
    store.flush().expect("durable");
    let found = store.check().expect("checked").damage;
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("event 1 (run_finished) is illegal here"), "{found:?}");
    change("UPDATE plan SET bytes = 'no bytes'");
    let found = store.check().expect("checked").damage;
    assert_eq!(
        found.iter().filter(|line| line.contains("cannot be read: Invalid column")).count(),
        2,
        "{found:?}"
    );
    change("UPDATE plan SET bytes = X'7B'");
    let found = store.check().expect("checked").damage;
    assert_eq!(found.iter().filter(|line| line.contains("the plan cannot be read")).count(), 2, "{found:?}");
    assert_eq!(store.repair().expect("what is damaged stays so").damage, found);
}

#[test]
fn what_lists_say_of_a_run_follows_its_undo() {
    let (_folder, store, _) = with_run();
    let row = || store.run(&run_id("a")).expect("it is there").row;
    store.append(&run_id("a"), records(9, [Event::UndoStarted { scope: Scope::Global }])).expect("appended");
    store.flush().expect("durable");
    assert_eq!((row().status, row().finished_at), (RunStatus::Running, None));
    assert_eq!(store.check().expect("checked").damage, [""; 0]);
    let end = [Event::UndoFinished { scope: Scope::Global, error: None }, finished(RunStatus::Completed)];
    store.append(&run_id("a"), records(10, end)).expect("appended");
    store.flush().expect("durable");
    assert_eq!((row().tasks.undone, row().tasks.completed), (2, 0));
    assert_eq!(store.check().expect("checked").damage, [""; 0]);
}
