//! The cleanup: order, deadlines, and that nothing stops it or outlives it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windlass_engine::cleanup::{CleanupFuture, CleanupHandler, RemovePath};
use windlass_engine::{
    Action, ActionFuture, CleanupHandlers, CleanupStack, Output, RunOptions, Runtime, StepContext, Stop,
};
use windlass_model::{
    CleanupEntry, Code, Draft, Event, Failure, RunId, RunStatus, Step, StepId, TaskDraft, TaskId,
};
use windlass_store::Store;

use crate::graphs::{Recorder, compiled, finish};

const TOTAL: Duration = Duration::from_secs(5);

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn say(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// An entry that says its name.
    fn add(&self, stack: &CleanupStack, name: &'static str) {
        let log = self.clone();
        stack.add(name, move |_| async move {
            log.say(name);
            Ok(())
        });
    }
}

#[tokio::test]
async fn deploy_07_the_last_entry_goes_first_and_none_stops_the_others() {
    let (stack, log) = (CleanupStack::default(), Log::default());
    log.add(&stack, "first");
    stack.add("fails", |_| async { Err("as it was told".to_owned()) });
    stack.add("panics", |_| async { panic!("as it was told") });
    log.add(&stack, "middle");
    stack.add_within(Duration::from_millis(50), "hangs", |_| std::future::pending());
    stack.add_within(Duration::from_millis(50), "blocks", |_| async {
        std::thread::sleep(Duration::from_millis(500));
        Ok(())
    });
    log.add(&stack, "last");
    let begin = Instant::now();
    let report = stack.run_all(TOTAL).await;
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert_eq!(log.take(), ["last", "middle", "first"]);
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    let late = "it took longer than 50 ms";
    assert_eq!(
        failures,
        [
            format!("blocks: {late}"),
            format!("hangs: {late}"),
            "panics: panicked: as it was told".to_owned(),
            "fails: as it was told".to_owned(),
        ]
    );
    assert_eq!(report.done, 3);
    assert_eq!(report.failure().unwrap().code, Code::CleanupFailed);
    assert_eq!(stack.run_all(TOTAL).await, Default::default(), "each entry runs once");
}

#[tokio::test]
async fn entries_that_hang_leave_time_for_those_that_do_not() {
    let (stack, log) = (CleanupStack::default(), Log::default());
    log.add(&stack, "first");
    for _ in 0..5 {
        stack.add("hangs", |_| std::future::pending());
    }
    let begin = Instant::now();
    let report = stack.run_all(Duration::from_millis(400)).await;
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert_eq!((log.take(), report.failures.len()), (vec!["first".to_owned()], 5));
}

#[tokio::test]
async fn an_entrys_token_is_its_own_and_cancelled_when_its_time_is_over() {
    let (stack, log) = (CleanupStack::default(), Log::default());
    let heard = log.clone();
    stack.add_within(Duration::from_millis(50), "waits", move |cancel| async move {
        heard.say(if cancel.is_cancelled() { "cancelled before" } else { "not cancelled" });
        cancel.cancelled().await;
        heard.say("cancelled");
        Ok(())
    });
    stack.run_all(TOTAL).await;
    assert_eq!(log.take(), ["not cancelled", "cancelled"]);
}

#[tokio::test]
async fn two_callers_run_each_entry_once_and_both_wait_for_the_end() {
    let (stack, log) = (CleanupStack::default(), Log::default());
    for name in ["a", "b", "c"] {
        let log = log.clone();
        stack.add(name, move |_| async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            log.say(name);
            Ok(())
        });
    }
    let (one, two) = tokio::join!(stack.run_all(TOTAL), stack.run_all(TOTAL));
    assert_eq!(one.done + two.done, 3);
    assert_eq!(log.take(), ["c", "b", "a"]);
}

#[tokio::test]
async fn tickets_take_an_entry_back_early_or_let_it_stay() {
    let (stack, log) = (CleanupStack::default(), Log::default());
    let say = |name: &'static str| {
        let log = log.clone();
        stack.add(name, move |_| async move {
            log.say(name);
            Ok(())
        })
    };
    let (early, stays, _kept) = (say("early"), say("stays"), say("kept"));
    early.run().await.unwrap();
    stays.release().await;
    assert_eq!(stack.labels(), ["kept"]);
    stack.run_all(TOTAL).await;
    assert_eq!(log.take(), ["early", "kept"]);
}

#[test]
fn a_stack_can_be_run_from_where_nothing_can_be_awaited() {
    let (stack, log) = (CleanupStack::default(), Log::default());
    log.add(&stack, "first");
    stack.add("waits", |_| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(())
    });
    let report = stack.run_blocking(TOTAL);
    assert_eq!((report.done, log.take()), (2, vec!["first".to_owned()]));
}

#[tokio::test]
async fn entries_that_are_data_need_a_handler() {
    let stack = CleanupStack::default();
    let entry = CleanupEntry { kind: "lock".into(), label: "a lock".into(), data: Value::Null };
    assert_eq!(stack.add_entry(entry.clone()).unwrap_err().code, Code::CleanupFailed);
    assert!(stack.register(entry.clone()).await.is_err());
    // A journal may have one from a program with more parts: the others are taken back all the same.
    let restored = CleanupStack::restore(CleanupHandlers::default(), &BTreeMap::from([(1, entry)]));
    let report = restored.run_all(TOTAL).await;
    assert_eq!(report.failures[0].to_string(), "a lock: no handler for \"lock\" is registered");
}

#[tokio::test]
async fn only_paths_inside_the_state_folder_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (state, outside) = (dir.path().join("state"), dir.path().join("outside"));
    std::fs::create_dir_all(state.join("run/tmp/deep")).unwrap();
    std::fs::create_dir_all(&outside).unwrap();
    std::fs::write(outside.join("kept"), "").unwrap();
    std::os::unix::fs::symlink(&outside, state.join("link")).unwrap();
    std::os::unix::fs::symlink(&outside, state.join("run/link")).unwrap();
    let handlers = CleanupHandlers::builtin(Some(&state));
    let remove = async |path: &str| {
        let entry = RemovePath::entry("a path", path);
        let stack = CleanupStack::restore(handlers.clone(), &BTreeMap::from([(1, entry)]));
        stack.run_all(TOTAL).await.failures.pop().map(|failure| failure.why)
    };
    let out = outside.join("kept");
    for bad in [
        "../outside/kept",
        "link/kept",
        "run/../../outside",
        "",
        ".",
        out.to_str().unwrap(),
        state.to_str().unwrap(),
    ] {
        let why = remove(bad).await;
        assert!(why.is_some_and(|why| why.contains("is not removed")), "{bad:?}");
    }
    assert!(out.exists());
    let inner = state.join("link");
    for good in ["run", "run", "absent/deeper", inner.to_str().unwrap()] {
        assert_eq!(remove(good).await, None, "{good:?}");
    }
    assert!(
        !state.join("run").exists() && !inner.is_symlink() && out.exists(),
        "links go, not what they lead to"
    );
}

/// Registers a path, makes it, and goes on as it is told.
struct Make(PathBuf);

impl Action for Make {
    fn name(&self) -> &str {
        "make"
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        Box::pin(async move {
            if self.0.join("made").exists() {
                return Err(Failure::new(Code::StepFailed, "what the last driver made is still there"));
            }
            step.cleanup.register(RemovePath::entry("a temporary file", "made")).await?;
            std::fs::write(self.0.join("made"), "").expect("the folder is there");
            match step.input["then"].as_str() {
                Some("panic") => panic!("as it was told"),
                Some("fail") => return Err(Failure::new(Code::StepFailed, "as it was told")),
                Some("hang") if step.attempt == 1 && !self.0.join("second").exists() => {
                    step.cancel.cancelled().await;
                }
                _ => {}
            }
            Ok(Output::ok(true))
        })
    }
}

fn make(then: &str) -> windlass_engine::Compiled {
    let mut draft = Draft::new("case", "workflow/dag");
    let step = Step::new(StepId::new("go").unwrap(), "make", json!({ "then": then }));
    draft.tasks = vec![TaskDraft::new(TaskId::new("t").unwrap()).step(step)];
    compiled(draft)
}

fn runtime(state: &Path) -> Runtime {
    let store = Store::open(state).unwrap();
    Runtime::builder().store(store).action(Arc::new(Make(state.to_owned()))).build().unwrap()
}

async fn made(state: &Path) {
    let end = Instant::now() + Duration::from_secs(10);
    while !state.join("made").exists() {
        assert!(Instant::now() < end, "the step never came so far");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn deploy_07_what_steps_register_is_taken_back_at_every_end_and_journalled() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime(dir.path());
    let cases = [
        ("return", None, RunStatus::Completed),
        ("fail", None, RunStatus::Failed),
        ("panic", None, RunStatus::Failed),
        ("hang", Some(Stop::Cancel), RunStatus::Interrupted),
    ];
    for (then, stop, status) in cases {
        let recorder = Recorder::default();
        let options = RunOptions { observers: vec![Box::new(recorder.clone())], ..RunOptions::default() };
        let run = runtime.start(make(then), options).unwrap();
        if let Some(stop) = stop {
            made(dir.path()).await;
            run.stop(stop, "a signal");
        }
        let state = finish(run).await;
        assert_eq!(state.status, status, "{then}");
        assert!(!dir.path().join("made").exists(), "{then}");
        assert!(state.cleanups.is_empty() && state.last_cleanup == 1, "{then}");
        let records = recorder.0.lock().unwrap();
        let done =
            records.iter().filter(|record| matches!(record.event, Event::CleanupDone { error: None, .. }));
        assert_eq!(done.count(), 1, "observers hear of it: {then}");
    }
}

#[test]
fn deploy_07_what_a_dead_driver_left_is_taken_back_by_the_next_one_first() {
    let dir = tempfile::tempdir().unwrap();
    let threads = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let id = RunId::new("r1").unwrap();
    let first = threads();
    let before = runtime(dir.path());
    first.block_on(async {
        let options = RunOptions { id: Some(id.clone()), ..RunOptions::default() };
        before.start(make("hang"), options).unwrap();
        made(dir.path()).await;
    });
    // All of the driver's threads go at once, as in a crash: nobody is left to clean up.
    first.shutdown_timeout(Duration::from_secs(5));
    drop(before);
    assert!(dir.path().join("made").exists());
    std::fs::write(dir.path().join("second"), "").unwrap();
    threads().block_on(async {
        let after = runtime(dir.path());
        let (_, state) = after.load(&id).unwrap();
        assert_eq!(state.cleanups.len(), 1, "it was durable before the file was made");
        let state = finish(after.resume(&id, RunOptions::default()).unwrap()).await;
        assert_eq!(state.status, RunStatus::Completed, "{:?}", state.error);
        assert!(state.cleanups.is_empty() && !dir.path().join("made").exists());
    });
}

/// Says when an entry is taken back.
struct Say(Log);

impl CleanupHandler for Say {
    fn kind(&self) -> &str {
        "say"
    }

    fn take_back<'a>(&'a self, data: &'a Value, _: tokio_util::sync::CancellationToken) -> CleanupFuture<'a> {
        Box::pin(async move {
            self.0.say(data.as_str().ok_or("no text")?);
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_runs_stack_takes_over_what_is_data_and_the_rest_stays() {
    let log = Log::default();
    let mut handlers = CleanupHandlers::default();
    handlers.add(Arc::new(Say(log.clone()))).unwrap();
    let stack = CleanupStack::new(handlers);
    let entry = |text: &str| CleanupEntry { kind: "say".into(), label: text.into(), data: text.into() };
    log.add(&stack, "a session");
    stack.add_entry(entry("a lock")).unwrap();
    let run = stack.for_run();
    assert_eq!(
        (stack.labels(), run.labels()),
        (vec!["a session".into(), "the run".into()], vec!["a lock".to_owned()])
    );
    run.register(entry("a file")).await.unwrap();
    // The driver died before it could do its part: the caller's cleanup does it.
    let report = stack.run_all(TOTAL).await;
    assert_eq!((report.done, log.take()), (3, ["a file", "a lock", "a session"].map(str::to_owned).into()));
}
