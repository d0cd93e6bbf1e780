//! Saved plans as a program that embeds the engine has them: made, kept, looked at, applied once, or refused.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use serde_json::{Value, json};
use windlass_engine::saved::{
    self, Asked, BadFile, Caller, Change, Observed, Part, Predicted, Provenance, SavedPlan, Turn,
};
use windlass_engine::{
    Action, ActionFuture, Backend, BackendKey, Capability, Compiled, Document, Error, Loaded, Output,
    Request, Runtime, StepContext,
};
use windlass_model::{BlobId, Code, Draft, Plan, RunStatus, Source, Step, StepId, TaskDraft, TaskId};
use windlass_store::{Filter, Scope, Store};

/// What steps look at and change.
type World = Arc<Mutex<BTreeMap<String, String>>>;

/// Gives a key of the world a value.
struct Put(World);

impl Action for Put {
    fn name(&self) -> &str {
        "put"
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        Box::pin(async move {
            let text = |name: &str| step.input[name].as_str().unwrap_or_default().to_owned();
            let (key, value) = (text("key"), text("value"));
            let mut world = self.0.lock().unwrap();
            let before = world.get(&key).cloned();
            if before.as_ref() == Some(&value) {
                return Ok(Output::ok(false));
            }
            if !step.mode.check {
                world.insert(key, value.clone());
            }
            Ok(Output::ok(true).with("diff", json!({ "before": before, "after": value })))
        })
    }
}

/// Does something of which nobody knows what before it is done.
struct Act;

impl Action for Act {
    fn name(&self) -> &str {
        "act"
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        let skipped = step.mode.check;
        Box::pin(async move {
            Ok(Output { skipped, unknown: skipped, ..Output::ok(!skipped).with("msg", "done") })
        })
    }
}

/// Documents of lines: `put TASK KEY VALUE`, `act TASK`; what begins with `#` is a comment. `VALUE` may be an
/// extra variable or, after a `$`, an environment variable.
struct Lines {
    check: bool,
}

impl Backend for Lines {
    fn key(&self) -> BackendKey {
        BackendKey::new("workflow", "lines")
    }

    fn capabilities(&self) -> BTreeSet<Capability> {
        let check = self.check.then_some(Capability::Check);
        [Capability::PlanExecute, Capability::DryRun].into_iter().chain(check).collect()
    }

    fn recognises(&self, _: &Source) -> bool {
        true
    }

    fn load(&self, source: &Arc<Source>, _: &Path, _: &Request) -> Result<Loaded, Error> {
        Ok(Box::new(source.clone()))
    }

    fn validate(&self, _: &Loaded, _: &Request) -> Result<(), Error> {
        Ok(())
    }

    fn plan(&self, loaded: &Loaded, request: &Request) -> Result<Compiled, Error> {
        let source: &Arc<Source> = loaded.downcast_ref().unwrap();
        let mut draft = Draft::new("lines", "workflow/lines");
        for line in source.text.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [word, task, rest @ ..] = words.as_slice() else { continue };
            let input = match rest {
                [key, value] => json!({ "key": key, "value": read(value, request, &mut draft) }),
                _ => Value::Null,
            };
            let step = Step::new(StepId::new("do").unwrap(), *word, input);
            draft.tasks.push(TaskDraft::new(TaskId::new(task).unwrap()).step(step));
        }
        Ok(Compiled::new(draft.finish()?, "/"))
    }
}

fn read(word: &str, request: &Request, draft: &mut Draft) -> String {
    if let Some(name) = word.strip_prefix('$') {
        let value = request.env.get(name).cloned();
        draft.inputs.env.insert(name.to_owned(), value.clone());
        return value.unwrap_or_default();
    }
    request.extra_vars.get(word).and_then(Value::as_str).unwrap_or(word).to_owned()
}

/// A world with a runtime over it.
struct Case {
    world: World,
    runtime: Runtime,
}

impl Case {
    fn new() -> Self {
        Self::with(Store::memory(), true)
    }

    fn with(store: Store, check: bool) -> Self {
        let world = World::default();
        let runtime = Runtime::builder()
            .store(store)
            .backend(Arc::new(Lines { check }))
            .action(Arc::new(Put(world.clone())))
            .action(Arc::new(Act));
        Self { runtime: runtime.build().unwrap(), world }
    }

    async fn plan(&self, text: &str) -> SavedPlan {
        saved::plan(&self.runtime, request(text), None).await.unwrap().saved
    }

    async fn apply(&self, plan: &SavedPlan, text: &str) -> Result<RunStatus, Error> {
        self.apply_in(plan, text, &[]).await
    }

    async fn apply_in(&self, plan: &SavedPlan, text: &str, env: &[(&str, &str)]) -> Result<RunStatus, Error> {
        let ended = saved::apply(&self.runtime, plan, caller(text, env), &mut ()).await?;
        Ok(ended.outcome?.expect("it was run").state.status)
    }

    fn put(&self, key: &str, value: &str) {
        self.world.lock().unwrap().insert(key.into(), value.into());
    }

    fn get(&self, key: &str) -> Option<String> {
        self.world.lock().unwrap().get(key).cloned()
    }
}

fn document(text: &str) -> Document {
    Document::Text { source: Source::new("lines", text), root: "/".into() }
}

fn request(text: &str) -> Request {
    Request { document: Some(document(text)), ..Request::default() }
}

fn caller(text: &str, env: &[(&str, &str)]) -> Caller {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Caller { document: Some(document(text)), env, ..Caller::default() }
}

#[track_caller]
fn stale(result: Result<RunStatus, Error>) -> Vec<String> {
    match result {
        Err(Error::Stale(stale)) => stale.0.iter().map(ToString::to_string).collect(),
        other => panic!("it was not stale: {other:?}"),
    }
}

#[tokio::test]
async fn a_plan_is_applied_once() {
    let case = Case::new();
    let plan = case.plan("put a k v").await;
    assert_eq!(case.get("k"), None, "planning changes nothing");
    assert_eq!(case.apply(&plan, "put a k v").await.unwrap(), RunStatus::Completed);
    assert_eq!(case.get("k").as_deref(), Some("v"));
    let again = case.apply(&plan, "put a k v").await.unwrap_err();
    assert_eq!(again.code(), Some(Code::PlanApplied), "also where it would be stale by its own work");
    let next = case.plan("put a k v").await;
    assert_ne!(next.plan_id, plan.plan_id);
    assert_eq!(next.provenance.digest, plan.provenance.digest, "the digest covers the plan alone");
    assert_eq!(case.apply(&next, "put a k v").await.unwrap(), RunStatus::Completed);
}

#[tokio::test]
async fn what_has_changed_is_named_and_nothing_is_done() {
    let case = Case::new();
    let plan = case.plan("put a k v\nput b l w\nact c").await;
    for (text, want) in [
        ("put a k V\nput b l w\nact c", &["step a/do has changed (parameter value)"][..]),
        ("put a k v\nact c", &["task b is gone"]),
        ("put a k v\nput b l w\nact c\nput d m x", &["task d is new"]),
        ("put a k v\nput b l w\nput c m x", &["step c/do has changed (action, parameters)"]),
    ] {
        assert_eq!(stale(case.apply(&plan, text).await), want);
    }
    case.put("k", "other");
    assert_eq!(
        stale(case.apply(&plan, "put a k v\nput b l w\nact c").await),
        ["what step a/do@localhost finds has changed"]
    );
    case.put("k", "v");
    assert_eq!(
        stale(case.apply(&plan, "put a k v\nput b l w\nact c").await),
        ["what step a/do@localhost finds has changed: its outcome was to be changed, and would be ok"]
    );
    assert_eq!(case.runtime.store().runs(&Filter::default()).unwrap(), [], "no run was written down");
    assert_eq!(case.get("l"), None);
    case.world.lock().unwrap().clear();
    case.put("unrelated", "x");
    let same = "# another comment\nact   c\nput b l w\n\nput a k v";
    assert_eq!(case.apply(&plan, same).await.unwrap(), RunStatus::Completed);
}

#[tokio::test]
async fn the_environment_and_the_variables_are_those_of_the_planning() {
    let case = Case::new();
    let text = "put a k $REGION\nput b l name";
    let env = BTreeMap::from([("REGION".to_owned(), "eu".to_owned())]);
    let extra_vars = json!({ "name": "x" }).as_object().cloned().unwrap();
    let request = Request { env, extra_vars, ..request(text) };
    let plan = saved::plan(&case.runtime, request, None).await.unwrap().saved;
    assert_eq!(stale(case.apply(&plan, text).await)[0], "environment variable REGION has changed");
    let told = stale(case.apply_in(&plan, text, &[("REGION", "us-secretive")]).await);
    assert!(told.iter().all(|told| !told.contains("us-secretive")), "values are not told: {told:?}");
    let env = [("REGION", "eu"), ("UNRELATED", "1")];
    assert_eq!(case.apply_in(&plan, text, &env).await.unwrap(), RunStatus::Completed);
    assert_eq!(case.get("l").as_deref(), Some("x"), "extra variables are in the plan");
}

#[tokio::test]
async fn of_many_that_apply_one_plan_one_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..10 {
        let state = folder.path().join("state");
        let cases: Vec<Case> = (0..4).map(|_| Case::with(Store::open(&state).unwrap(), true)).collect();
        let plan = cases[0].plan("act a").await;
        let (a, b, c, d) = tokio::join!(
            cases[0].apply(&plan, "act a"),
            cases[1].apply(&plan, "act a"),
            cases[2].apply(&plan, "act a"),
            cases[3].apply(&plan, "act a"),
        );
        let (won, lost): (Vec<_>, Vec<_>) = [a, b, c, d].into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        assert!(lost.into_iter().all(|error| error.unwrap_err().code() == Some(Code::PlanApplied)));
    }
    let rows = Store::open(&folder.path().join("state")).unwrap().runs(&Filter::default()).unwrap();
    assert_eq!(rows.len(), 10, "one run for each plan");
}

#[tokio::test]
async fn steps_that_nobody_can_ask_are_unknown() {
    let case = Case::with(Store::memory(), false);
    let plan = case.plan("put a k v").await;
    assert_eq!(plan.provenance.observed.count(Predicted::Unknown), 1);
    assert!(!plan.provenance.observed.is_noop());
    case.put("k", "other");
    assert_eq!(case.apply(&plan, "put a k v").await.unwrap(), RunStatus::Completed);
    let case = Case::new();
    case.put("k", "v");
    assert!(case.plan("put a k v").await.provenance.observed.is_noop());
    assert_eq!(case.plan("act a").await.provenance.observed.count(Predicted::Unknown), 1);
}

#[tokio::test]
async fn a_document_that_is_no_file_has_to_be_brought_along() {
    let case = Case::new();
    let plan = case.plan("put a k v").await;
    let alone = saved::apply(&case.runtime, &plan, Caller::default(), &mut ()).await.unwrap_err();
    assert_eq!(alone.code(), Some(Code::NoDocument));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    std::fs::write(&path, "put a k v").unwrap();
    let request = Request { document: Some(Document::Path(path.clone())), ..Request::default() };
    let plan = saved::plan(&case.runtime, request, None).await.unwrap().saved;
    assert_eq!(saved::changes(&case.runtime, &plan, Caller::default()).await.unwrap(), []);
    std::fs::remove_file(&path).unwrap();
    let gone = saved::changes(&case.runtime, &plan, Caller::default()).await.unwrap();
    assert!(matches!(gone.as_slice(), [Change { part: Part::Document, turn: Turn::Broken(_) }]), "{gone:?}");
}

#[test]
fn a_plan_belongs_to_the_runs_of_its_project() {
    let folder = tempfile::tempdir().unwrap();
    let scope = |project: &str, state: &str| {
        let project = folder.path().join(project);
        Scope { state: project.join(state), project }
    };
    std::fs::create_dir(folder.path().join("here")).unwrap();
    let made = Provenance {
        scope: saved::Home::of(&scope("here", ".windlass")),
        ..provenance(&Draft::new("p", "workflow/lines").finish().unwrap())
    };
    made.belongs(&scope("here", ".windlass")).unwrap();
    let other = made.belongs(&scope("here", "elsewhere")).unwrap_err();
    assert_eq!(other.code(), Some(Code::OtherScope));
    std::fs::remove_dir(folder.path().join("here")).unwrap();
    made.belongs(&scope("there", ".windlass")).expect("on another machine its project is not there");
}

fn provenance(plan: &Plan) -> Provenance {
    Provenance {
        windlass: "0".into(),
        digest: plan.digest(),
        document: None,
        request: Asked::default(),
        invoker: "local".into(),
        scope: None,
        observed: Observed::default(),
        unchecked: vec![],
    }
}

fn sample() -> SavedPlan {
    let mut draft = Draft::new("sample", "workflow/lines");
    for id in ["a", "b"] {
        let step = Step::new(StepId::new("do").unwrap(), "put", json!({ "key": id, "value": 1.5 }));
        draft.tasks.push(TaskDraft::new(TaskId::new(id).unwrap()).step(step));
    }
    let plan = draft.finish().unwrap();
    SavedPlan::new(plan.clone(), provenance(&plan))
}

/// The file's content after a change by somebody who can count its checksum anew.
fn forged(change: impl FnOnce(&mut Value)) -> Result<SavedPlan, BadFile> {
    let mut value: Value = serde_json::from_slice(&sample().to_bytes()).unwrap();
    value.as_object_mut().unwrap().remove("seal");
    change(&mut value);
    let seal = BlobId::of(value.to_string().as_bytes());
    value["seal"] = seal.as_str().into();
    SavedPlan::from_bytes(value.to_string().as_bytes())
}

#[test]
fn a_file_is_private_whole_and_written_over_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.plan");
    for _ in 0..2 {
        let plan = sample();
        plan.write(&path).unwrap();
        assert_eq!(SavedPlan::read(&path).unwrap(), plan);
    }
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    let document = folder.path().join("w.yaml");
    std::fs::write(&document, "workflow: w\n").unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&document, &link).unwrap();
    for other in [&document, &link, &folder.path().to_owned(), &"/dev/null".into()] {
        assert_eq!(sample().write(other).unwrap_err().code(), Some(Code::NotOverwritten), "{other:?}");
        assert!(SavedPlan::read(other).is_err(), "{other:?}");
    }
    assert_eq!(std::fs::read_to_string(&document).unwrap(), "workflow: w\n");
}

#[test]
fn every_damage_is_seen() {
    let bytes = sample().to_bytes();
    for end in 0..bytes.len() - 1 {
        assert!(SavedPlan::from_bytes(&bytes[..end]).is_err(), "cut off at {end}");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            assert!(SavedPlan::from_bytes(&bytes).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_forged_file_is_checked_like_any_other() {
    assert_eq!(forged(|_| {}).unwrap().plan.name, "sample");
    let refused = |change: fn(&mut Value)| forged(change).unwrap_err();
    assert_eq!(refused(|v| v["version"] = json!(99)), BadFile::Newer(99));
    assert_eq!(refused(|v| v["version"] = json!(0)), BadFile::Other);
    assert_eq!(refused(|v| v["plan"]["name"] = json!("other")), BadFile::Damaged);
    for change in [
        (|v| v["plan"]["host_sets"] = json!([[7]])) as fn(&mut Value),
        |v| v["plan"]["tasks"][0]["needs"] = json!([4_000_000_000_u64]),
        |v| v["plan"]["tasks"][0]["needs"] = json!([0]),
        |v| v["plan"]["tasks"][0]["hosts"] = json!(u32::MAX),
        |v| v["plan"]["tasks"][0]["cleanup"] = json!(u32::MAX),
    ] {
        assert!(matches!(refused(change), BadFile::Plan(_)));
    }
    for change in [
        (|v| v["created_at"] = json!(-1)) as fn(&mut Value),
        |v| v["created_at"] = json!(1e300),
        |v| v["plan_id"] = json!("../up"),
        |v| v["plan_id"] = json!("x".repeat(10_000)),
        |v| v["plan"]["tasks"][0]["hosts"] = json!(u64::MAX),
        |v| v["provenance"]["digest"] = json!("short"),
        |v| v["provenance"]["observed"] = json!([1]),
    ] {
        assert!(matches!(refused(change), BadFile::Shape(_)));
    }
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for text in ["", "null", "[]", "{}", "1e999", &deep, r#"{"plan_id":1,"plan":2,"provenance":3}"#] {
        assert!(SavedPlan::from_bytes(text.as_bytes()).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0..400usize) {
        prop_assert!(SavedPlan::from_bytes(&bytes).is_err());
        let mut spliced = sample().to_bytes();
        let at = at.min(spliced.len());
        spliced.splice(at..at, bytes.iter().copied());
        let kept = SavedPlan::from_bytes(&spliced);
        let blank = bytes.iter().all(u8::is_ascii_whitespace);
        prop_assert!(kept.is_err() || blank);
    }
}
