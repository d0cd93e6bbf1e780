//! The files in a run's folder: current, whole after a crash, and never the run's problem.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use windlass_model::projection::{RunMeta, run_state};
use windlass_model::{Record, RunState};
use windlass_store::artifacts::{NAMES, Writer};
use windlass_store::{Retention, Store};

use crate::support::{new_run, plan, run_id, whole_run};

fn meta(id: &str) -> RunMeta {
    RunMeta::new(run_id(id), "local", plan(2).digest())
}

/// A run with some of its records, all durable.
fn begun(store: &Store, id: &str, count: usize) -> RunState {
    store.create(&new_run(id)).expect("created");
    let records = &whole_run(2)[..count];
    store.append(&run_id(id), records.to_vec()).expect("appended");
    store.flush().expect("durable");
    RunState::replay(Arc::new(plan(2)), records).expect("legal")
}

fn add(store: &Store, id: &str, state: &mut RunState, records: &[Record]) {
    store.append(&run_id(id), records.to_vec()).expect("appended");
    store.flush().expect("durable");
    records.iter().for_each(|record| state.apply(record).expect("legal"));
}

fn open(store: &Store, id: &str, state: &RunState) -> Writer {
    let (writer, first) = Writer::open(store, &meta(id), state).expect("it has a folder");
    first.expect("written");
    writer
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("it is there")).expect("it is JSON")
}

/// The numbers of the lines, each of which must be whole.
fn seqs(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).expect("it is there");
    assert!(text.is_empty() || text.ends_with('\n'));
    let line = |line: &str| serde_json::from_str::<Value>(line).expect("it is JSON")["seq"].as_u64();
    text.lines().map(|l| line(l).expect("a number")).collect()
}

#[test]
fn the_folder_of_a_run_is_current_while_it_goes_on_and_at_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    let (all, run) = (whole_run(2), folder.path().join("runs/a"));
    let mut state = begun(&store, "a", 0);
    let mut writer = open(&store, "a", &state);
    assert_eq!(json(&run.join("run_state.json"))["state"], "pending");
    for record in &all[..4] {
        add(&store, "a", &mut state, std::slice::from_ref(record));
        writer.records(&state, std::slice::from_ref(record)).expect("written");
    }
    assert_eq!(seqs(&run.join("events.jsonl")), [1, 2, 3, 4], "events come at once");
    assert_eq!(json(&run.join("run_state.json"))["state"], "pending", "the rest at most once a second");
    let due = writer.due().expect("something waits");
    assert!(due > Instant::now() && due < Instant::now() + Duration::from_secs(1));
    std::thread::sleep(due - Instant::now());
    writer.tick(&state).expect("written");
    assert_eq!(json(&run.join("run_state.json"))["state"], "running");
    assert_eq!(writer.due(), None);
    add(&store, "a", &mut state, &all[4..]);
    writer.records(&state, &all[4..]).expect("written");
    writer.end(&state).expect("written");
    assert_eq!(json(&run.join("run_state.json")), run_state(&meta("a"), &state));
    assert_eq!(json(&run.join("plan.json"))["digest"], plan(2).digest().as_str());
    assert_eq!(json(&run.join("error_report.json"))["failures"], Value::Array(vec![]));
    assert_eq!(seqs(&run.join("events.jsonl")), (1..=8).collect::<Vec<_>>());
    for name in NAMES {
        assert_eq!(
            fs::metadata(run.join(name)).expect("it is there").permissions().mode() & 0o777,
            0o600,
            "{name}"
        );
    }
}

#[test]
fn a_torn_tail_is_cut_and_what_is_missing_comes_from_the_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    let state = begun(&store, "a", 6);
    let path = folder.path().join("runs/a/events.jsonl");
    open(&store, "a", &state);
    let whole = fs::read(&path).expect("it is there");
    let other_run = b"{\"seq\":3,\"run\":\"b\"}\n".to_vec();
    let zeros = [&whole[..200], &[0; 50]].concat();
    let beyond = [&whole[..], b"{\"seq\":7,\"run\":\"a\"}\n"].concat();
    let starts = (0..whole.len()).step_by(5).map(|cut| whole[..cut].to_vec());
    for start in starts.chain([other_run, zeros, beyond, b"no json\n".to_vec()]) {
        fs::write(&path, &start).expect("written");
        open(&store, "a", &state);
        let found = fs::read(&path).expect("it is there");
        assert!(found == whole, "began with {:?}", String::from_utf8_lossy(&start));
    }
}

#[test]
fn a_writer_that_missed_records_makes_up_for_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    let (all, path) = (whole_run(2), folder.path().join("runs/a/events.jsonl"));
    let mut state = begun(&store, "a", 1);
    let mut writer = open(&store, "a", &state);
    add(&store, "a", &mut state, &all[1..3]);
    add(&store, "a", &mut state, &all[3..5]);
    writer.records(&state, &all[3..5]).expect("written");
    assert_eq!(seqs(&path), [1, 2, 3, 4, 5]);
}

#[test]
fn a_failing_write_is_told_once_and_made_up_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    let (all, run) = (whole_run(2), folder.path().join("runs/a"));
    let mut state = begun(&store, "a", 1);
    // A folder where a file should be cannot be written to, by nobody.
    fs::create_dir_all(run.join("events.jsonl")).expect("made");
    let (mut writer, first) = Writer::open(&store, &meta("a"), &state).expect("it has a folder");
    assert!(first.expect_err("a warning").to_string().starts_with("cannot write "));
    add(&store, "a", &mut state, &all[1..3]);
    writer.records(&state, &all[1..3]).expect("told before");
    fs::remove_dir(run.join("events.jsonl")).expect("removed");
    add(&store, "a", &mut state, &all[3..]);
    writer.records(&state, &all[3..]).expect("too early to try again");
    writer.end(&state).expect("written");
    assert_eq!(seqs(&run.join("events.jsonl")), (1..=8).collect::<Vec<_>>());
    assert_eq!(json(&run.join("run_state.json"))["state"], "completed");
}

#[test]
fn the_latest_run_has_names_beside_the_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    for id in ["a", "b"] {
        let state = begun(&store, id, 8);
        open(&store, id, &state).end(&state).expect("written");
        for name in ["run_state.json", "error_report.json"] {
            assert_eq!(json(&folder.path().join(name))["run_id"], id, "{name}");
        }
        assert_eq!(seqs(&folder.path().join("events.jsonl")).len(), 8);
    }
    assert_eq!(
        fs::read_link(folder.path().join("plan.json")).expect("a link"),
        Path::new("runs/b/plan.json")
    );
    store.prune(&Retention { keep_last: 1, ..Retention::default() }, 0).expect("pruned");
    assert_eq!(json(&folder.path().join("run_state.json"))["run_id"], "b");
    store.prune(&Retention::default(), 0).expect("pruned");
    for name in NAMES {
        assert!(!folder.path().join(name).is_symlink(), "{name}");
    }
    assert!(!folder.path().join("runs/b").exists());
}

#[test]
fn a_store_in_memory_has_no_artifacts() {
    let store = Store::memory();
    let state = begun(&store, "a", 1);
    assert!(Writer::open(&store, &meta("a"), &state).is_none());
}
