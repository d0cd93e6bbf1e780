//! Tasks over many hosts: windows, batches, hosts that are lost on the way, one host for all, another host.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use windlass_engine::{
    Action, ActionFuture, AllFuture, Compiled, Output, RunOptions, Runtime, StepContext, Stop, Target, Tell,
};
use windlass_model::{
    Code, Draft, Failure, Inventory, Known, Rollout, RunState, RunStatus, Status, Step, StepId, TaskDraft,
    TaskEnd, TaskId,
};

/// Notes who works at once and where.
#[derive(Default)]
struct Probe {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    busy: BTreeSet<String>,
    most: usize,
    order: Vec<String>,
    targets: Vec<(String, String)>,
}

impl Action for Probe {
    fn name(&self) -> &str {
        "probe"
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        Box::pin(async move {
            let host = step.host.to_string();
            {
                let mut seen = self.seen.lock().unwrap();
                seen.busy.insert(host.clone());
                seen.most = seen.most.max(seen.busy.len());
                seen.order.push(format!("{}@{host}", step.task));
                seen.targets.push((host.clone(), step.target.host.to_string()));
            }
            tokio::time::sleep(Duration::from_millis(step.input["ms"].as_u64().unwrap_or(5))).await;
            self.seen.lock().unwrap().busy.remove(&host);
            if step.input["away"].as_array().is_some_and(|names| names.contains(&json!(host))) {
                return Ok(Output::unreachable(Failure::new(Code::Unreachable, "nobody answers")));
            }
            let bad = step.input["fail"].as_array().is_some_and(|names| names.contains(&json!(host)));
            if bad {
                return Err(Failure::new(windlass_model::Code::StepFailed, "asked to").permanent());
            }
            let local = step.target.local;
            let port = step.target.vars.get_attr("port").ok().filter(|port| !port.is_undefined());
            let port = port.and_then(|port| port.as_i64());
            let facts = step.input["facts"].clone();
            let output = if facts.is_object() {
                Output::ok(true).with("ansible_facts", facts)
            } else {
                Output::ok(true)
            };
            Ok(output
                .with("saw", step.input["saw"].clone())
                .with("at", host)
                .with("local", local)
                .with("port", json!(port)))
        })
    }
}

fn name(n: usize) -> Arc<str> {
    format!("h{n}").into()
}

/// Hosts `h0` and up, which are elsewhere.
fn inventory(hosts: usize) -> Inventory {
    let known = |n: usize| {
        let vars = json!({"port": 8000 + n, "domain": "example"});
        (name(n), Known { vars: vars.as_object().unwrap().clone(), local: false })
    };
    let all: Vec<Arc<str>> = (0..hosts).map(name).collect();
    let groups = BTreeMap::from([("all".into(), all.clone()), ("web".into(), all[..hosts / 2].to_vec())]);
    Inventory::new((0..hosts).map(known).collect(), groups)
}

fn step(id: &str, input: Value) -> Step {
    Step::new(StepId::new(id).unwrap(), "probe", input)
}

fn task(id: &str, hosts: usize, rollout: Rollout, steps: Vec<Step>) -> TaskDraft {
    let mut task = TaskDraft::new(TaskId::new(id).unwrap());
    task.hosts = (0..hosts).map(name).collect();
    task.more.rollout = rollout;
    task.body = steps;
    task
}

fn plan(hosts: usize, tasks: Vec<TaskDraft>) -> Compiled {
    let mut draft = Draft::new("case", "workflow/dag");
    draft.inventory = inventory(hosts);
    draft.tasks = tasks;
    let plan = draft.finish().unwrap();
    Compiled::new(plan, "/")
}

async fn run(compiled: Compiled) -> (Arc<RunState>, Arc<Probe>) {
    let probe = Arc::new(Probe::default());
    let runtime = Runtime::builder().action(probe.clone()).parallelism(1).build().unwrap();
    let run = runtime.start(compiled, RunOptions::default()).unwrap();
    let state = run.wait().await.unwrap().state;
    (state, probe)
}

fn statuses(state: &RunState, task: &str) -> Vec<Option<Status>> {
    let task = state.plan().task(task).unwrap();
    let hosts = state.plan().hosts_of(&state.plan().tasks[task as usize]).len() as u32;
    (0..hosts).map(|host| state.steps_on(task, host)[0].status()).collect()
}

fn end(state: &RunState, task: &str) -> Option<TaskEnd> {
    state.tasks[state.plan().task(task).unwrap() as usize].end
}

#[tokio::test]
async fn a_window_bounds_hosts_and_parallelism_does_not() {
    let rollout = Rollout { window: Some(3), ..Rollout::default() };
    let (state, probe) = run(plan(12, vec![task("t", 12, rollout, vec![step("s", json!({}))])])).await;
    assert_eq!(state.status, RunStatus::Completed);
    let seen = probe.seen.lock().unwrap();
    assert_eq!(seen.most, 3, "three at once, although this machine may do but one step at a time");
    assert_eq!(seen.order.len(), 12);
}

#[tokio::test]
async fn a_window_slides_past_a_slow_host() {
    let rollout = Rollout { window: Some(2), ..Rollout::default() };
    let slow = json!({"ms": "{{ 300 if inventory_hostname == 'h0' else 1 }}"});
    let (state, probe) = run(plan(6, vec![task("t", 6, rollout, vec![step("s", slow)])])).await;
    assert_eq!(state.status, RunStatus::Completed);
    assert_eq!(probe.seen.lock().unwrap().order, ["t@h0", "t@h1", "t@h2", "t@h3", "t@h4", "t@h5"]);
}

#[tokio::test]
async fn batches_wait_for_each_other_and_a_batch_that_failed_is_the_last() {
    let rollout = Rollout { serial: vec![1, 2], ..Rollout::default() };
    let steps = vec![step("s", json!({"fail": ["h1", "h2"]}))];
    let (state, probe) = run(plan(6, vec![task("t", 6, rollout, steps)])).await;
    assert_eq!(state.status, RunStatus::Failed);
    assert_eq!(probe.seen.lock().unwrap().order, ["t@h0", "t@h1", "t@h2"]);
    let skipped = Some(Status::Skipped);
    let (ok, failed) = (Some(Status::Changed), Some(Status::Failed));
    assert_eq!(
        statuses(&state, "t"),
        [ok, failed, failed, skipped, skipped, skipped],
        "every host has a result"
    );
    let totals = windlass_model::projection::totals(&state, 0).unwrap();
    assert_eq!((totals.successful, totals.failed, totals.skipped, totals.changed), (1, 2, 3, 1));
}

#[tokio::test]
async fn hosts_that_may_fail_are_lost_to_what_comes_later_and_nothing_else_is() {
    let rollout = Rollout { max_fail_percentage: Some(30), ..Rollout::default() };
    let first = task("first", 4, rollout, vec![step("s", json!({"fail": ["h2"]}))]);
    let mut then = task("then", 4, Rollout::default(), vec![step("s", json!({}))]);
    then.needs = vec![TaskId::new("first").unwrap()];
    let mut last = task("last", 4, Rollout::default(), vec![step("s", json!({}))]);
    last.needs = vec![TaskId::new("then").unwrap()];
    let (state, probe) = run(plan(4, vec![first, then, last])).await;
    assert_eq!(state.status, RunStatus::Completed);
    assert_eq!(end(&state, "first"), Some(TaskEnd::Completed));
    let (ok, skipped) = (Some(Status::Changed), Some(Status::Skipped));
    assert_eq!(statuses(&state, "then"), [ok, ok, skipped, ok]);
    assert_eq!(statuses(&state, "last"), [ok, ok, skipped, ok]);
    assert!(!probe.seen.lock().unwrap().order.iter().any(|at| at == "last@h2"));
}

#[tokio::test]
async fn too_many_failures_stop_a_rollout_and_every_host_has_a_result() {
    let rollout = Rollout { window: Some(1), max_fail_percentage: Some(20), ..Rollout::default() };
    let steps = vec![step("s", json!({"fail": ["h0", "h1"]}))];
    let (state, probe) = run(plan(5, vec![task("t", 5, rollout, steps)])).await;
    assert_eq!(end(&state, "t"), Some(TaskEnd::Failed));
    assert_eq!(probe.seen.lock().unwrap().order, ["t@h0", "t@h1"], "one of five may fail, two may not");
    assert!(statuses(&state, "t").iter().all(Option::is_some));
}

#[tokio::test]
async fn the_first_host_does_it_for_all() {
    let once = step("once", json!({})).with(|more| {
        more.run_once = true;
        more.register = Some("seen".into());
    });
    let then = step("then", json!({"fail": "{{ ['h1'] if seen.at != 'h0' else [] }}"}));
    let rollout = Rollout { window: Some(2), ..Rollout::default() };
    let (state, probe) = run(plan(4, vec![task("t", 4, rollout, vec![once, then])])).await;
    assert_eq!(state.status, RunStatus::Completed);
    assert_eq!(probe.seen.lock().unwrap().order.len(), 5, "once, and four times what comes after");
}

#[tokio::test]
async fn another_host_does_it_and_its_own_variables_say_how_it_is_reached() {
    let there = step("there", json!({})).with(|more| {
        more.delegate_to = Some("{{ groups['web'][0] }}".into());
        more.register = Some("seen".into());
    });
    let here = step("here", json!({})).with(|more| {
        more.delegate_to = Some("localhost".into());
        more.register = Some("home".into());
    });
    let check = step(
        "check",
        json!({
            "fail": "{{ [] if seen.port == 8000 and not seen.local and home.local and port == 8001 and \
                     hostvars['h0'].port == 8000 and domain == 'example' and group_names == [] else ['h1'] }}"
        }),
    );
    let mut one = task("t", 2, Rollout::default(), vec![there, here, check]);
    one.hosts = vec![name(1)];
    let (state, probe) = run(plan(2, vec![one])).await;
    assert_eq!(state.status, RunStatus::Completed, "{:?}", state.tasks[0].detail);
    let targets: Vec<_> = probe.seen.lock().unwrap().targets.iter().map(|(_, at)| at.clone()).collect();
    assert_eq!(targets, ["h0", "localhost", "h1"]);
}

#[tokio::test]
async fn a_host_that_nobody_knows_is_no_target() {
    let lost = step("lost", json!({})).with(|more| more.delegate_to = Some("nowhere".into()));
    let (state, _) = run(plan(2, vec![task("t", 1, Rollout::default(), vec![lost])])).await;
    let error = state.tasks[0].detail.as_ref().and_then(|detail| detail.error.clone()).unwrap();
    assert_eq!(error.code, windlass_model::Code::NoHost);
}

#[tokio::test]
async fn a_rollout_that_was_stopped_goes_on_where_it_stood() {
    let rollout = Rollout { window: Some(2), ..Rollout::default() };
    let compiled = plan(6, vec![task("t", 6, rollout, vec![step("s", json!({"ms": 60}))])]);
    let probe = Arc::new(Probe::default());
    let runtime = Runtime::builder().action(probe.clone()).build().unwrap();
    let run = runtime.start(compiled, RunOptions::default()).unwrap();
    tokio::time::sleep(Duration::from_millis(90)).await;
    run.stop(Stop::Drain, "test");
    let state = run.wait().await.unwrap().state;
    assert_eq!(state.status, RunStatus::Interrupted);
    let before = probe.seen.lock().unwrap().order.len();
    assert!(before < 6, "it was stopped on the way");
    let run = runtime.resume(run.id(), RunOptions::default()).unwrap();
    assert_eq!(run.wait().await.unwrap().state.status, RunStatus::Completed);
    assert_eq!(probe.seen.lock().unwrap().order.len(), 6, "no host twice");
}

#[test]
fn a_password_is_named_by_its_host_and_variable() {
    assert_eq!(Target::secret_name("h1", "ansible_password"), "inventory:h1:ansible_password");
}

/// Works elsewhere, and takes several steps at once.
#[derive(Default)]
struct Train {
    runs: Mutex<Vec<Vec<String>>>,
}

impl Action for Train {
    fn name(&self) -> &str {
        "train"
    }

    fn goes_along(&self, target: &Target) -> bool {
        !target.local
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        Box::pin(async move {
            if step.input["slow"] == json!(true) {
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs(20)) => {}
                    () = step.cancel.cancelled() => return Err(Failure::new(Code::Cancelled, "ended")),
                }
            }
            if step.input["fail"] == json!(true) {
                return Err(Failure::new(Code::StepFailed, "asked to"));
            }
            Ok(Output::ok(true).with("word", step.input["word"].clone()))
        })
    }

    fn run_all<'a>(&'a self, steps: Vec<(Arc<dyn Action>, StepContext)>, mut tell: Tell) -> AllFuture<'a> {
        let names = steps.iter().map(|(_, step)| step.step.to_string()).collect();
        self.runs.lock().unwrap().push(names);
        Box::pin(async move {
            for (action, step) in steps {
                let at = step.at;
                let result = action.run(step).await;
                let success = result.is_ok();
                tell(at, result);
                if !success {
                    return;
                }
            }
        })
    }
}

fn ride(id: &str, input: Value) -> Step {
    Step::new(StepId::new(id).unwrap(), "train", input)
}

async fn travel(hosts: usize, steps: Vec<Step>) -> (Arc<RunState>, Vec<Vec<String>>) {
    let train = Arc::new(Train::default());
    let runtime = Runtime::builder().action(train.clone()).build().unwrap();
    let compiled = plan(hosts, vec![task("t", hosts, Rollout::default(), steps)]);
    let run = runtime.start(compiled, RunOptions::default()).unwrap();
    let state = run.wait().await.unwrap().state;
    let runs = train.runs.lock().unwrap().clone();
    (state, runs)
}

#[tokio::test]
async fn steps_that_need_nothing_from_the_controller_go_together() {
    let register = |step: Step| step.with(|more| more.register = Some("seen".into()));
    let steps = vec![
        ride("a", json!({"word": 1})),
        register(ride("b", json!({"word": 2}))),
        ride("c", json!({"word": "{{ inventory_hostname }}"})),
        ride("d", json!({"word": "{{ seen.word }}"})),
        ride("e", json!({"word": 5})),
        ride("f", json!({})).with(|more| more.when = vec!["true == true".into()]),
        ride("g", json!({})).with(|more| more.ignore_errors = true),
        ride("h", json!({})),
    ];
    let (state, runs) = travel(2, steps).await;
    assert_eq!(state.status, RunStatus::Completed);
    let one = [vec!["a", "b", "c"], vec!["d", "e"], vec!["f", "g"]];
    for part in one {
        assert_eq!(runs.iter().filter(|run| **run == part).count(), 2, "{part:?} of {runs:?}");
    }
    assert_eq!(runs.len(), 6, "the last step goes alone: {runs:?}");
}

#[tokio::test]
async fn a_failure_ends_what_goes_together_and_a_retry_takes_it_up_again() {
    let retried = ride("b", json!({"fail": "{{ run.name == 'case' }}"})).with(|more| {
        more.retry = Some(windlass_model::Retry {
            max_attempts: 2,
            initial_delay_ms: 1,
            on: windlass_model::RetryOn::Any,
            ..Default::default()
        });
    });
    let (state, runs) = travel(1, vec![ride("a", json!({})), retried, ride("c", json!({}))]).await;
    assert_eq!(state.status, RunStatus::Failed);
    assert_eq!(runs, [vec!["a", "b", "c"], vec!["b", "c"]]);
    let statuses: Vec<_> = state.steps_on(0, 0).iter().map(|run| run.status().unwrap()).collect();
    assert_eq!(statuses, [Status::Changed, Status::Failed, Status::Skipped]);
    assert_eq!(state.steps_on(0, 0)[2].attempts, 0, "what never began was not tried");
}

#[tokio::test]
async fn a_run_that_is_stopped_hard_ends_the_step_under_way_and_a_resume_goes_on_there() {
    let train = Arc::new(Train::default());
    let runtime = Runtime::builder().action(train.clone()).build().unwrap();
    let slow = ride("b", json!({"slow": "{{ not run.check }}"}));
    let steps = vec![ride("a", json!({})), slow, ride("c", json!({}))];
    let compiled = plan(1, vec![task("t", 1, Rollout::default(), steps)]);
    let run = runtime.start(compiled, RunOptions::default()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    run.stop(Stop::Cancel, "test");
    let state = run.wait().await.unwrap().state;
    assert_eq!(state.status, RunStatus::Interrupted);
    assert_eq!(state.steps_on(0, 0)[0].status(), Some(Status::Changed), "what was told is kept");
    assert!(state.steps_on(0, 0)[1].status().is_none());
    let run = runtime.resume(run.id(), RunOptions::default()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    run.abort("test");
    run.wait().await.unwrap();
    assert_eq!(*train.runs.lock().unwrap(), [vec!["a", "b", "c"]], "what is in doubt goes alone");
}

#[tokio::test]
async fn a_host_that_is_away_may_be_let_through_and_what_was_found_out_is_seen() {
    let input = json!({"away": ["h1"], "facts": {"ansible_kernel": "6.1", "plain": 2,
        "ansible_host": "elsewhere", "inventory_hostname": "another"}});
    let first = step("s", input).with(|more| {
        more.ignore_unreachable = true;
        more.register = Some("said".into());
    });
    let saw = "{{ said is unreachable }} {{ said is failed }} {{ said.msg | default('-') }} \
               {{ ansible_facts.kernel | default('-') }} {{ ansible_kernel | default('-') }} {{ plain | default(0) }} \
               {{ inventory_hostname }} {{ ansible_host }}";
    let second = step("second", json!({ "saw": saw }));
    let steps = vec![first, second];
    let (state, _) = run(plan(2, vec![task("t", 2, Rollout::default(), steps)])).await;
    assert_eq!((state.status, end(&state, "t")), (RunStatus::Completed, Some(TaskEnd::Completed)));
    assert_eq!(statuses(&state, "t"), [Some(Status::Changed), Some(Status::Ok)]);
    let saw = |host| state.steps_on(0, host)[1].outcome().unwrap().result()["saw"].clone();
    assert_eq!(saw(0), "False False - 6.1 6.1 2 h0 h0");
    assert_eq!(saw(1), "True False nobody answers - - 0 h1 h1");

    let without = vec![step("s", json!({"away": ["h1"]})), step("second", json!({}))];
    let (state, _) = run(plan(2, vec![task("t", 2, Rollout::default(), without)])).await;
    assert_eq!(statuses(&state, "t"), [Some(Status::Changed), Some(Status::Unreachable)]);
    assert_eq!(end(&state, "t"), Some(TaskEnd::Failed));
}
