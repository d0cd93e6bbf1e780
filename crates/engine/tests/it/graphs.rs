//! Graphs of several shapes run to their ends, as named cases.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use windlass_engine::{
    Action, ActionFuture, Compiled, Observer, Output, Run, RunOptions, Runtime, StepContext, Stop,
};
use windlass_model::{
    Code, Draft, Failure, Record, RunState, RunStatus, Status, Step, StepId, TaskDraft, TaskEnd, TaskId,
};

/// Does what its input says, and writes down that it did.
#[derive(Default)]
pub(crate) struct Probe {
    pub(crate) ran: Mutex<Vec<String>>,
}

impl Action for Probe {
    fn name(&self) -> &str {
        "probe"
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        Box::pin(async move {
            let item = step.at.item.map(|i| format!("[{i}]")).unwrap_or_default();
            self.ran.lock().unwrap().push(format!("{}/{}{item}", step.task, step.step));
            if let Some(ms) = step.input.get("sleep").and_then(Value::as_u64) {
                tokio::select! {
                    () = tokio::time::sleep(std::time::Duration::from_millis(ms)) => {}
                    () = step.cancel.cancelled() => return Err(Failure::new(Code::Cancelled, "told to end")),
                }
            }
            if step.input.get("panic").is_some() {
                panic!("as it was told");
            }
            let fails = step.input.get("fail_until").and_then(Value::as_u64).unwrap_or(0);
            if step.input.get("fail") == Some(&json!(true)) || u64::from(step.attempt) < fails {
                return Err(Failure::new(Code::StepFailed, "as it was told"));
            }
            let mut output = Output::ok(step.input.get("changed") == Some(&json!(true)));
            for (name, value) in step.input.as_object().into_iter().flatten() {
                output = output.with(name, value.clone());
            }
            Ok(output)
        })
    }
}

pub(crate) fn task(id: &str, needs: &[&str], input: Value) -> TaskDraft {
    let step = Step::new(StepId::new("go").unwrap(), "probe", input);
    let draft = TaskDraft::new(TaskId::new(id).unwrap()).step(step);
    needs.iter().fold(draft, |draft, need| draft.needs(TaskId::new(need).unwrap()))
}

pub(crate) fn plan(tasks: Vec<TaskDraft>) -> Compiled {
    let mut draft = Draft::new("case", "workflow/dag");
    draft.tasks = tasks;
    compiled(draft)
}

pub(crate) fn compiled(draft: Draft) -> Compiled {
    let plan = draft.finish().unwrap();
    Compiled::new(plan, "/")
}

/// Collects all records, and checks after each batch that the state is their sum.
#[derive(Clone, Default)]
pub(crate) struct Recorder(pub(crate) Arc<Mutex<Vec<Record>>>);

impl Observer for Recorder {
    fn records(&mut self, state: &RunState, records: &[Record]) {
        let mut all = self.0.lock().unwrap();
        all.extend_from_slice(records);
        assert_eq!(&RunState::replay(state.plan().clone(), all.iter()).unwrap(), state);
    }
}

pub(crate) fn runtime() -> (Runtime, Arc<Probe>) {
    let probe = Arc::new(Probe::default());
    (Runtime::builder().action(probe.clone()).build().unwrap(), probe)
}

pub(crate) async fn run(compiled: Compiled) -> (Arc<RunState>, Vec<String>) {
    let (runtime, probe) = runtime();
    let state = finish(runtime.start(compiled, options()).unwrap()).await;
    let ran = probe.ran.lock().unwrap().clone();
    (state, ran)
}

pub(crate) fn options() -> RunOptions {
    RunOptions { observers: vec![Box::new(Recorder::default())], ..RunOptions::default() }
}

pub(crate) async fn finish(run: Run) -> Arc<RunState> {
    let limit = std::time::Duration::from_secs(20);
    let finished = tokio::time::timeout(limit, run.wait()).await.expect("the run hangs").unwrap();
    if finished.state.status.is_finished() {
        assert!(
            finished.state.tasks.iter().all(|task| task.end.is_some()),
            "a finished run has ended tasks only"
        );
    }
    finished.state
}

pub(crate) fn end(state: &RunState, task: &str) -> Option<TaskEnd> {
    state.tasks[state.plan().task(task).unwrap() as usize].end
}

#[tokio::test]
async fn linear() {
    let (state, ran) = run(plan(vec![
        task("c", &["b"], json!({})),
        task("b", &["a"], json!({})),
        task("a", &[], json!({})),
    ]))
    .await;
    assert_eq!(state.status, RunStatus::Completed);
    assert_eq!(ran, ["a/go", "b/go", "c/go"]);
}

#[tokio::test]
async fn fan_in_waits_for_all() {
    let slow = json!({"sleep": 60});
    let (state, ran) = run(plan(vec![
        task("a", &[], slow.clone()),
        task("b", &[], slow),
        task("z", &["a", "b"], json!({})),
    ]))
    .await;
    assert_eq!(state.status, RunStatus::Completed);
    assert_eq!(ran.last().unwrap(), "z/go");
}

#[tokio::test]
async fn diamond_runs_each_once() {
    let (state, mut ran) = run(plan(vec![
        task("top", &[], json!({})),
        task("left", &["top"], json!({})),
        task("right", &["top"], json!({})),
        task("under", &["left", "right"], json!({})),
    ]))
    .await;
    assert_eq!(state.status, RunStatus::Completed);
    assert_eq!((ran.first().unwrap().as_str(), ran.last().unwrap().as_str()), ("top/go", "under/go"));
    ran.sort();
    assert_eq!(ran, ["left/go", "right/go", "top/go", "under/go"]);
}

#[tokio::test]
async fn a_failure_skips_what_needs_it_and_nothing_else() {
    let (state, ran) = run(plan(vec![
        task("bad", &[], json!({"fail": true})),
        task("child", &["bad"], json!({})),
        task("grandchild", &["child"], json!({})),
        task("other", &[], json!({"sleep": 30})),
        task("after-other", &["other"], json!({})),
    ]))
    .await;
    assert_eq!(state.status, RunStatus::Failed);
    assert_eq!(end(&state, "bad"), Some(TaskEnd::Failed));
    assert_eq!(end(&state, "child"), Some(TaskEnd::Blocked));
    assert_eq!(end(&state, "grandchild"), Some(TaskEnd::Blocked));
    assert_eq!(end(&state, "after-other"), Some(TaskEnd::Completed));
    assert_eq!(ran, ["bad/go", "other/go", "after-other/go"]);
}

#[tokio::test]
async fn fail_fast_ends_what_runs_and_starts_nothing_more() {
    let mut draft = Draft::new("case", "workflow/dag");
    draft.policy.fail_fast = Some(true);
    draft.tasks = vec![
        task("bad", &[], json!({"sleep": 20, "fail": true})),
        task("slow", &[], json!({"sleep": 60000})),
        task("later", &["slow"], json!({})),
    ];
    let (state, _) = run(compiled(draft)).await;
    assert_eq!(state.status, RunStatus::Failed);
    assert_eq!(end(&state, "slow"), Some(TaskEnd::Failed));
    assert_eq!(end(&state, "later"), Some(TaskEnd::Blocked));
    let slow = state.plan().task("slow").unwrap();
    assert_eq!(state.steps_on(slow, 0)[0].status(), Some(Status::Cancelled));
}

#[tokio::test]
async fn a_skip_by_its_own_condition_satisfies_dependents() {
    let mut skipped = task("skipped", &[], json!({}));
    skipped.more.when = vec!["1 == 2".into()];
    let (state, ran) = run(plan(vec![skipped, task("after", &["skipped"], json!({}))])).await;
    assert_eq!(state.status, RunStatus::Completed);
    assert_eq!(end(&state, "skipped"), Some(TaskEnd::Skipped));
    assert_eq!(ran, ["after/go"]);
}

#[tokio::test]
async fn an_abort_is_final_and_ends_every_task() {
    let (runtime, _) = runtime();
    let run = runtime
        .start(
            plan(vec![task("slow", &[], json!({"sleep": 60000})), task("later", &["slow"], json!({}))]),
            options(),
        )
        .unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    run.abort("a test");
    let id = run.id().clone();
    let state = finish(run).await;
    assert_eq!(state.status, RunStatus::Aborted);
    assert_eq!(end(&state, "later"), Some(TaskEnd::Blocked));
    assert!(runtime.resume(&id, options()).is_err(), "aborted is final");
}

#[tokio::test]
async fn no_progress_with_work_left_is_a_deadlock_that_names_who_waits() {
    let mut producer = task("producer", &[], json!({}));
    producer.more.when = vec!["false".into()];
    producer.body[0] = producer.body[0].clone().with(|more| more.produces = vec!["token".into()]);
    let mut consumer = task("consumer", &["producer"], json!({}));
    consumer.body[0] = consumer.body[0].clone().with(|more| more.consumes = vec!["token".into()]);
    let (state, ran) = run(plan(vec![producer, consumer])).await;
    assert_eq!(state.status, RunStatus::Failed);
    let error = state.error.clone().unwrap();
    assert_eq!(error.code, Code::Deadlock);
    assert!(error.message.contains("consumer/go waits for state token"), "{}", error.message);
    assert!(ran.is_empty());
}

#[tokio::test]
async fn a_stop_reaches_a_safe_point_and_a_resume_finishes() {
    let (runtime, probe) = runtime();
    let tasks = vec![
        task("a", &[], json!({"sleep": 80})),
        task("b", &["a"], json!({})),
        task("c", &["b"], json!({})),
    ];
    let run = runtime.start(plan(tasks), options()).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    run.stop(Stop::Drain, "a test");
    let id = run.id().clone();
    let state = finish(run).await;
    assert_eq!(state.status, RunStatus::Interrupted);
    assert_eq!(end(&state, "a"), Some(TaskEnd::Completed));
    let state = finish(runtime.resume(&id, RunOptions::default()).unwrap()).await;
    assert_eq!(state.status, RunStatus::Completed);
    assert_eq!(*probe.ran.lock().unwrap(), ["a/go", "b/go", "c/go"], "finished steps never run twice");
}

#[tokio::test]
async fn retries_stop_when_it_works_and_count_attempts() {
    let mut flaky = task("flaky", &[], json!({"fail_until": 3}));
    flaky.body[0] = flaky.body[0].clone().with(|more| {
        more.retry = Some(windlass_model::Retry {
            max_attempts: 5,
            initial_delay_ms: 1,
            on: windlass_model::RetryOn::Any,
            ..Default::default()
        });
    });
    let (state, ran) = run(plan(vec![flaky])).await;
    assert_eq!(state.status, RunStatus::Completed);
    assert_eq!(ran.len(), 3);
    assert_eq!(state.steps_on(0, 0)[0].attempts, 3);
}

#[tokio::test]
async fn a_panic_in_an_action_is_a_failure_like_others() {
    let (state, _) =
        run(plan(vec![task("bad", &[], json!({"panic": true})), task("good", &[], json!({}))])).await;
    assert_eq!(state.status, RunStatus::Failed);
    assert_eq!(end(&state, "good"), Some(TaskEnd::Completed));
    let error = state.steps_on(0, 0)[0].outcome().unwrap().error().cloned().unwrap();
    assert_eq!(error.code, Code::ActionPanicked);
}

#[tokio::test]
async fn a_step_time_out_ends_the_step() {
    let mut slow = task("slow", &[], json!({"sleep": 60000}));
    slow.body[0] = slow.body[0].clone().with(|more| more.timeout_ms = Some(40));
    let (state, _) = run(plan(vec![slow])).await;
    assert_eq!(state.status, RunStatus::Failed);
    let error = state.steps_on(0, 0)[0].outcome().unwrap().error().cloned().unwrap();
    assert_eq!(error.code, Code::StepTimeout);
}

#[tokio::test]
async fn run_and_task_time_outs_end_waits_too() {
    let waits = |run: bool| {
        let mut draft = Draft::new("case", "workflow/dag");
        let mut slow = task("slow", &[], json!({"fail": true}));
        slow.body[0] = slow.body[0].clone().with(|more| {
            more.retry = Some(windlass_model::Retry {
                initial_delay_ms: 60_000,
                max_delay_ms: 60_000,
                on: windlass_model::RetryOn::Any,
                ..Default::default()
            });
        });
        if run {
            draft.policy.timeout_ms = Some(60)
        } else {
            slow.more.policy.timeout_ms = Some(60)
        }
        draft.tasks = vec![slow];
        compiled(draft)
    };
    let (state, _) = run(waits(true)).await;
    assert_eq!(state.error.as_ref().unwrap().code, Code::RunTimeout);
    let (state, _) = run(waits(false)).await;
    assert_eq!(state.status, RunStatus::Failed);
    assert_eq!(state.steps_on(0, 0)[0].outcome().unwrap().error().unwrap().code, Code::TaskTimeout);
}

#[tokio::test]
async fn loops_expand_into_items_and_sum_up() {
    let mut looped = task("looped", &[], json!({"value": "{{ item }}", "changed": "{{ item == 'b' }}"}));
    looped.body[0] = looped.body[0].clone().with(|more| {
        more.repeat = Some(windlass_model::Loop {
            over: json!("{{ ['a', 'b', 'c'] }}"),
            item: "item".into(),
            index: None,
            label: None,
            pause_ms: 0,
        });
        more.when = vec!["item != 'c'".into()];
        more.register = Some("all".into());
    });
    looped.more.outputs = [(
        "values".to_owned(),
        json!("{{ all.results | rejectattr('skipped', 'defined') | map(attribute='value') | list }}"),
    )]
    .into();
    let (state, ran) = run(plan(vec![looped])).await;
    assert_eq!(state.status, RunStatus::Completed, "{:?}", state.error);
    assert_eq!(ran, ["looped/go[0]", "looped/go[1]"]);
    assert_eq!(state.steps_on(0, 0)[0].status(), Some(Status::Changed));
    let outputs = state.tasks[0].detail.as_ref().unwrap().outputs.clone().unwrap();
    assert_eq!(*outputs, json!({"values": ["a", "b"]}));
}

#[tokio::test]
async fn a_loop_pauses_between_its_items_and_not_after_the_last() {
    let looped = |pause_ms| {
        let mut looped = task("looped", &[], json!({}));
        looped.body[0] = looped.body[0].clone().with(|more| {
            let over = json!([1, 2, 3]);
            more.repeat =
                Some(windlass_model::Loop { over, item: "item".into(), index: None, label: None, pause_ms });
        });
        looped
    };
    let recorder = Recorder::default();
    let options = RunOptions { observers: vec![Box::new(recorder.clone())], ..RunOptions::default() };
    let state = finish(runtime().0.start(plan(vec![looped(40)]), options).unwrap()).await;
    assert_eq!(state.status, RunStatus::Completed);
    let (mut began, mut ended) = (Vec::new(), Vec::new());
    for record in recorder.0.lock().unwrap().iter() {
        match &record.event {
            windlass_model::Event::StepStarted { .. } => began.push(record.time),
            windlass_model::Event::StepFinished { at, .. } if at.item.is_some() => ended.push(record.time),
            _ => {}
        }
    }
    assert_eq!((began.len(), ended.len()), (3, 3));
    assert!((0..2).all(|n| began[n + 1] >= ended[n] + 40), "{began:?} after {ended:?}");
    // A pause of an hour after the only item would be waited for.
    let mut once = looped(3_600_000);
    once.body[0].more.as_mut().unwrap().repeat.as_mut().unwrap().over = json!([1]);
    assert_eq!(run(plan(vec![once])).await.0.status, RunStatus::Completed);
}

#[tokio::test]
async fn a_rescue_saves_a_task_and_cleanup_always_runs() {
    let step = |id: &str, input: Value| Step::new(StepId::new(id).unwrap(), "probe", input);
    let mut draft = TaskDraft::new(TaskId::new("t").unwrap())
        .step(step("body", json!({"fail": true})))
        .step(step("rescue", json!({"said": "{{ ansible_failed_result.msg }}"})))
        .step(step("always", json!({})));
    draft.blocks = vec![windlass_model::Block { start: 0, rescue: 1, always: 2, end: 3 }];
    draft.cleanup = vec![step("cleanup", json!({}))];
    let (state, ran) = run(plan(vec![draft])).await;
    assert_eq!(state.status, RunStatus::Completed, "{:?}", state.error);
    assert_eq!(ran, ["t/body", "t/rescue", "t/always", "t/cleanup"]);
    assert_eq!(state.steps_on(0, 0)[1].outcome().unwrap().result()["said"], "as it was told");
}

#[tokio::test]
async fn an_approval_waits_and_an_answer_decides() {
    for (yes, status) in [(true, RunStatus::Completed), (false, RunStatus::Failed)] {
        let (runtime, _) = runtime();
        let mut ask = task("ask", &[], json!({}));
        ask.body = vec![Step::new(StepId::new("approve").unwrap(), "approve", json!({"prompt": "Go?"}))];
        let run = runtime.start(plan(vec![ask, task("after", &["ask"], json!({}))]), options()).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        run.answer(windlass_model::At { task: 1, step: 0, host: 0, item: None }, yes, "me", "fine");
        assert_eq!(run.plan().tasks[1].id.as_str(), "ask");
        assert_eq!(finish(run).await.status, status);
    }
}

#[tokio::test]
async fn batched_runs_wait_for_the_whole_batch() {
    let mut draft = Draft::new("case", "workflow/dag");
    draft.policy.strategy = windlass_model::Strategy::Batched;
    draft.tasks = vec![
        task("a", &[], json!({})),
        task("slow", &[], json!({"sleep": 60})),
        task("after-a", &["a"], json!({})),
    ];
    let (state, ran) = run(compiled(draft)).await;
    assert_eq!(state.status, RunStatus::Completed);
    assert_eq!(state.batches, 2);
    assert_eq!(ran, ["a/go", "slow/go", "after-a/go"]);
}
