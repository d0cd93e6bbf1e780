//! A copy of the store, made while others write to it: what was durable is in it, and it is whole.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use windlass_model::Budget;
use windlass_store::{Error, Filter, LEDGER_FILE, Ledger, Pot, Retention, Store};

use crate::support::{completed, new_run, records, run_id, started, step_events};

fn ids(store: &Store) -> Vec<String> {
    store.runs(&Filter::default()).expect("lists").into_iter().map(|row| row.id.to_string()).collect()
}

#[test]
fn a_copy_is_a_state_folder_like_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let (state, to) = (folder.path().join("state"), folder.path().join("copy"));
    let store = Store::open(&state).expect("opens");
    completed(&*store, "a", 1);
    completed(&*store, "b", 2);
    let five = Budget { tokens: Some(5), cost: None };
    Ledger::open(&state.join(LEDGER_FILE))
        .expect("opens")
        .set_limit(&Pot::Project, Some(&five))
        .expect("set");
    let output = store.keep_output(&run_id("a"), b"what it said").expect("kept").expect("there is room");
    store.blobs().put(b"nobody needs it").expect("kept");
    let told = store.backup(&to).expect("copied");
    assert_eq!((told.runs, told.contents, told.lost), (2, 1, 0));
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&to), mode(&to.join("store.db"))), (0o700, 0o600));
    let copy = Store::open(&to).expect("opens");
    assert_eq!(ids(&copy), ["b", "a"]);
    assert_eq!(copy.scan(&run_id("a"), 1).expect("scans"), store.scan(&run_id("a"), 1).expect("scans"));
    let ledger = Ledger::existing(&to.join(LEDGER_FILE)).expect("opens").expect("it is copied");
    assert_eq!(ledger.accounts(0).expect("reads")[0].limit, Some(five));
    assert_eq!(&*copy.blobs().get(&output).expect("copied"), b"what it said");
    assert!(copy.check().expect("checked").is_clean());
    assert!(matches!(store.backup(&to), Err(Error::BackupTaken { .. })), "nothing is written over");
    // Both go on by themselves.
    completed(&*copy, "c", 3);
    assert_eq!((ids(&copy).len(), ids(&store).len()), (3, 2));
    let left: Vec<_> = folder.path().read_dir().expect("lists").flatten().map(|e| e.file_name()).collect();
    assert_eq!(left.len(), 2, "no draft is left: {left:?}");
}

#[test]
fn a_store_that_lost_something_is_copied_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("state")).expect("opens");
    completed(&*store, "a", 1);
    let id = store.keep_output(&run_id("a"), b"lost").expect("kept").expect("there is room");
    store.flush().expect("durable");
    let file = folder.path().join("state/blobs").join(&id.as_str()[..2]).join(id.as_str());
    std::fs::remove_file(file).expect("removed");
    let told = store.backup(&folder.path().join("copy")).expect("copied");
    assert_eq!((told.runs, told.contents, told.lost), (1, 0, 1));
}

#[test]
fn where_nothing_can_be_written_nothing_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("state")).expect("opens");
    std::fs::write(folder.path().join("file"), "").expect("written");
    assert!(store.backup(&folder.path().join("file/copy")).is_err());
    assert!(matches!(store.backup(&folder.path().join("file")), Err(Error::BackupTaken { .. })));
    assert!(Store::memory().backup(&folder.path().join("copy")).is_err());
    assert_eq!(folder.path().read_dir().expect("lists").count(), 2);
}

/// Ends the other threads if something panics, too.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_copy_made_while_others_write_has_a_whole_beginning_of_every_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let store = Store::open(&state).expect("opens");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _done = Done(&done);
        for writer in 0..3 {
            let (done, state) = (&done, &state);
            scope.spawn(move || {
                let store = Store::open(state).expect("opens");
                for n in 0.. {
                    let id = format!("w{writer}-{n}");
                    let _lease = store.lease(&run_id(&id)).expect("free");
                    store.create(&new_run(&id)).expect("created");
                    for part in 0..5u64 {
                        let events = if part == 0 { vec![started()] } else { step_events(0).to_vec() };
                        let first = if part == 0 { 1 } else { part * 3 - 1 };
                        store.append(&run_id(&id), records(first, events)).expect("appended");
                        let content = format!("{id} said {part}");
                        store.keep_output(&run_id(&id), content.as_bytes()).expect("kept");
                    }
                    store.flush().expect("durable");
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                store.prune(&Retention::default(), u64::MAX).expect("pruned");
            }
        });
        for n in 0..6 {
            let before: Vec<_> = store.runs(&Filter::default()).expect("lists");
            let to = folder.path().join(format!("copy{n}"));
            let told = store.backup(&to).expect("copied");
            assert_eq!(told.lost, 0, "what the copy refers to was there");
            let copy = Store::open(&to).expect("opens");
            for row in before {
                let here = copy.run(&row.id).expect("what was durable is in the copy").row;
                assert!(here.seq >= row.seq, "{} went back from {} to {}", row.id, row.seq, here.seq);
                let found = copy.scan(&row.id, 1).expect("scans");
                assert!(found.iter().map(|record| record.seq).eq(1..=here.seq));
            }
            let findings = copy.check().expect("checked");
            assert!(findings.missing.is_empty(), "{findings:?}");
        }
    });
}
