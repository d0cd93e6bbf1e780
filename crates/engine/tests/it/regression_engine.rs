//! Regression tests for defects of earlier engines that show in how runs go: names, resumes, failures, budgets,
//! speed, and what is visible.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windlass_engine::{
    Action, ActionFuture, Call, Estimate, Mode, Observer, Output, RunOptions, Runtime, StepContext, Stop,
};
use windlass_model::{
    Budget, Code, Cost, Draft, Failure, Money, Phase, Record, RunId, RunState, RunStatus, Status, Step,
    StepId, TaskDraft, TaskEnd, TaskId, Usage,
};

use crate::graphs::{Probe, compiled, end, finish, options, plan, run, runtime, task};

fn on(mut task: TaskDraft, hosts: &[&str]) -> TaskDraft {
    task.hosts = hosts.iter().map(|host| (*host).into()).collect();
    task
}

#[tokio::test]
async fn cluster_01_the_same_steps_in_two_tasks_do_not_collide() {
    let kubelet = |id: &str| {
        let step = |name: &str| Step::new(StepId::new(name).unwrap(), "probe", json!({}));
        let draft = TaskDraft::new(TaskId::new(id).unwrap()).step(step("install")).step(step("start"));
        on(draft, &["m1", "m2", "w1"])
    };
    let (state, ran) = run(plan(vec![kubelet("masters"), kubelet("workers")])).await;
    assert_eq!(state.status, RunStatus::Completed);
    assert_eq!(ran.len(), 12, "each step on each host: {ran:?}");
    assert_eq!(ran.iter().filter(|name| *name == "workers/install").count(), 3);
}

#[tokio::test]
async fn cluster_04_a_resume_never_hangs_wherever_the_run_stood() {
    // Fork, join, a failure in one branch: restored ends must count for those that wait for them.
    let tasks = || {
        vec![
            task("a", &[], json!({})),
            task("b", &["a"], json!({"fail": true})),
            task("c", &["a"], json!({})),
            task("d", &["b", "c"], json!({})),
            task("e", &["c"], json!({"sleep": 20})),
            task("f", &["e"], json!({})),
        ]
    };
    let (first, _) = runtime();
    let run = first.start(plan(tasks()), options()).unwrap();
    let id = run.id().clone();
    finish(run).await;
    let stored = first.store().run(&id).unwrap();
    let records = first.store().scan(&id, 1).unwrap();
    for cut in 0..records.len() {
        // A store as a crash after this record leaves it.
        let (runtime, _) = runtime();
        let state = RunState::replay(run_plan(&stored.plan_bytes), records[..cut].iter()).unwrap();
        let new = windlass_store::NewRun::of(id.clone(), state.plan(), "/", 0);
        runtime.store().create(&new).unwrap();
        runtime.store().append(&id, records[..cut].to_vec()).unwrap();
        let state = finish(runtime.resume(&id, options()).unwrap()).await;
        assert_eq!(state.status, RunStatus::Failed, "after record {cut}");
        assert_eq!(end(&state, "f"), Some(TaskEnd::Completed), "after record {cut}");
        assert_eq!(end(&state, "d"), Some(TaskEnd::Blocked), "after record {cut}");
    }
}

fn run_plan(bytes: &[u8]) -> Arc<windlass_model::Plan> {
    Arc::new(windlass_model::Plan::from_bytes(bytes).unwrap())
}

/// Notes the order of starts.
#[derive(Clone, Default)]
struct Starts(Arc<Mutex<Vec<String>>>);

impl Observer for Starts {
    fn records(&mut self, state: &RunState, records: &[Record]) {
        for record in records {
            if let windlass_model::Event::StepStarted { at, .. } = &record.event {
                let task = &state.plan().tasks[at.task as usize];
                let host = &state.plan().hosts_of(task)[at.host as usize];
                let host = &state.plan().hosts[*host as usize];
                self.0.lock().unwrap().push(format!("{}@{host}", task.id));
            }
        }
    }
}

#[tokio::test]
async fn cluster_09_hosts_and_tasks_start_in_the_order_of_their_names() {
    for turn in 0..4 {
        let mut hosts = ["h3", "h1", "h4", "h2"];
        hosts.rotate_left(turn);
        let mut tasks = vec![on(task("b", &[], json!({})), &hosts), on(task("a", &[], json!({})), &hosts)];
        tasks.rotate_left(turn % 2);
        let starts = Starts::default();
        let (runtime, _) = runtime();
        let options = RunOptions { observers: vec![Box::new(starts.clone())], ..RunOptions::default() };
        let mut draft = Draft::new("case", "workflow/dag");
        draft.policy.max_parallelism = Some(1);
        draft.tasks = tasks;
        finish(runtime.start(compiled(draft), options).unwrap()).await;
        let all = ["a@h1", "a@h2", "a@h3", "a@h4", "b@h1", "b@h2", "b@h3", "b@h4"];
        assert_eq!(*starts.0.lock().unwrap(), all);
    }
}

#[tokio::test]
async fn cluster_10_a_failure_on_one_host_leaves_the_others_at_work() {
    let mut draft = on(task("install", &[], json!({})), &["h1", "h2", "h3"]);
    let fails = json!({"sleep": 40, "fail": "{{ inventory_hostname == 'h2' }}"});
    draft.body = vec![
        Step::new(StepId::new("work").unwrap(), "probe", fails),
        Step::new(StepId::new("then").unwrap(), "probe", json!({})),
    ];
    let (state, _) = run(plan(vec![draft, task("apart", &[], json!({"sleep": 80}))])).await;
    assert_eq!(state.status, RunStatus::Failed);
    let install = state.plan().task("install").unwrap();
    let status = |host: u32, step: usize| state.steps_on(install, host)[step].status().unwrap();
    assert_eq!([status(0, 0), status(0, 1)], [Status::Ok, Status::Ok]);
    assert_eq!([status(1, 0), status(1, 1)], [Status::Failed, Status::Skipped]);
    assert_eq!([status(2, 0), status(2, 1)], [Status::Ok, Status::Ok]);
    assert_eq!(end(&state, "apart"), Some(TaskEnd::Completed));
}

/// Says what it would change, and counts what it did change.
#[derive(Default)]
struct Careful {
    touched: Mutex<u32>,
}

impl Action for Careful {
    fn name(&self) -> &str {
        "careful"
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        Box::pin(async move {
            if !step.mode.check {
                *self.touched.lock().unwrap() += 1;
            }
            let due = step.input["due"] == json!(true);
            Ok(Output::ok(due).with("would", step.mode.check))
        })
    }
}

#[tokio::test]
async fn cluster_11_a_check_predicts_what_the_run_does_in_the_same_order() {
    let tasks = || {
        let step = |due: bool| Step::new(StepId::new("go").unwrap(), "careful", json!({ "due": due }));
        let task = |id: &str, due: bool| TaskDraft::new(TaskId::new(id).unwrap()).step(step(due));
        plan(vec![task("c", true), task("a", false), task("b", true)])
    };
    let mut seen = Vec::new();
    for check in [true, true, false] {
        let action = Arc::new(Careful::default());
        let runtime = Runtime::builder().action(action.clone()).build().unwrap();
        let options = RunOptions { mode: Mode { check, diff: false }, ..options() };
        let state = finish(runtime.start(tasks(), options).unwrap()).await;
        assert_eq!(*action.touched.lock().unwrap(), if check { 0 } else { 3 });
        let statuses: Vec<_> = (0..3).map(|task| state.steps_on(task, 0)[0].status().unwrap()).collect();
        seen.push((state.plan().digest(), statuses));
    }
    assert_eq!(seen[0], seen[1], "a check is the same each time");
    assert_eq!(seen[0].1, seen[2].1, "unchanged is told from changed, as the run does");
    assert_eq!(seen[2].1, [Status::Ok, Status::Changed, Status::Changed]);
}

#[test]
fn workflow_01_ids_cannot_lead_out_of_a_folder() {
    let bad = [
        "x/../../escaped",
        "..",
        ".",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "",
        " ",
        "a\0b",
        "-rf",
        ".hidden",
        "a\nb",
    ];
    for text in bad {
        assert!(RunId::new(text).is_err(), "{text:?}");
        assert!(TaskId::new(text).is_err(), "{text:?}");
        assert!(StepId::new(text).is_err(), "{text:?}");
    }
    assert!(RunId::new("x".repeat(129)).is_err());
    for text in ["r1", "2024-05-01_a.b", "計画"] {
        assert_eq!(RunId::new(text).unwrap().as_str(), text);
    }
}

#[tokio::test]
async fn workflow_02_an_abort_in_the_middle_of_a_batch_ends_aborted_with_ended_tasks_only() {
    let mut draft = Draft::new("case", "workflow/dag");
    draft.policy.strategy = windlass_model::Strategy::Batched;
    draft.policy.max_parallelism = Some(2);
    draft.tasks = vec![
        task("a", &[], json!({"sleep": 60_000})),
        task("b", &[], json!({"sleep": 60_000})),
        task("c", &[], json!({})),
        task("d", &["a"], json!({})),
    ];
    let (runtime, probe) = runtime();
    let run = runtime.start(compiled(draft), options()).unwrap();
    while probe.ran.lock().unwrap().len() < 2 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    run.abort("a person");
    let id = run.id().clone();
    let state = finish(run).await;
    assert_eq!(state.status, RunStatus::Aborted);
    assert!(state.tasks.iter().all(|task| task.end.is_some()));
    let open = |phase: &Phase| !matches!(phase, Phase::Done(_));
    assert!(!state.steps.iter().any(|step| open(&step.phase)), "no step is left running or pending");
    let journal =
        RunState::replay(state.plan().clone(), runtime.store().scan(&id, 1).unwrap().iter()).unwrap();
    assert_eq!(journal.status, RunStatus::Aborted, "and the journal says the same");
}

/// Costs what its input says, whatever it told before.
struct Paid;

fn cost(nanos: i64) -> Usage {
    Usage { cost: Cost { amount: Money(nanos), currency: "USD".into() }, ..Usage::default() }
}

impl Action for Paid {
    fn name(&self) -> &str {
        "paid"
    }

    fn estimate(&self, call: &Call<'_>) -> Result<Option<Estimate>, Failure> {
        Ok(Some(cost(call.input["estimate"].as_i64().unwrap_or(0)).into()))
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let used = cost(step.input["cost"].as_i64().unwrap_or(0));
            Ok(Output { usage: Some(used), ..Output::ok(true) })
        })
    }
}

fn paid(id: &str, estimate: i64, cost: i64) -> TaskDraft {
    let input = json!({ "estimate": estimate, "cost": cost });
    TaskDraft::new(TaskId::new(id).unwrap()).step(Step::new(StepId::new("pay").unwrap(), "paid", input))
}

async fn spend(limit: i64, tasks: Vec<TaskDraft>) -> Arc<RunState> {
    let runtime = Runtime::builder().action(Arc::new(Paid)).build().unwrap();
    let mut draft = Draft::new("case", "workflow/dag");
    draft.policy.budget = Some(Budget { cost: Some(cost(limit).cost), tokens: None });
    draft.tasks = tasks;
    finish(runtime.start(compiled(draft), options()).unwrap()).await
}

#[tokio::test]
async fn workflow_03_what_is_spent_past_the_limit_is_recorded() {
    // Three steps at once, each dearer than it said: all is written down, and nothing more begins.
    let tasks = vec![
        paid("a", 500_000, 1_000_000),
        paid("b", 500_000, 1_000_000),
        paid("c", 500_000, 1_000_000),
        paid("d", 1, 1).needs(TaskId::new("a").unwrap()),
    ];
    let state = spend(1_500_000, tasks).await;
    assert_eq!(state.used.cost.amount, Money(3_000_000));
    assert_eq!(state.status, RunStatus::Failed);
    assert_eq!(state.error.as_ref().unwrap().code, Code::Overdrawn);
    assert_eq!(end(&state, "d"), Some(TaskEnd::Blocked));
    // Where estimates are right, what does not fit is refused before it costs anything.
    let state =
        spend(1_500_000, vec![paid("a", 1_000_000, 1_000_000), paid("b", 1_000_000, 1_000_000)]).await;
    assert_eq!(state.used.cost.amount, Money(1_000_000));
    assert_eq!(state.status, RunStatus::Failed);
}

/// How long a chain of so many steps that do nothing takes.
async fn chain(length: usize) -> Duration {
    let step = || Step::new(StepId::new("go").unwrap(), "noop", Value::Null);
    let id = |n: usize| TaskId::new(format!("t{n:06}")).unwrap();
    let tasks = (0..length).map(|n| {
        let draft = TaskDraft::new(id(n)).step(step());
        if n == 0 { draft } else { draft.needs(id(n - 1)) }
    });
    let plan = plan(tasks.collect());
    let runtime = Runtime::builder().build().unwrap();
    let begun = Instant::now();
    let finished = runtime.start(plan, RunOptions::default()).unwrap().wait().await.unwrap();
    assert_eq!(finished.state.status, RunStatus::Completed);
    begun.elapsed()
}

#[tokio::test]
async fn workflow_07_the_time_for_a_chain_grows_with_its_length() {
    chain(500).await;
    let (mut short, mut long) = (Duration::MAX, Duration::MAX);
    for _ in 0..3 {
        short = short.min(chain(2_500).await);
        long = long.min(chain(20_000).await);
    }
    // Eight times as long takes about eight times the time; were it quadratic, sixty-four times.
    assert!(long < short * 24, "2,500 steps took {short:?}, 20,000 took {long:?}");
}

#[tokio::test]
async fn workflow_08_one_slow_task_holds_up_nothing_but_its_dependents() {
    let tasks = vec![
        task("slow", &[], json!({"sleep": 60_000})),
        task("a", &[], json!({})),
        task("b", &["a"], json!({})),
        task("c", &["b"], json!({})),
        task("after-slow", &["slow"], json!({})),
    ];
    let (runtime, probe) = runtime();
    let run = runtime.start(plan(tasks), options()).unwrap();
    let begun = Instant::now();
    while !probe.ran.lock().unwrap().contains(&"c/go".to_owned()) {
        assert!(begun.elapsed() < Duration::from_secs(10), "c waits for what it does not need");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    run.stop(Stop::Cancel, "the test is over");
    assert_eq!(finish(run).await.status, RunStatus::Interrupted);
}

/// Whether a step was ever seen under way, with its task.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Observer for Seen {
    fn records(&mut self, state: &RunState, _: &[Record]) {
        for (n, task) in state.tasks.iter().enumerate() {
            let under_way = state.steps_on(n as u32, 0).iter().any(|step| step.phase == Phase::Running);
            if task.started && task.end.is_none() && under_way {
                self.0.lock().unwrap().push(state.plan().tasks[n].id.to_string());
            }
        }
    }
}

#[tokio::test]
async fn workflow_09_a_running_task_is_visible_as_running() {
    let seen = Seen::default();
    let runtime = Runtime::builder().action(Arc::new(Probe::default())).build().unwrap();
    let options = RunOptions { observers: vec![Box::new(seen.clone())], ..RunOptions::default() };
    let run = runtime.start(plan(vec![task("work", &[], json!({"sleep": 60}))]), options).unwrap();
    let id = run.id().clone();
    let begun = Instant::now();
    // Anybody else who reads the journal sees it too, while it goes on.
    while runtime.load(&id).unwrap().1.steps_on(0, 0)[0].phase != Phase::Running {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    finish(run).await;
    assert_eq!(seen.0.lock().unwrap().first().map(String::as_str), Some("work"));
}
