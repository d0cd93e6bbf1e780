//! The lifecycle as its callers see it: the backend is found, phases come in order, and the cleanup always runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use windlass_engine::lifecycle::{Hooks, Report, resume, run};
use windlass_engine::{
    Backend, BackendKey, Capability, CleanupReport, CleanupStack, Compiled, Document, Error, Lifecycle,
    Loaded, Phase, Request, Run, RunOptions, Runtime, Stop,
};
use windlass_model::{Code, Draft, RunStatus, SecretRef, Source, Status};

use crate::graphs::{Probe, options, task};

/// What a phase of [`Scripted`] does instead of its work.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    Error,
    Panic,
}

/// A backend that plans a given draft, and fails where it is told to.
#[derive(Clone)]
struct Scripted {
    draft: Draft,
    trouble: Option<(Phase, Trouble)>,
    phases: Arc<Mutex<Vec<Phase>>>,
    taken_back: Arc<AtomicUsize>,
}

impl Scripted {
    fn new(tasks: Vec<windlass_model::TaskDraft>) -> Self {
        let mut draft = Draft::new("case", "workflow/scripted");
        draft.tasks = tasks;
        Self { draft, trouble: None, phases: Arc::default(), taken_back: Arc::default() }
    }

    fn pass(&self, phase: Phase) -> Result<(), Error> {
        self.phases.lock().unwrap().push(phase);
        match self.trouble {
            Some((at, Trouble::Error)) if at == phase => Err(Error::NoDocument),
            Some((at, Trouble::Panic)) if at == phase => panic!("as it was told"),
            _ => Ok(()),
        }
    }
}

impl Backend for Scripted {
    fn key(&self) -> BackendKey {
        BackendKey::new("workflow", "scripted")
    }

    fn capabilities(&self) -> BTreeSet<Capability> {
        BTreeSet::from([Capability::PlanExecute, Capability::DryRun])
    }

    fn recognises(&self, source: &Source) -> bool {
        source.text.starts_with("scripted:")
    }

    fn load(&self, _: &Arc<Source>, _: &Path, _: &Request) -> Result<Loaded, Error> {
        self.pass(Phase::Load)?;
        Ok(Box::new(()))
    }

    fn validate(&self, _: &Loaded, _: &Request) -> Result<(), Error> {
        self.pass(Phase::Validate)
    }

    fn prepare(&self, _: &mut Loaded, _: &Request, cleanup: &CleanupStack) -> Result<(), Error> {
        let taken_back = self.taken_back.clone();
        cleanup.add("a session", move |_| async move {
            taken_back.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        self.pass(Phase::Prepare)
    }

    fn plan(&self, _: &Loaded, _: &Request) -> Result<Compiled, Error> {
        self.pass(Phase::Plan)?;
        Ok(crate::graphs::compiled(self.draft.clone()))
    }
}

fn request(text: &str) -> Request {
    let document = Document::Text { source: Source::new("case.yaml", text), root: "/".into() };
    Request { document: Some(document), ..Request::default() }
}

fn runtime(backend: &Scripted) -> Runtime {
    Runtime::builder().backend(Arc::new(backend.clone())).action(Arc::new(Probe::default())).build().unwrap()
}

/// Hears everything that the lifecycle tells.
#[derive(Default)]
struct Heard {
    planned: bool,
    started: bool,
    steps: Option<BTreeMap<String, Option<Status>>>,
    cleaned: Option<CleanupReport>,
}

impl Hooks for Heard {
    fn planned(&mut self, _: &Compiled) {
        self.planned = true;
    }

    fn options(&mut self, _: &Compiled) -> RunOptions {
        options()
    }

    fn started(&mut self, _: &Run) {
        self.started = true;
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), Error> {
        let tasks = report.compiled.plan.tasks.iter();
        let status = |id: &str| report.step(id, "go", "localhost").and_then(|step| step.status());
        self.steps = Some(tasks.map(|task| (task.id.to_string(), status(task.id.as_str()))).collect());
        Ok(())
    }

    fn cleaned(&mut self, cleanup: &CleanupReport) {
        self.cleaned = Some(cleanup.clone());
    }
}

async fn through(
    backend: &Scripted,
    request: Request,
) -> (Result<windlass_engine::lifecycle::Ended, Error>, Heard) {
    let mut heard = Heard::default();
    let ended = run(&runtime(backend), request, &mut heard).await;
    (ended, heard)
}

#[tokio::test]
async fn a_request_goes_through_all_phases_in_order() {
    let backend = Scripted::new(vec![task("a", &[], json!({}))]);
    let (ended, heard) = through(&backend, request("scripted: yes")).await;
    let finished = ended.unwrap().outcome.unwrap().expect("it was run");
    assert_eq!(finished.state.status, RunStatus::Completed);
    assert_eq!(*backend.phases.lock().unwrap(), [Phase::Load, Phase::Validate, Phase::Prepare, Phase::Plan]);
    assert!(heard.planned && heard.started);
    assert_eq!(heard.steps.unwrap()["a"], Some(Status::Ok));
    assert_eq!(heard.cleaned.unwrap(), CleanupReport { done: 1, failures: vec![] });
}

#[tokio::test]
async fn a_dry_run_stops_before_execution_and_is_reported() {
    let backend = Scripted::new(vec![task("a", &[], json!({}))]);
    let request = Request { dry_run: true, ..request("scripted: yes") };
    let (ended, heard) = through(&backend, request).await;
    let ended = ended.unwrap();
    assert!(ended.outcome.unwrap().is_none() && heard.planned && !heard.started);
    assert_eq!(ended.compiled.plan.tasks.len(), 1);
    assert_eq!(heard.steps.unwrap()["a"], None);
    assert_eq!(backend.taken_back.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_dry_run_cannot_be_started() {
    let backend = Scripted::new(vec![task("a", &[], json!({}))]);
    let request = Request { dry_run: true, ..request("scripted: yes") };
    let planned = || {
        let begun = Lifecycle::new(&runtime(&backend), request.clone());
        begun.load().unwrap().resolve().unwrap().validate().unwrap().prepare().unwrap().plan().unwrap()
    };
    assert!(planned().start(RunOptions::default()).await.is_err());
    let executed = planned().execute(RunOptions::default()).await.unwrap();
    let ended = executed.report(|_| Ok(())).unwrap().cleanup().await;
    assert!(ended.outcome.unwrap().is_none());
}

#[tokio::test]
async fn what_is_not_registered_is_an_error_that_lists_what_is() {
    let backend = Scripted::new(vec![]);
    let with = |mode: &str, name: &str| Request {
        backend: Some(BackendKey::new(mode, name)),
        ..request("scripted: yes")
    };
    let cases = [
        (
            with("gitops", "flux"),
            "resolve[gitops/flux]: unknown mode \"gitops\" (registered modes: workflow)",
        ),
        (
            with("workflow", "dag"),
            "resolve[workflow/dag]: unknown backend \"dag\" for mode \"workflow\" (registered backends: scripted)",
        ),
        (request("other: yes"), "resolve: case.yaml is no document that a registered backend knows"),
        (Request::default(), "load: the request has no document"),
        (
            Request { check: true, ..request("scripted: yes") },
            "validate[workflow/scripted]: backend \"workflow/scripted\" is missing required capabilities: check",
        ),
    ];
    for (request, want) in cases {
        let (ended, heard) = through(&backend, request).await;
        assert_eq!(ended.unwrap_err().to_string(), want);
        assert!(heard.cleaned.is_some(), "the cleanup has run after {want:?}");
    }
    assert_eq!(*backend.phases.lock().unwrap(), [], "the backend was not touched");
}

#[tokio::test]
async fn a_document_is_read_from_its_file_within_limits() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("my flöw.yaml");
    std::fs::write(&path, "scripted: yes").unwrap();
    let at = |path: &Path| Request { document: Some(Document::Path(path.to_owned())), ..Request::default() };
    let backend = Scripted::new(vec![task("a", &[], json!({}))]);
    assert!(through(&backend, at(&path)).await.0.unwrap().outcome.is_ok());
    let error = through(&backend, at(dir.path())).await.0.unwrap_err();
    assert_eq!((error.code(), error.to_string().starts_with("load: ")), (Some(Code::Unreadable), true));
}

#[tokio::test]
async fn secrets_are_had_before_anything_is_durable() {
    let mut backend = Scripted::new(vec![task("a", &[], json!({}))]);
    backend.draft.secrets.insert("token".into(), SecretRef::Env("RELEASE_TOKEN".into()));
    let runtime = runtime(&backend);
    let error = run(&runtime, request("scripted: yes"), &mut ()).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::NoSecret));
    let text = error.to_string();
    assert!(text.starts_with("prepare[workflow/scripted]: secret \"token\" cannot be had"), "{text}");
    let mut set = request("scripted: yes");
    set.env.insert("RELEASE_TOKEN".into(), "hunter22".into());
    assert!(run(&runtime, set, &mut ()).await.unwrap().outcome.is_ok());
}

#[tokio::test]
async fn a_resumed_run_gets_its_secrets_again_or_fails_in_prepare() {
    let mut backend =
        Scripted::new(vec![task("a", &[], json!({"sleep": 10_000, "say": "{{ secrets.token }}"}))]);
    backend.draft.secrets.insert("token".into(), SecretRef::Env("RELEASE_TOKEN".into()));
    let runtime = runtime(&backend);
    let set =
        Request { env: [("RELEASE_TOKEN".into(), "hunter22".into())].into(), ..request("scripted: yes") };
    let begun = Lifecycle::new(&runtime, set.clone());
    let planned =
        begun.load().unwrap().resolve().unwrap().validate().unwrap().prepare().unwrap().plan().unwrap();
    let running = planned.start(RunOptions::default()).await.unwrap();
    let id = running.run().id().clone();
    running.run().stop(Stop::Cancel, "a signal");
    drop(running.wait().await);
    let error = resume(&runtime, &id, &BTreeMap::new(), RunOptions::default()).await.unwrap_err().to_string();
    assert!(error.starts_with("prepare[workflow/scripted]: secret \"token\" cannot be had"), "{error}");
    let run = resume(&runtime, &id, &set.env, RunOptions::default()).await.unwrap();
    run.abort("a person");
    let status = run.wait().await.unwrap().state.status;
    assert_eq!(status, RunStatus::Aborted);
    let error = resume(&runtime, &id, &BTreeMap::new(), RunOptions::default()).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::NotResumable));
}

#[tokio::test]
async fn deploy_07_cleanup_runs_on_every_exit_of_every_phase() {
    for phase in [Phase::Prepare, Phase::Plan] {
        for trouble in [Trouble::Error, Trouble::Panic] {
            let mut backend = Scripted::new(vec![task("a", &[], json!({}))]);
            backend.trouble = Some((phase, trouble));
            let (ended, heard) = through(&backend, request("scripted: yes")).await;
            let error = ended.unwrap_err().to_string();
            assert!(error.starts_with(&format!("{phase}[workflow/scripted]: ")), "{error}");
            assert_eq!(backend.taken_back.load(Ordering::SeqCst), 1, "{phase} {trouble:?}");
            assert_eq!(heard.cleaned.unwrap().done, 1, "{phase} {trouble:?}");
        }
    }
}

#[tokio::test]
async fn deploy_07_cleanup_runs_when_the_caller_lets_go_anywhere() {
    let backend = Scripted::new(vec![task("a", &[], json!({"sleep": 10_000}))]);
    let runtime = runtime(&backend);
    let count = || backend.taken_back.load(Ordering::SeqCst);
    let prepared = || {
        let begun = Lifecycle::new(&runtime, request("scripted: yes"));
        begun.load().unwrap().resolve().unwrap().validate().unwrap().prepare().unwrap()
    };
    drop(prepared());
    assert_eq!(count(), 1, "dropped when prepared");
    drop(prepared().plan().unwrap());
    assert_eq!(count(), 2, "dropped when planned");
    let running = prepared().plan().unwrap().start(RunOptions::default()).await.unwrap();
    let run = running.run().clone();
    drop(running);
    assert_eq!(count(), 3, "dropped while running");
    let stopped = run.wait().await.unwrap().state.status;
    assert_eq!(stopped, RunStatus::Interrupted, "the run does not go on without its lifecycle");
    let execution = tokio::spawn(prepared().plan().unwrap().execute(RunOptions::default()));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    execution.abort();
    assert!(execution.await.unwrap_err().is_cancelled());
    assert_eq!(count(), 4, "aborted while running");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _held = prepared();
        panic!("in the caller");
    }));
    assert!(panicked.is_err());
    assert_eq!(count(), 5, "panicked in the caller");
}

#[tokio::test]
async fn deploy_07_cleanup_runs_when_the_run_is_stopped_or_a_hook_panics() {
    struct Stops(Stop);
    impl Hooks for Stops {
        fn started(&mut self, run: &Run) {
            run.stop(self.0, "a signal");
        }
    }
    struct Panics;
    impl Hooks for Panics {
        fn report(&mut self, _: &Report<'_>) -> Result<(), Error> {
            panic!("in a report");
        }
    }
    let backend = Scripted::new(vec![task("a", &[], json!({"sleep": 200})), task("b", &["a"], json!({}))]);
    let mut hooks: Vec<Box<dyn Hooks>> =
        vec![Box::new(Stops(Stop::Drain)), Box::new(Stops(Stop::Cancel)), Box::new(Panics)];
    for (count, hooks) in hooks.iter_mut().enumerate() {
        let ended = run(&runtime(&backend), request("scripted: yes"), &mut **hooks).await;
        assert_eq!(backend.taken_back.load(Ordering::SeqCst), count + 1);
        match ended {
            Ok(ended) => {
                assert_eq!(ended.outcome.unwrap().unwrap().state.status, RunStatus::Interrupted);
            }
            Err(error) => {
                let want = "report[workflow/scripted]: internal error: panicked: in a report";
                assert_eq!(error.to_string(), want);
            }
        }
    }
}

#[tokio::test]
async fn deploy_09_a_failed_run_keeps_its_plan_and_what_was_done() {
    let backend = Scripted::new(vec![
        task("a", &[], json!({"changed": true})),
        task("b", &["a"], json!({"fail": true})),
        task("c", &["b"], json!({})),
    ]);
    let (ended, heard) = through(&backend, request("scripted: yes")).await;
    let ended = ended.unwrap();
    assert_eq!(ended.compiled.plan.tasks.len(), 3);
    assert_eq!(ended.outcome.unwrap().unwrap().state.status, RunStatus::Failed);
    let want = [("a", Status::Changed), ("b", Status::Failed), ("c", Status::Skipped)];
    assert_eq!(heard.steps.unwrap(), want.map(|(id, status)| (id.to_owned(), Some(status))).into());
}

#[tokio::test]
async fn deploy_10_the_plan_is_all_that_execution_needs() {
    let backend = Scripted::new(vec![task("a", &[], json!({"changed": true})), task("b", &["a"], json!({}))]);
    let begun = Lifecycle::new(&runtime(&backend), request("scripted: yes"));
    let planned =
        begun.load().unwrap().resolve().unwrap().validate().unwrap().prepare().unwrap().plan().unwrap();
    let bytes = planned.compiled().plan.to_bytes();
    drop(planned);
    // Another program, which has no backend at all, runs what was planned here.
    let other = Runtime::builder().action(Arc::new(Probe::default())).build().unwrap();
    let plan = windlass_model::Plan::from_bytes(&bytes).unwrap();
    assert_eq!(plan.to_bytes(), bytes);
    let compiled = Compiled::new(plan, "/");
    let finished = other.start(compiled, options()).unwrap().wait().await.unwrap();
    assert_eq!(finished.state.status, RunStatus::Completed);
    assert_eq!(backend.phases.lock().unwrap().len(), 4, "the backend had no part in it");
}

#[tokio::test]
async fn deploy_10_results_are_found_by_id_beside_steps_that_do_nothing() {
    let mut backend = Scripted::new(vec![
        task("a", &[], json!({})),
        task("b", &[], json!({"changed": true})),
        task("c", &[], json!({"fail": true})),
    ]);
    backend.draft.tasks[0].body[0].intent = windlass_model::Intent::Declined;
    // The order in which a document has its tasks leaves no trace either.
    backend.draft.tasks.reverse();
    let (_, heard) = through(&backend, request("scripted: yes")).await;
    let want = [("a", Status::Skipped), ("b", Status::Changed), ("c", Status::Failed)];
    assert_eq!(heard.steps.unwrap(), want.map(|(id, status)| (id.to_owned(), Some(status))).into());
}

#[tokio::test]
async fn cluster_03_a_panic_while_planning_is_an_error_and_never_an_empty_success() {
    let mut backend = Scripted::new(vec![task("a", &[], json!({}))]);
    backend.trouble = Some((Phase::Plan, Trouble::Panic));
    let (ended, heard) = through(&backend, request("scripted: yes")).await;
    let error = ended.unwrap_err();
    assert_eq!(error.to_string(), "plan[workflow/scripted]: internal error: panicked: as it was told");
    assert_eq!(error.code(), Some(Code::Internal));
    assert!(!heard.planned && !heard.started);
}
