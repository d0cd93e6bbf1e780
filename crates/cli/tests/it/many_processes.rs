//! Several processes on one scope's store at once: they run, prune, export and copy, and some are killed. Nothing
//! is lost, and nothing runs twice that had ended.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use windlass_model::RunStatus;
use windlass_store::{Filter, Store};
use windlass_testkit::{Fault, Signal, TestEnv};

use super::e2e_support::with;

/// Each step leaves a mark with the run's id; the last one says so much that its output goes to the store.
const DOCUMENT: &str = "workflow: shared
tasks:
  - { id: a, run: \"echo a >> marks/{{ run.id }}\" }
  - { id: b, run: \"echo b >> marks/{{ run.id }}\" }
  - { id: c, needs: [a, b], run: \"echo c >> marks/{{ run.id }}; seq 1 180000\" }
";

/// How many runs each process starts, one after another: a few for every build, many for `cargo xtask soak`.
fn runs() -> usize {
    std::env::var("WINDLASS_SOAK_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(3)
}

/// Ends those that work in the background, also where something panics.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn store(env: &TestEnv) -> Store {
    Store::open(&env.state_folder()).expect("opens")
}

/// The id of a run. It differs between the tests: after a crash, processes are found by their run's id alone.
fn id(workers: usize, worker: usize, n: usize) -> String {
    format!("of{workers}-w{worker}-{n}")
}

/// Starts runs; some are killed after a record of their own, and resumed.
fn work(env: &TestEnv, workers: usize, worker: usize) {
    for n in 0..runs() {
        let id = id(workers, worker, n);
        let call = env.call(["run", "w.yaml", "--id", &id, "-q"]);
        if (worker + n).is_multiple_of(2) {
            call.run().success();
            continue;
        }
        call.fault(&Fault::KillAfter((2 + worker + n) as u64)).run().killed();
        env.run(["resume", &id, "-q"]).success();
    }
}

/// Does something again and again; every third time it is killed on the way. What is told is success, or one of
/// these errors.
fn again(env: &TestEnv, done: &AtomicBool, allowed: &str, args: impl Fn(usize) -> Vec<String>) -> usize {
    let mut finished = 0;
    for n in 0.. {
        if done.load(Ordering::Relaxed) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
        let mut running = env.call(args(n)).start();
        if n % 3 == 2 {
            std::thread::sleep(Duration::from_millis(3 + (n as u64 * 7) % 40));
            running.signal(Signal::KILL);
            running.wait();
            continue;
        }
        let output = running.wait();
        match output.code() {
            Some(0) => finished += 1,
            _ => assert!(!allowed.is_empty() && output.stderr().contains(allowed), "{output:?}"),
        }
    }
    finished
}

/// Every run is there with all its records, and each of its steps left its mark.
fn check(env: &TestEnv, workers: usize) {
    let store = store(env);
    for worker in 0..workers {
        for n in 0..runs() {
            let id = windlass_model::RunId::new(id(workers, worker, n)).expect("a good id");
            let row = store.run(&id).expect("it was not lost").row;
            assert_eq!(row.status, RunStatus::Completed, "{id}");
            let records = store.scan(&id, 1).expect("scans");
            assert!(records.iter().map(|record| record.seq).eq(1..=row.seq), "{id} has a gap");
            let marks = env.read(&format!("marks/{id}")).unwrap_or_default();
            for step in ["a", "b", "c"] {
                let count = marks.lines().filter(|line| *line == step).count();
                let most = if (worker + n).is_multiple_of(2) { 1 } else { 2 };
                assert!((1..=most).contains(&count), "{id}: {step} left {count} marks");
            }
            let outputs = store.outputs(&id).expect("reads");
            assert!(!outputs.is_empty() && outputs.keys().all(|id| store.blobs().get(id).is_ok()), "{id}");
        }
    }
    let findings = store.check().expect("checked");
    assert_eq!((findings.damage, findings.missing), (Vec::new(), Vec::new()));
}

/// What was exported and copied meanwhile is whole: an export is a beginning of its run.
fn check_copies(env: &TestEnv, exported: usize, copied: usize) {
    let (here, elsewhere) = (store(env), Store::memory());
    let mut taken = 0;
    for n in 0..exported {
        let Ok(mut file) = std::fs::File::open(env.project().join(format!("e{n}.run"))) else { continue };
        let name = windlass_model::RunId::new(format!("e{n}")).expect("a good id");
        let how = windlass_store::Import { name: Some(name), ..Default::default() };
        let run = elsewhere.import(&mut file, &how).expect("a file that is there is whole");
        let (there, all) = (elsewhere.scan(&run.id, 1).expect("scans"), here.scan(&run.was, 1));
        // An old run may be pruned by now.
        if let Ok(all) = all {
            assert_eq!(there[..], all[..there.len()], "{}", run.was);
        }
        taken += 1;
    }
    assert!(taken > 0, "nothing was exported");
    let mut whole = 0;
    for n in 0..copied {
        let folder = env.root().join(format!("copy{n}"));
        if folder.is_dir() {
            let findings = Store::open(&folder).expect("opens").check().expect("checked");
            assert_eq!((findings.damage, findings.missing), (Vec::new(), Vec::new()));
            whole += 1;
        }
    }
    assert!(whole > 0, "nothing was copied");
}

fn together(workers: usize) {
    let env = with(DOCUMENT);
    env.file("marks/.keep", "");
    for n in 0..3 {
        env.run(["run", "w.yaml", "--id", &format!("old{n}"), "-q"]).success();
    }
    let done = AtomicBool::new(false);
    let (exports, copies) = (AtomicUsize::new(0), AtomicUsize::new(0));
    // Only what is older than the workers' runs is ever let go.
    let keep = (workers * runs()).to_string();
    std::thread::scope(|scope| {
        let _done = Done(&done);
        let (env, done, exports, copies, keep) = (&env, &done, &exports, &copies, &keep);
        scope.spawn(move || {
            again(env, done, "", |_| ["runs", "prune", "--keep", keep].map(str::to_owned).to_vec());
        });
        scope.spawn(move || {
            again(env, done, "WL0706", |n| {
                exports.store(n + 1, Ordering::Relaxed);
                ["runs", "export", "latest", "-o", &format!("e{n}.run")].map(str::to_owned).to_vec()
            });
        });
        scope.spawn(move || {
            again(env, done, "", |n| {
                copies.store(n + 1, Ordering::Relaxed);
                let folder = env.root().join(format!("copy{n}")).display().to_string();
                vec!["runs".into(), "backup".into(), folder]
            });
        });
        let started: Vec<_> =
            (0..workers).map(|worker| scope.spawn(move || work(env, workers, worker))).collect();
        for worker in started {
            worker.join().expect("a worker does its work");
        }
    });
    check(&env, workers);
    check_copies(&env, exports.into_inner(), copies.into_inner());
    env.run(["runs", "prune", "--keep", &keep]).success();
    let left = store(&env).runs(&Filter::default()).expect("lists");
    assert!(left.iter().all(|row| !row.id.as_str().starts_with("old")), "the old ones go");
    assert_eq!(left.len(), workers * runs());
    // It reads every output, which takes its time in a program that nobody optimised.
    let doctor = env.call(["doctor", "--repair", "--json"]).limit(Duration::from_secs(300));
    let doctor: Value = doctor.run().json();
    assert_eq!(doctor["healthy"], true, "{doctor}");
    check(&env, workers);
}

#[test]
fn two_processes_share_a_scope() {
    together(2);
}

#[test]
fn eight_processes_share_a_scope() {
    together(8);
}
