//! The run's state and its bus: isolation, types, and that there is one store only.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use windlass_engine::state::output;
use windlass_engine::{
    Action, ActionFuture, HostKey, Key, Output, RunOptions, Runtime, ScopeLevel, Secret, StateView,
    StepContext, StepOutput, Topic, Values,
};
use windlass_model::{
    Code, Draft, Failure, RunState, RunStatus, Scope, Stage, StageName, Step, StepId, TaskDraft, TaskId,
};

use crate::graphs::{compiled, finish, options};

/// A view from a task; what it writes becomes visible with [`commit`].
fn view(values: &Values, task: u32, stage: Option<u32>) -> StateView {
    StateView::new(values.clone(), StateView::chain(task, stage))
}

/// What the driver does at a step's end.
fn commit(values: &Values, view: &StateView) {
    for (scope, key, value) in view.take_writes() {
        values.set(scope, &key, value);
    }
}

#[test]
fn cluster_05_scopes_cascade_upwards_only_and_siblings_are_isolated() {
    let values = Values::default();
    let (a, b, other) = (view(&values, 0, Some(0)), view(&values, 1, Some(0)), view(&values, 2, Some(1)));
    for scope in ["global", "pipeline", "stage", "task"] {
        a.export(scope, &format!("in {scope}"), scope).unwrap();
        a.export(scope, "everywhere", scope).unwrap();
    }
    commit(&values, &a);
    let sees = |view: &StateView, key: &str| view.get(key).map(|value| value.as_str().unwrap().to_owned());
    // A key, and what the same task, one of the same stage, and one of another stage see of it.
    let cases = [
        ("in global", [Some("global"), Some("global"), Some("global")]),
        ("in pipeline", [Some("pipeline"), Some("pipeline"), Some("pipeline")]),
        ("in stage", [Some("stage"), Some("stage"), None]),
        ("in task", [Some("task"), None, None]),
        ("everywhere", [Some("task"), Some("stage"), Some("pipeline")]),
    ];
    for (key, want) in cases {
        let seen = [&a, &b, &other].map(|view| sees(view, key));
        assert_eq!(seen, want.map(|want| want.map(str::to_owned)), "{key}");
    }
    // A scope by its own word shows nothing of those around it or below it.
    assert_eq!(a.import("global", "in task"), None);
    assert_eq!(a.import("task", "in global"), None);
    assert_eq!(*a.import("", "in global").unwrap(), json!("global"));
    assert_eq!(a.bag(ScopeLevel::Pipeline).unwrap().get("in task"), None);
}

#[test]
fn cluster_05_a_write_names_its_scope_and_a_read_may_leave_it_out() {
    let values = Values::default();
    let (staged, bare) = (view(&values, 0, Some(0)), view(&values, 1, None));
    assert!(staged.export("module", "k", 1).is_ok(), "another word for stage");
    assert_eq!(*staged.import("stage", "k").unwrap(), json!(1));
    for (view, scope) in
        [(&staged, ""), (&staged, "host"), (&staged, "Task"), (&bare, "stage"), (&bare, "module")]
    {
        assert_eq!(view.export(scope, "k", 1).unwrap_err().code, Code::NoScope, "{scope:?}");
    }
    for scope in ["host", "Task"] {
        assert_eq!(staged.import(scope, "k"), None, "{scope:?}");
    }
    assert_eq!(bare.import("stage", "k"), None);
}

const CONFIG: Key<String> = Key::new("runtime.config", ScopeLevel::Task);
const FACTS: HostKey<u32> = HostKey::new("host.facts", ScopeLevel::Pipeline);

#[test]
fn cluster_06_one_steps_configuration_is_not_anothers() {
    let values = Values::default();
    let (first, second) = (view(&values, 0, None), view(&values, 0, None));
    first.write(&CONFIG, &"one".to_owned()).unwrap();
    second.write(&CONFIG, &"two".to_owned()).unwrap();
    assert_eq!(first.need(&CONFIG).unwrap(), "one");
    assert_eq!(second.need(&CONFIG).unwrap(), "two");
    assert_eq!(values.get(Scope::Task(0), CONFIG.name()), None, "nothing is shared before a step has ended");
    // A failed attempt's writes are dropped.
    drop(first.take_writes());
    assert_eq!(first.read(&CONFIG).unwrap(), None);
}

/// Writes its host's facts, waits, and fails if it then reads another's.
struct Facts;

impl Action for Facts {
    fn name(&self) -> &str {
        "facts"
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        Box::pin(async move {
            let own: u32 = step.host[1..].parse().expect("hosts are called h0, h1, …");
            step.state.write(&FACTS.of(&step.host), &own)?;
            step.state.write(&CONFIG, &step.host.to_string())?;
            tokio::time::sleep(Duration::from_millis(20)).await;
            let (facts, config) = (step.state.need(&FACTS.of(&step.host))?, step.state.need(&CONFIG)?);
            if facts != own || config != *step.host {
                return Err(Failure::new(Code::StepFailed, format!("{} reads {facts} {config}", step.host)));
            }
            Ok(Output::ok(false))
        })
    }
}

/// Says how many hosts' facts it sees.
struct Gather;

impl Action for Gather {
    fn name(&self) -> &str {
        "gather"
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        Box::pin(async move {
            let all = step.state.read_hosts(&FACTS)?;
            let right = all.iter().all(|(host, facts)| *host == format!("h{facts}"));
            Ok(Output::ok(false).with("count", all.len()).with("right", right))
        })
    }
}

fn result(state: &RunState, task: &str) -> Value {
    let run = &state.steps_on(state.plan().task(task).unwrap(), 0)[0];
    run.detail.as_ref().expect("it has a result").result.clone()
}

fn step(id: &str, action: &str) -> Step {
    Step::new(StepId::new(id).unwrap(), action, Value::Null)
}

#[tokio::test]
async fn cluster_06_hosts_that_run_at_once_keep_their_own_values() {
    let mut all = TaskDraft::new(TaskId::new("all").unwrap()).step(step("facts", "facts"));
    all.hosts = (0..20).map(|n| format!("h{n}").into()).collect();
    let gather = TaskDraft::new(TaskId::new("gather").unwrap()).step(step("go", "gather"));
    let mut draft = Draft::new("case", "workflow/dag");
    draft.tasks = vec![all, gather.needs(TaskId::new("all").unwrap())];
    let runtime = Runtime::builder().action(Arc::new(Facts)).action(Arc::new(Gather)).build().unwrap();
    let state = finish(runtime.start(compiled(draft), options()).unwrap()).await;
    assert_eq!(state.status, RunStatus::Completed, "{:?}", state.error);
    let gathered = result(&state, "gather");
    assert_eq!(gathered, json!({"count": 20, "right": true}));
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct InitData {
    token: String,
    ca_cert_hash: String,
}

const INIT: Topic<InitData> = Key::new("kubeadm.init_data", ScopeLevel::Pipeline);

fn init(n: u32) -> InitData {
    InitData { token: format!("token {n}"), ca_cert_hash: "sha256:0".into() }
}

#[tokio::test]
async fn cluster_07_what_one_publishes_another_gets_whichever_way_it_looks() {
    let values = Values::default();
    let (one, two) = (view(&values, 0, Some(0)), view(&values, 1, Some(1)));
    one.bus().send(&INIT, &init(1)).unwrap();
    assert_eq!(two.bus().latest(&INIT).unwrap(), Some(init(1)));
    assert_eq!(two.read(&INIT).unwrap(), Some(init(1)), "the bus and the state are one store");
    assert_eq!(two.get("kubeadm.init_data").unwrap()["token"], "token 1");
    // And the other way round: what a step writes reaches subscribers when it is journalled.
    let mut heard = one.bus().listen(&INIT).unwrap();
    assert_eq!(heard.next().await.unwrap().unwrap(), init(1), "a late subscriber gets the last value first");
    two.write(&INIT, &init(2)).unwrap();
    commit(&values, &two);
    assert_eq!(heard.next().await.unwrap().unwrap(), init(2));
}

#[tokio::test]
async fn cluster_07_a_slow_subscriber_never_blocks_and_gets_the_newest() {
    let values = Values::default();
    let bus = view(&values, 0, None).bus();
    let mut slow = bus.subscribe(ScopeLevel::Pipeline, "n").unwrap();
    let begin = std::time::Instant::now();
    for n in 0..10_000 {
        bus.publish(ScopeLevel::Pipeline, "n", n).unwrap();
    }
    assert!(begin.elapsed() < Duration::from_secs(60));
    assert_eq!(*slow.next().await.unwrap(), json!(9_999));
    let nothing = tokio::time::timeout(Duration::from_millis(20), slow.next()).await;
    assert!(nothing.is_err(), "each value comes once");
    drop((bus, values));
    assert_eq!(slow.next().await, None, "nothing can come any more");
}

#[tokio::test]
async fn cluster_07_scopes_hold_on_the_bus_too() {
    let values = Values::default();
    let (one, two) = (view(&values, 0, None).bus(), view(&values, 1, None).bus());
    let mut heard = two.subscribe(ScopeLevel::Task, "k").unwrap();
    one.publish(ScopeLevel::Task, "k", 1).unwrap();
    assert_eq!(two.get(ScopeLevel::Task, "k"), None);
    assert!(tokio::time::timeout(Duration::from_millis(20), heard.next()).await.is_err());
    assert_eq!(one.publish(ScopeLevel::Stage, "k", 1).unwrap_err().code, Code::NoScope);
}

/// Publishes after a while, and ends later still.
struct Announce;

impl Action for Announce {
    fn name(&self) -> &str {
        "announce"
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            step.state.bus().send(&INIT, &init(7))?;
            step.state.export("global", INIT.name(), json!(init(7)))?;
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok(Output::ok(false))
        })
    }
}

/// Waits for what is announced.
struct Listen;

impl Action for Listen {
    fn name(&self) -> &str {
        "listen"
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        Box::pin(async move {
            let mut heard = step.state.bus().listen(&INIT)?;
            let next = tokio::time::timeout(Duration::from_secs(5), heard.next()).await;
            let data =
                next.ok().flatten().ok_or_else(|| Failure::new(Code::StepFailed, "heard nothing"))??;
            Ok(Output::ok(false).with("token", data.token))
        })
    }
}

#[tokio::test]
async fn cluster_07_steps_of_a_run_hear_each_other_and_the_journal_has_it() {
    let mut draft = Draft::new("case", "workflow/dag");
    let stage = |name: &str| Stage {
        repeat: None,
        name: StageName::new(name).unwrap(),
        vars: Default::default(),
        policy: Default::default(),
    };
    draft.stages = vec![stage("first"), stage("second")];
    draft.tasks = ["announce", "listen"]
        .map(|name| TaskDraft::new(TaskId::new(name).unwrap()).step(step("go", name)))
        .into_iter()
        .zip(&draft.stages)
        .map(|(task, stage)| TaskDraft { stage: Some(stage.name.clone()), ..task })
        .collect();
    let runtime = Runtime::builder().action(Arc::new(Announce)).action(Arc::new(Listen)).build().unwrap();
    let state = finish(runtime.start(compiled(draft), options()).unwrap()).await;
    assert_eq!(state.status, RunStatus::Completed, "{:?}", state.error);
    let heard = result(&state, "listen");
    assert_eq!(heard["token"], "token 7");
    let kept = state.values.get(&(Scope::Pipeline, INIT.name().to_owned())).expect("the journal has it");
    assert_eq!(kept["token"], "token 7");
}

#[tokio::test]
async fn what_a_step_writes_or_publishes_has_no_secret_in_it() {
    let announce = TaskDraft::new(TaskId::new("announce").unwrap()).step(step("go", "announce"));
    let mut draft = Draft::new("case", "workflow/dag");
    draft.tasks = vec![announce];
    let runtime = Runtime::builder().action(Arc::new(Announce)).build().unwrap();
    let secrets = [("token".to_owned(), Secret::new("token 7"))].into_iter().collect();
    let options = RunOptions { secrets: Arc::new(secrets), ..options() };
    let state = finish(runtime.start(compiled(draft), options).unwrap()).await;
    let kept = |scope| state.values.get(&(scope, INIT.name().to_owned())).expect("it was journalled");
    for scope in [Scope::Pipeline, Scope::Global] {
        assert_eq!(**kept(scope), json!({"token": "********", "ca_cert_hash": "sha256:0"}), "{scope:?}");
    }
}

#[test]
fn a_value_of_another_type_is_an_error_that_does_not_show_it() {
    let view = view(&Values::default(), 0, None);
    view.export("pipeline", INIT.name(), "s3cret").unwrap();
    let error = view.read(&INIT).unwrap_err();
    assert_eq!(error.code, Code::StateType);
    assert_eq!(error.message, "the value of \"kubeadm.init_data\" is not a InitData");
    assert_eq!(view.need(&CONFIG).unwrap_err().code, Code::NoProducer);
}

#[test]
fn a_bag_is_one_scope_with_strict_types_and_copies() {
    let values = Values::default();
    let view = view(&values, 0, None);
    let bag = view.bag(ScopeLevel::Global).unwrap();
    bag.set("text", "1");
    bag.set("int", 1);
    bag.set("float", 1.5);
    bag.set("yes", true);
    assert_eq!((bag.get_string("text").as_deref(), bag.get_string("int")), (Some("1"), None));
    assert_eq!((bag.get_int("int"), bag.get_int("text"), bag.get_int("float")), (Some(1), None, None));
    assert_eq!((bag.get_bool("yes"), bag.get_bool("int")), (Some(true), None));
    let mut copy = bag.get_all();
    copy.clear();
    assert_eq!(bag.get_all().len(), 4);
    commit(&values, &view);
    bag.delete("text");
    assert_eq!((bag.get("text"), bag.get_all().len()), (None, 3));
    assert!(values.get(Scope::Global, "text").is_some(), "not before the step has ended");
    commit(&values, &view);
    assert_eq!(values.get(Scope::Global, "text"), None);
    assert!(view.bag(ScopeLevel::Stage).is_err());
}

#[test]
fn outputs_travel_in_results_and_come_back_as_their_type() {
    let made = output::Certificate {
        cert_path: "/pki/a.crt".into(),
        key_path: "/pki/a.key".into(),
        ca_path: "".into(),
    };
    let mut result = made.to_fields().unwrap();
    assert_eq!(result["cert_path"], "/pki/a.crt");
    result.insert("changed".into(), true.into());
    assert_eq!(output::Certificate::from_result(&result.into()).unwrap(), made);
    let wrong = json!({"service_name": "etcd", "is_active": "perhaps"});
    assert_eq!(output::Service::from_result(&wrong).unwrap_err().code, Code::StateType);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn typed_values_come_back_as_they_were(text in ".*", numbers in proptest::collection::vec(any::<i64>(), 0..8), maybe in any::<Option<bool>>()) {
        type Mixed = (String, Vec<i64>, Option<bool>);
        const MIXED: Key<Mixed> = Key::new("mixed", ScopeLevel::Global);
        let values = Values::default();
        let value: Mixed = (text, numbers, maybe);
        let writer = view(&values, 0, None);
        writer.write(&MIXED, &value).unwrap();
        prop_assert_eq!(writer.read(&MIXED).unwrap(), Some(value.clone()), "the writer reads it at once");
        commit(&values, &writer);
        prop_assert_eq!(view(&values, 1, None).read(&MIXED).unwrap(), Some(value), "others read it afterwards");
    }
}
