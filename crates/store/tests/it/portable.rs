//! A run in one file: what is written comes back, and what was not written by an export is refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use windlass_model::{
    BlobId, CleanupEntry, Code, Detail, Event, Failure, Fragment, Outcome, Plan, Record, RunState, RunStatus,
    Scope, Status, TaskEnd,
};
use windlass_store::{Error, Filter, Import, Limits, NewRun, Retention, Store};

use crate::support::{at, completed, new_run, plan, records, run_id, started, whole_run};

const NOW: u64 = 1_760_000_000_000;

/// A store in a folder of its own.
fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    (folder, store)
}

fn export(store: &Store, id: &str) -> Vec<u8> {
    let mut file = Vec::new();
    store.export(&run_id(id), NOW, &mut file).expect("exported");
    file
}

fn import(store: &Store, file: &[u8]) -> Result<windlass_store::Imported, Error> {
    store.import(&mut &file[..], &Import { now: NOW, ..Import::default() })
}

fn import_as(store: &Store, file: &[u8], id: &str) -> Result<windlass_store::Imported, Error> {
    store.import(&mut &file[..], &Import { name: Some(run_id(id)), now: NOW, ..Import::default() })
}

fn ids(store: &Store) -> Vec<String> {
    store.runs(&Filter::default()).expect("lists").into_iter().map(|row| row.id.to_string()).collect()
}

/// Every file below a folder that belongs to a run or is a content.
fn left_behind(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.join("runs"), folder.join("blobs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if path.ends_with("blobs/lock") => {}
                path => found.push(path.display().to_string()),
            }
        }
    }
    found
}

/// A run with outputs of some length, long ones in the store.
fn with_outputs(store: &Store, id: &str, contents: &[&[u8]]) {
    store.create(&NewRun { options: json!({ "check": false }), ..new_run(id) }).expect("created");
    let mut result = json!({ "rc": 0, "nested": [{}] });
    for (n, content) in contents.iter().enumerate() {
        let blob = store.keep_output(&run_id(id), content).expect("kept").expect("there is room");
        result["nested"][0][format!("part{n}_blob")] = json!(blob.as_str());
    }
    let outcome = Outcome::bare(Status::Changed).with_result(result);
    let begun = Event::StepStarted { at: at(0), attempt: 1, reserved: None };
    let events = [started(), begun, Event::StepFinished { at: at(0), outcome }];
    store.append(&run_id(id), records(1, events)).expect("appended");
    store.flush().expect("durable");
}

#[test]
fn a_run_comes_back_as_it_was() {
    let long = b"0123456789".repeat(20_000);
    for target in [Store::memory(), store().1] {
        let (_folder, source) = store();
        with_outputs(&source, "a", &[b"short", &long, b""]);
        let told = source.export(&run_id("a"), NOW, &mut std::io::sink()).expect("exported");
        assert_eq!((told.records, told.outputs, told.lost), (3, 3, 0));
        let taken = import(&target, &export(&source, "a")).expect("imported");
        assert_eq!((taken.id, taken.records, taken.outputs), (run_id("a"), 3, 3));
        assert_eq!(
            target.scan(&run_id("a"), 1).expect("scans"),
            source.scan(&run_id("a"), 1).expect("scans")
        );
        let (there, here) =
            (source.run(&run_id("a")).expect("there"), target.run(&run_id("a")).expect("here"));
        assert_eq!(there.plan_bytes, here.plan_bytes);
        assert_eq!((there.root, there.document), (here.root, here.document));
        assert_eq!(windlass_store::RunRow { imported: true, ..there.row }, here.row);
        assert_eq!(source.outputs(&run_id("a")).expect("read"), target.outputs(&run_id("a")).expect("read"));
        for id in target.outputs(&run_id("a")).expect("read").keys() {
            assert_eq!(target.blobs().get(id).expect("kept"), source.blobs().get(id).expect("kept"));
        }
        assert_eq!(target.check().expect("checked").damage, [""; 0]);
    }
}

#[test]
fn an_export_of_an_import_is_the_export() {
    let (_one, source) = store();
    let (_two, target) = store();
    with_outputs(&source, "a", &[b"what it said"]);
    let file = export(&source, "a");
    import(&target, &file).expect("imported");
    assert_eq!(String::from_utf8(export(&target, "a")), String::from_utf8(file));
}

#[test]
fn an_imported_run_is_marked_and_may_be_pruned() {
    let (_one, source) = store();
    let (_two, target) = store();
    with_outputs(&source, "a", &[]);
    let taken = import_as(&target, &export(&source, "a"), "b").expect("imported");
    assert_eq!((taken.id, taken.was), (run_id("b"), run_id("a")));
    let stored = target.run(&run_id("b")).expect("it is there");
    assert_eq!(stored.options["imported"]["run"], "a");
    assert_eq!(stored.options["imported"]["imported_at"], NOW);
    assert!(target.runs(&Filter::default()).expect("lists")[0].imported);
    assert!(!source.runs(&Filter::default()).expect("lists")[0].imported);
    assert_eq!(source.prune(&Retention::default(), NOW).expect("pruned").runs, [], "it may go on there");
    assert_eq!(target.prune(&Retention::default(), NOW).expect("pruned").runs, [run_id("b")]);
}

#[test]
fn its_files_are_made_and_the_latest_stays_the_latest() {
    let (_one, source) = store();
    let (folder, target) = store();
    completed(&*source, "a", 1);
    import(&target, &export(&source, "a")).expect("imported");
    let file = |name: &str| std::fs::read_to_string(folder.path().join("runs/a").join(name)).expect("made");
    let state: Value = serde_json::from_str(&file("run_state.json")).expect("whole");
    assert_eq!(state["state"], "completed");
    assert_eq!(file("events.jsonl").lines().count(), 8);
    assert!(!folder.path().join("run_state.json").exists());
}

#[test]
fn an_id_that_is_taken_is_refused_unless_there_is_another() {
    let (_folder, store) = store();
    completed(&*store, "a", 1);
    let file = export(&store, "a");
    assert!(matches!(import(&store, &file), Err(Error::RunExists(id)) if id == run_id("a")));
    import_as(&store, &file, "b").expect("imported");
    let lease = store.lease(&run_id("c")).expect("free");
    assert!(matches!(import_as(&store, &file, "c"), Err(Error::Busy { .. })));
    drop(lease);
    import_as(&store, &file, "c").expect("imported");
    assert_eq!(store.scan(&run_id("a"), 1).expect("scans"), store.scan(&run_id("c"), 1).expect("scans"));
}

#[test]
fn what_was_lost_is_told_and_what_has_no_room_too() {
    let (folder, source) = store();
    with_outputs(&source, "a", &[b"one output", b"another one"]);
    let (_two, target) = store();
    let target = target.with_quota(12);
    let taken = import(&target, &export(&source, "a")).expect("imported");
    assert_eq!((taken.outputs, taken.lost), (1, 1));
    let id = BlobId::of(b"one output");
    std::fs::remove_file(folder.path().join("blobs").join(&id.as_str()[..2]).join(id.as_str()))
        .expect("gone");
    let told = source.export(&run_id("a"), NOW, &mut std::io::sink()).expect("exported");
    assert_eq!((told.outputs, told.lost), (1, 1));
    let (_three, target) = store();
    let taken = import(&target, &export(&source, "a")).expect("imported");
    assert_eq!((taken.outputs, taken.lost), (1, 1));
}

#[test]
fn only_what_the_run_holds_itself_leaves_the_store() {
    let (_folder, store) = store();
    with_outputs(&store, "a", &[b"another run's"]);
    store.create(&new_run("b")).expect("created");
    // As a command may print it.
    let result = json!({ "stdout_blob": BlobId::of(b"another run's").as_str() });
    let outcome = Outcome::bare(Status::Ok).with_result(result);
    let events = [started(), Event::StepFinished { at: at(0), outcome }];
    store.append(&run_id("b"), records(1, events)).expect("appended");
    store.flush().expect("durable");
    let told = store.export(&run_id("b"), NOW, &mut std::io::sink()).expect("exported");
    assert_eq!((told.outputs, told.lost), (0, 0));
}

#[test]
fn what_an_undo_would_put_back_stays_where_it_is() {
    let (_one, source) = store();
    let (_two, target) = store();
    source.create(&new_run("a")).expect("created");
    let kept = Event::UndoKept { at: at(0), before: Arc::new(json!({ "content": "the old password" })) };
    let begun = Event::StepStarted { at: at(0), attempt: 1, reserved: None };
    let events =
        [started(), begun, kept, Event::StepFinished { at: at(0), outcome: Outcome::bare(Status::Changed) }];
    let written = records(1, events);
    RunState::replay(Arc::new(plan(2)), &written).expect("legal");
    source.append(&run_id("a"), written).expect("appended");
    source.flush().expect("durable");
    let file = export(&source, "a");
    assert!(!String::from_utf8_lossy(&file).contains("old password"));
    import(&target, &file).expect("imported");
    assert_eq!(target.scan(&run_id("a"), 3).expect("scans").len(), 2);
}

/// A file whose plan, records and outputs are as told, with a checksum that is right.
fn forge(header: &Value, rest: &[String]) -> Vec<u8> {
    let mut text = format!("{header}\n");
    rest.iter().for_each(|line| text.push_str(&format!("{line}\n")));
    let end = json!({ "end": { "sha256": BlobId::of(text.as_bytes()).as_str() } });
    format!("{text}{end}\n").into_bytes()
}

/// The lines of a good file, its end left out.
fn good() -> (Value, Vec<String>) {
    let source = Store::memory();
    with_outputs(&source, "a", &[b"what it said"]);
    let text = String::from_utf8(export(&source, "a")).expect("text");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.pop();
    let header = serde_json::from_str(&lines.remove(0)).expect("a header");
    (header, lines)
}

/// The file is refused with this, and nothing of it stays.
#[track_caller]
fn refused(file: &[u8], part: &str) {
    let (folder, store) = store();
    let error = import(&store, file).expect_err(part);
    assert!(error.to_string().contains(part), "{error} is not about {part:?}");
    assert_eq!(ids(&store), [""; 0]);
    let runs = left_behind(folder.path()).into_iter().filter(|path| !path.contains("/blobs/"));
    assert_eq!(runs.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_file_that_was_cut_or_changed_is_refused() {
    let (header, rest) = good();
    let file = forge(&header, &rest);
    let store = Store::memory();
    for end in 0..file.len() {
        assert!(import(&store, &file[..end]).is_err(), "cut after {end} of {} bytes", file.len());
    }
    for at in 0..file.len() {
        for flip in [0x01, 0x10, 0x20] {
            let mut changed = file.clone();
            changed[at] ^= flip;
            assert!(import(&store, &changed).is_err(), "byte {at} of {} was changed by {flip}", file.len());
        }
    }
    assert_eq!(ids(&store), [""; 0]);
    import(&store, &file).expect("whole it is taken");
}

#[test]
fn a_file_that_says_what_cannot_be_is_refused() {
    let (header, rest) = good();
    let with = |key: &str, value: Value| {
        let mut header = header.clone();
        header[key] = value;
        forge(&header, &rest)
    };
    refused(b"", "a header was due");
    refused(b"PK\x03\x04 something else\n", "no header of an exported run");
    refused(&with("windlass_run", json!(2)), "format 2; this program reads up to 1");
    refused(&with("id", json!("../../etc")), "an id begins with");
    refused(&with("created_at", json!(u64::MAX)), "out of range");
    refused(&with("options", json!([1])), "no object");
    refused(&with("plan", json!(BlobId::of(b"").as_str())), "not the one that the header names");
    refused(&with("records", json!(2)), "unknown variant `seq`");
    refused(&with("records", json!(99)), "missing field `seq`");
    let change = |at: usize, from: &str, to: &str| {
        let mut rest = rest.clone();
        assert!(rest[at].contains(from), "{}", rest[at]);
        rest[at] = rest[at].replace(from, to);
        forge(&header, &rest)
    };
    refused(&change(2, "\"seq\":2", "\"seq\":3"), "number 2 was due");
    refused(&change(2, "\"t\":0", "\"t\":7"), "no such task");
    refused(&change(2, "\"h\":0", "\"h\":4294967295"), "no such step");
    refused(&change(2, "step_started", "step_teleported"), "unknown variant");
    refused(&change(2, "\"time\":", "\"time\":999"), "out of range");
    refused(&change(4, "\"bytes\":12", "\"bytes\":11"), "not as long as was announced");
    refused(&change(4, "\"bytes\":12", "\"bytes\":13"), "symbol");
    refused(&change(5, "d2", "e2"), "not what its name says");
    let other = BlobId::of(b"something else");
    refused(&change(4, BlobId::of(b"what it said").as_str(), other.as_str()), "no result names this output");
    refused(
        &change(4, BlobId::of(b"what it said").as_str(), "../../../lease"),
        "no result names this output",
    );
    let mut more = forge(&header, &rest);
    more.extend(b"{}\n");
    refused(&more, "something stands behind the end");
}

/// A file with this plan and these events.
fn with_plan(plan: &Plan, events: Vec<Event>) -> Vec<u8> {
    let (mut header, _) = good();
    let bytes = plan.to_bytes();
    header["plan"] = json!(BlobId::of(&bytes).as_str());
    header["records"] = json!(events.len());
    let mut rest = vec![String::from_utf8(bytes).expect("text")];
    rest.extend(
        records(1, events).iter().map(|record| serde_json::to_string(record).expect("it serialises")),
    );
    forge(&header, &rest)
}

#[test]
fn a_file_cannot_take_more_memory_than_it_may() {
    let (header, rest) = good();
    let file = forge(&header, &rest);
    let (_folder, store) = store();
    let limited = |limits: Limits| {
        let how = Import { now: NOW, limits, ..Import::default() };
        let error = store.import(&mut &file[..], &how).expect_err("above the limit");
        assert!(matches!(error, Error::PortableTooBig { .. }), "{error}");
        assert_eq!(error.code(), Code::PortableTooBig);
    };
    let limits = Limits::default();
    for bytes in [0, 1, 100, file.len() as u64 - 1] {
        limited(Limits { bytes, ..limits });
    }
    limited(Limits { plan: rest[0].len() as u64 - 1, ..limits });
    limited(Limits { line: 100, ..limits });
    limited(Limits { executions: 1, ..limits });
    // Short lines that mean much: a set of hosts in every task, and a loop of many items.
    let mut wide = plan(2000);
    wide.hosts = (0..4000).map(|n| format!("h{n:04}").into()).collect();
    wide.host_sets = vec![(0..4000).collect()];
    refused(&with_plan(&wide, Vec::new()), "the number of executions");
    let items = Fragment::Items(Arc::new(vec![json!(0); (4 << 20) - 1]));
    let grown = Event::PlanExtended { at: at(0), fragment: items, digest: "".into() };
    refused(&with_plan(&plan(2), vec![started(), grown]), "the number of executions");
    let exact = Limits { bytes: file.len() as u64, plan: rest[0].len() as u64, executions: 2, ..limits };
    let how = Import { now: NOW, limits: exact, ..Import::default() };
    store.import(&mut &file[..], &how).expect("within the limits");
}

#[test]
fn plans_that_are_none_are_refused() {
    let mut lost = plan(2);
    lost.tasks[0].hosts = 9;
    refused(&with_plan(&lost, Vec::new()), "its host set is not there");
    let mut circle = plan(2);
    circle.tasks[0].needs = [1].into();
    circle.tasks[1].needs = [0].into();
    refused(&with_plan(&circle, Vec::new()), "in a circle");
    let deep = format!("{{\"vars\":{{\"x\":{}{}}}}}", "[".repeat(100_000), "]".repeat(100_000));
    let (mut header, _) = good();
    header["plan"] = json!(BlobId::of(deep.as_bytes()).as_str());
    refused(&forge(&header, &[deep]), "recursion limit");
}

#[test]
fn a_run_that_goes_while_it_is_written_is_an_error() {
    let (_folder, store) = store();
    completed(&*store, "a", 1);
    /// Removes the run once its first line was written.
    struct Removing<'a>(&'a Store);
    impl std::io::Write for Removing<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.0.run(&run_id("a")).is_ok() {
                self.0.forget(&run_id("a")).expect("forgotten");
                // The same name, and another run.
                self.0.create(&NewRun { created_at: 5, ..new_run("a") }).expect("created");
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    assert!(store.export(&run_id("a"), NOW, &mut Removing(&store)).is_err());
    assert!(matches!(store.export(&run_id("b"), NOW, &mut std::io::sink()), Err(Error::UnknownRun { .. })));
}

#[test]
fn a_full_disk_is_told_while_writing() {
    let (_folder, store) = store();
    completed(&*store, "a", 1);
    let mut small = [0; 100];
    let error = store.export(&run_id("a"), NOW, &mut &mut small[..]).expect_err("no room");
    assert!(error.to_string().starts_with("the run's file cannot be written"), "{error}");
}

/// Events that may be legal, about two tasks of one step.
fn arb_event() -> impl Strategy<Value = Event> {
    let failure = Failure::new(Code::CommandFailed, "exit status 1");
    let (other, more) = (failure.clone(), failure.clone());
    let text = any::<String>;
    let done = prop::sample::select(vec![Status::Ok, Status::Changed, Status::Failed]);
    prop_oneof![
        any::<bool>().prop_map(|resumed| Event::RunStarted { pid: 7, resumed }),
        text().prop_map(|reason| Event::RunInterrupted { reason }),
        Just(Event::RunFinished { status: RunStatus::Failed, error: Some(failure.into()) }),
        (0..2u32, 1..3u32).prop_map(|(t, attempt)| Event::StepStarted { at: at(t), attempt, reserved: None }),
        (0..2u32, 1..3u32).prop_map(move |(t, attempt)| Event::StepRetried {
            at: at(t),
            attempt,
            error: Box::new(other.clone()),
            delay_ms: 5,
            used: None
        }),
        (0..2u32, done, text()).prop_map(move |(t, status, said)| {
            let result = json!({ "stdout": said });
            let detail = Detail { result, error: Some(more.clone()), ..Detail::default() };
            let outcome = Outcome { status, duration_ms: 3, detail: Some(Arc::new(detail)) };
            Event::StepFinished { at: at(t), outcome }
        }),
        (0..2u32, any::<Vec<i64>>()).prop_map(|(t, items)| Event::PlanExtended {
            at: at(t),
            fragment: Fragment::Items(Arc::new(items.into_iter().map(Value::from).collect())),
            digest: "d".into()
        }),
        (0..2u32, text()).prop_map(|(t, prompt)| Event::ApprovalAsked { at: at(t), prompt }),
        (0..2u32, text()).prop_map(|(t, reason)| Event::TaskFinished {
            task: t,
            end: TaskEnd::Completed,
            reason: Some(reason),
            outputs: None,
            error: None
        }),
        text().prop_map(|key| Event::StateSet {
            scope: Scope::Global,
            key,
            value: Some(Arc::new(json!("v")))
        }),
        (1..3u64, text()).prop_map(|(id, label)| Event::CleanupAdded {
            id,
            entry: CleanupEntry { kind: "file".into(), label, data: Value::Null }.into()
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_legal_run_comes_back(
        events in prop::collection::vec((0..3_000_000_000_000u64, arb_event()), 0..60)
    ) {
        let mut state = RunState::new(Arc::new(plan(2)));
        let mut written = Vec::new();
        for (time, event) in [(5, started())].into_iter().chain(events) {
            let record = Record { seq: state.seq + 1, time, event };
            if state.apply(&record).is_ok() {
                written.push(record);
            }
        }
        let (source, target) = (Store::memory(), Store::memory());
        source.create(&new_run("a")).expect("created");
        source.append(&run_id("a"), written.clone()).expect("appended");
        let taken = import(&target, &export(&source, "a")).expect("imported");
        prop_assert_eq!(taken.status, state.status);
        prop_assert_eq!(target.scan(&run_id("a"), 1).expect("scans"), written);
        let (there, here) = (source.run(&run_id("a")).expect("it is"), target.run(&run_id("a")).expect("it is"));
        prop_assert_eq!(windlass_store::RunRow { imported: true, ..there.row }, here.row);
    }

    #[test]
    fn no_text_makes_an_import_panic(lines in prop::collection::vec(".{0,60}", 0..6), keep in 0..6usize) {
        let (header, rest) = good();
        let mut all = vec![header.to_string()];
        all.extend(rest);
        all.truncate(keep);
        all.extend(lines);
        let store = Store::memory();
        prop_assert!(import(&store, all.join("\n").as_bytes()).is_err());
        prop_assert_eq!(ids(&store).len(), 0);
    }
}

#[test]
fn a_refused_file_leaves_contents_that_the_next_sweep_takes() {
    let (header, rest) = good();
    let mut file = forge(&header, &rest);
    file.truncate(file.len() - 3);
    let (folder, store) = store();
    import(&store, &file).expect_err("cut");
    let left: BTreeSet<_> = left_behind(folder.path()).into_iter().collect();
    assert_eq!(left.len(), 1, "the output, and no draft: {left:?}");
    assert!(store.check().expect("checked").is_clean());
}

#[test]
fn a_whole_run_of_many_steps_is_small_and_comes_back() {
    let (_one, source) = store();
    let (_two, target) = store();
    let many = plan(5_000);
    source.create(&NewRun::of(run_id("a"), &many, "/p", 1)).expect("created");
    source.append(&run_id("a"), whole_run(5_000)).expect("appended");
    source.flush().expect("durable");
    let file = export(&source, "a");
    assert!(file.len() < 5_000 * 600, "{} bytes", file.len());
    assert_eq!(import(&target, &file).expect("imported").status, RunStatus::Completed);
}
