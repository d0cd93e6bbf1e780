//! What is forgotten, what stays, and what a check finds.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use windlass_model::{Event, RunStatus};
use windlass_store::{Filter, NewRun, Retention, Store};

use crate::support::{completed, finished, new_run, records, run_id, started};

fn ids(store: &Store) -> Vec<String> {
    store.runs(&Filter::default()).expect("lists").into_iter().map(|row| row.id.to_string()).collect()
}

fn each(test: impl Fn(Store)) {
    test(Store::memory());
    let folder = tempfile::tempdir().expect("a folder");
    test(Store::open(folder.path()).expect("opens"));
}

/// Five runs that completed, one that was interrupted.
fn fill(store: &Store) {
    for n in 0..5 {
        completed(&**store, &format!("r{n}"), n);
    }
    store.create(&NewRun { created_at: 9, ..new_run("open") }).expect("created");
    let events = [started(), Event::RunInterrupted { reason: "SIGINT".into() }];
    store.append(&run_id("open"), records(1, events)).expect("appended");
    store.flush().expect("durable");
}

#[test]
fn the_newest_stay_and_so_does_what_is_not_finished() {
    each(|store| {
        fill(&store);
        let rule = Retention { keep_last: 2, dry_run: true, ..Retention::default() };
        let told = store.prune(&rule, 0).expect("told");
        assert_eq!(told.runs, ["r0", "r1", "r2"].map(run_id));
        assert_eq!(ids(&store).len(), 6);
        let done = store.prune(&Retention { dry_run: false, ..rule }, 0).expect("pruned");
        assert_eq!(done.runs, told.runs);
        assert!(done.bytes > 0);
        assert_eq!(ids(&store), ["open", "r4", "r3"]);
    });
}

#[test]
fn age_and_size_both_let_go() {
    each(|store| {
        fill(&store);
        let ended = 1_759_000_000_008;
        let day = Duration::from_secs(86_400);
        let by_age = Retention { older_than: Some(day), ..Retention::default() };
        assert!(store.prune(&by_age, ended + 1_000).expect("pruned").runs.is_empty());
        let one = store.size(&run_id("r0")).expect("counted");
        let by_size = Retention { max_bytes: Some(one * 4), ..Retention::default() };
        assert_eq!(store.prune(&by_size, ended).expect("pruned").runs[0], run_id("r0"));
        let left = ids(&store).len() - 1;
        assert!(left < 5, "the size let some go");
        assert_eq!(store.prune(&by_age, ended + 100_000_000).expect("pruned").runs.len(), left);
        assert_eq!(ids(&store), ["open"]);
    });
}

#[test]
fn a_driven_run_stays() {
    each(|store| {
        completed(&*store, "a", 1);
        let lease = store.lease(&run_id("a")).expect("free");
        for dry_run in [true, false] {
            let rule = Retention { dry_run, ..Retention::default() };
            assert!(store.prune(&rule, 0).expect("pruned").runs.is_empty());
        }
        drop(lease);
        assert_eq!(store.prune(&Retention::default(), 0).expect("pruned").runs.len(), 1);
    });
}

fn age(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            age(&path);
        } else {
            // It may be gone by now, where somebody else sweeps.
            let Ok(file) = fs::OpenOptions::new().write(true).open(path) else { continue };
            file.set_modified(SystemTime::now() - Duration::from_secs(7200)).expect("set");
        }
    }
}

#[test]
fn contents_go_with_the_last_run_that_needs_them_after_a_grace() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    let [kept, loose] = [&b"kept"[..], b"loose"].map(|content| store.blobs().put(content).expect("kept"));
    let rule = Retention::default();
    store.prune(&rule, 0).expect("pruned");
    assert!(store.blobs().has(&kept) && store.blobs().has(&loose), "both are young");
    store.create(&NewRun { blobs: [kept.clone()].into(), ..new_run("a") }).expect("created");
    age(&folder.path().join("blobs"));
    assert_eq!(store.check().expect("checked").unused_bytes, 5);
    store.prune(&rule, 0).expect("pruned");
    assert!(store.blobs().has(&kept) && !store.blobs().has(&loose));
    store.append(&run_id("a"), records(1, [started(), finished(RunStatus::Aborted)])).expect("appended");
    store.flush().expect("durable");
    let freed = store.prune(&rule, 0).expect("pruned");
    assert_eq!(freed.runs, [run_id("a")]);
    assert!(!store.blobs().has(&kept));
}

/// Says that it is done when it goes.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn what_is_added_while_pruning_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    let done = AtomicBool::new(false);
    let mut created = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // Contents are always old to this one's eyes until somebody adds them again.
                age(&folder.path().join("blobs"));
                store.prune(&Retention::default(), u64::MAX).expect("pruned");
            }
        });
        // Ends the other thread if something below panics, too.
        let _done = Done(&done);
        let other = Store::open(folder.path()).expect("opens");
        for n in 0..30 {
            let name = format!("r{n}");
            let lease = other.lease(&run_id(&name)).expect("free");
            let blob = other.blobs().put(b"the same for all").expect("kept");
            let run = NewRun { blobs: [blob.clone()].into(), ..new_run(&name) };
            // What an `age` between the two takes away is told, not lost silently.
            if other.create(&run).is_ok() {
                created += 1;
                let events = [started(), finished(RunStatus::Aborted)];
                other.append(&run.id, records(1, events)).expect("appended");
                other.flush().expect("durable");
                assert_eq!(other.scan(&run.id, 1).expect("a driven run stays").len(), 2);
                assert!(other.blobs().has(&blob), "and so does what it needs");
            }
            drop(lease);
        }
    });
    assert!(created > 0);
}

#[test]
fn what_was_left_behind_is_found_and_cleared() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    completed(&*store, "a", 1);
    assert!(store.check().expect("checked").is_clean());
    let runs = folder.path().join("runs");
    fs::create_dir(runs.join("nobody")).expect("made");
    fs::write(runs.join("nobody/run_state.json"), "{}").expect("written");
    let lease = store.lease(&run_id("about-to-start")).expect("free");
    assert_eq!(store.check().expect("checked").orphans, [runs.join("nobody")]);
    assert!(store.repair().expect("repaired").is_clean());
    assert!(!runs.join("nobody").exists() && runs.join("about-to-start").exists());
    drop(lease);
    let db = rusqlite::Connection::open(folder.path().join("store.db")).expect("opens");
    db.execute_batch("DELETE FROM batch").expect("it is SQL");
    assert_eq!(store.check().expect("checked").damage, ["run a has 0 of 8 records"]);
}
