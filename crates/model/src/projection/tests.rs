//! What the projections show of one small run: two hosts, a loop, a retry, a failure and what it blocks.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{
    At, Code, Detail, Draft, Event, Failure, Fragment, Intent, Outcome, Plan, Record, RunState, RunStatus,
    Scope, Stage, StageName, Status, Step, StepId, TaskDraft, TaskEnd, TaskId, Usage,
};

fn step(id: &str, action: &str) -> Step {
    Step::new(StepId::new(id).expect("a good id"), action, json!({"cmd": "make"}))
}

fn task(id: &str) -> TaskDraft {
    TaskDraft::new(TaskId::new(id).expect("a good id"))
}

fn id(text: &str) -> TaskId {
    TaskId::new(text).expect("a good id")
}

/// Tasks 0 `a` (two hosts, a loop), 1 `b` (needs a; fails, has a cleanup), 2 `c` (needs b).
fn plan() -> Plan {
    let mut draft = Draft::new("flow", "workflow/dag");
    draft.stages.push(Stage {
        repeat: None,
        name: StageName::new("build").expect("a good id"),
        vars: Default::default(),
        policy: Default::default(),
    });
    let mut a = task("a").step(step("make", "shell")).step(step("each", "copy"));
    a.hosts = vec!["h1".into(), "h2".into()];
    a.stage = Some(StageName::new("build").expect("a good id"));
    let mut b =
        task("b").needs(id("a")).step(step("break", "command").with(|more| more.name = "break it".into()));
    b.cleanup.push(step("tidy", "file"));
    draft.tasks = vec![a, b, task("c").needs(id("b")).step(step("never", "command"))];
    draft.finish().expect("a good plan")
}

fn at(task: u32, step: u32, host: u32) -> At {
    At { task, step, host, item: None }
}

fn begin(at: At, attempt: u32) -> Event {
    Event::StepStarted { at, attempt, reserved: None }
}

fn end(at: At, status: Status, detail: Detail) -> Event {
    Event::StepFinished { at, outcome: Outcome { status, duration_ms: 5, detail: Some(Arc::new(detail)) } }
}

fn result(value: Value) -> Detail {
    Detail { result: value, ..Detail::default() }
}

fn task_end(task: u32, end: TaskEnd) -> Event {
    Event::TaskFinished { task, end, reason: None, outputs: None, error: None }
}

fn broken() -> Failure {
    Failure::new(Code::CommandFailed, "the command ended with status 2").hint("look at it")
}

fn events() -> Vec<Event> {
    let usage = Some(Usage { tokens: 3, ..Usage::default() });
    let stderr: String = (1..=12).map(|n| format!("line {n}\n")).collect();
    let failed =
        Detail { result: json!({"rc": 2, "stderr": stderr}), error: Some(broken()), ..Detail::default() };
    let mut events = vec![Event::RunStarted { pid: 1, resumed: false }];
    for host in 0..2 {
        events.extend([begin(at(0, 0, host), 1)]);
        events.push(Event::StepRetried {
            at: at(0, 0, host),
            attempt: 1,
            error: Box::new(broken().transient()),
            delay_ms: 200,
            used: None,
        });
        events.push(begin(at(0, 0, host), 2));
        events.push(end(at(0, 0, host), Status::Ok, result(json!({"stdout": format!("from {host}")}))));
        events.push(Event::PlanExtended {
            at: at(0, 1, host),
            fragment: Fragment::Items(Arc::new((0..=host).map(|n| json!(n)).collect())),
            digest: "d".into(),
        });
        for item in 0..=host {
            events.push(begin(at(0, 1, host).item(item), 1));
            let detail = Detail { usage: usage.clone(), ..result(json!({"dest": item})) };
            events.push(end(at(0, 1, host).item(item), Status::Changed, detail));
        }
        events.push(end(at(0, 1, host), Status::Changed, result(json!({"results": []}))));
    }
    events.push(task_end(0, TaskEnd::Completed));
    events.extend([begin(at(1, 0, 0), 1), end(at(1, 0, 0), Status::Failed, failed)]);
    events.extend([begin(at(1, 1, 0), 1), end(at(1, 1, 0), Status::Ok, result(Value::Null))]);
    events.push(Event::TaskFinished {
        task: 1,
        end: TaskEnd::Failed,
        reason: None,
        outputs: None,
        error: Some(Box::new(broken())),
    });
    events.push(Event::StepFinished { at: at(2, 0, 0), outcome: Outcome::blocked("b failed") });
    events.push(Event::TaskFinished {
        task: 2,
        end: TaskEnd::Blocked,
        reason: Some("b failed".into()),
        outputs: None,
        error: None,
    });
    events.push(Event::RunFinished { status: RunStatus::Failed, error: Some(Box::new(broken())) });
    events
}

fn records() -> Vec<Record> {
    (1..).zip(events()).map(|(seq, event)| Record { seq, time: 100 + seq, event }).collect()
}

/// The run after so many of its records.
fn state(records: &[Record]) -> RunState {
    RunState::replay(Arc::new(plan()), records).expect("legal")
}

fn meta() -> RunMeta {
    RunMeta::new(RunId::new("r1").expect("a good id"), "local", plan().digest())
}

#[test]
fn a_finished_run_shows_all_that_the_document_promises() {
    let all = records();
    let shown = run_state(&meta(), &state(&all));
    assert_eq!(shown["schema_version"], 1);
    assert_eq!((&shown["run_id"], &shown["name"]), (&json!("r1"), &json!("flow")));
    assert_eq!((&shown["backend"], &shown["invoker"]), (&json!("workflow/dag"), &json!("local")));
    assert_eq!((&shown["state"], &shown["plan_digest"]), (&json!("failed"), &json!(plan().digest())));
    assert_eq!((&shown["started_at"], &shown["finished_at"]), (&json!(101), &json!(100 + all.len())));
    assert_eq!(shown["usage"], json!({"tokens": 9, "cost": {"amount": 0, "currency": ""}}));
    let error = json!({"code": "WL0602", "message": "the command ended with status 2", "hint": "look at it"});
    assert_eq!(shown["error"], error);
    assert_eq!(shown["tasks"]["b"]["error"], error);
    assert_eq!(shown["tasks"]["b"]["state"], "failed");
    let c = &shown["tasks"]["c"];
    assert_eq!(
        (&c["state"], &c["reason"], &c["error"]),
        (&json!("skipped"), &json!("b failed"), &Value::Null)
    );
    assert_eq!((&c["attempts"], &c["changed"], &c["outputs"]), (&json!(0), &json!(false), &json!({})));
    let never = &c["steps"][0]["hosts"]["localhost"];
    assert_eq!((&never["state"], &never["reason"]), (&json!("skipped"), &json!("b failed")));
}

#[test]
fn loops_show_their_items_after_their_step() {
    let shown = run_state(&meta(), &state(&records()));
    let a = &shown["tasks"]["a"];
    let ids: Vec<_> = a["steps"].as_array().expect("a list").iter().map(|step| step["id"].clone()).collect();
    assert_eq!(ids, ["make", "each", "each[0]", "each[1]"]);
    let hosts = |step: usize| {
        a["steps"][step]["hosts"].as_object().expect("a map").keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(hosts(2), ["h1", "h2"]);
    assert_eq!(hosts(3), ["h2"]);
    assert_eq!((&a["attempts"], &a["changed"], &a["usage"]["tokens"]), (&json!(2), &json!(true), &json!(9)));
    let make = json!({
        "state": "ok", "changed": false, "attempts": 2, "duration_ms": 5, "reason": null,
        "result": {"stdout": "from 0"}, "error": null,
    });
    assert_eq!(
        a["steps"][0],
        json!({
            "id": "make", "name": "make", "action": "shell",
            "hosts": {"h1": make, "h2": a["steps"][0]["hosts"]["h2"]},
        })
    );
}

#[test]
fn states_on_the_way_are_pending_ready_and_running() {
    let all = records();
    let words = |count: usize| {
        let shown = run_state(&meta(), &state(&all[..count]));
        ["a", "b", "c"].map(|task| shown["tasks"][task]["state"].as_str().expect("a word").to_owned())
    };
    assert_eq!(words(0), ["ready", "pending", "pending"]);
    assert_eq!(words(2), ["running", "pending", "pending"]);
    let first_end = all.iter().position(|r| r.event.word() == "task_finished").expect("one ends");
    assert_eq!(words(first_end + 1), ["completed", "ready", "pending"]);
    let running = run_state(&meta(), &state(&all[..2]));
    let host = &running["tasks"]["a"]["steps"][0]["hosts"]["h1"];
    assert_eq!((&host["state"], &host["duration_ms"]), (&json!("running"), &Value::Null));
    assert_eq!(running["tasks"]["a"]["steps"][0]["hosts"]["h2"]["state"], "pending");
}

#[test]
fn an_output_is_what_the_last_step_said() {
    let all = state(&records());
    assert_eq!(task_output(&all, 0), json!({"h1": {"results": []}, "h2": {"results": []}}));
    let before_loop = state(&records()[..5]);
    assert_eq!(task_output(&before_loop, 0), json!({"h1": "from 0", "h2": null}));
    // The cleanup step is not a part of the body; a failed command without stdout shows its result.
    assert_eq!(task_output(&all, 1)["rc"], 2);
    assert_eq!(task_output(&all, 2), Value::Null);
    assert_eq!(run_state(&meta(), &all)["tasks"]["a"]["output"], task_output(&all, 0));
}

#[test]
fn lines_have_flat_keys_and_one_end_for_each_step() {
    let (plan, run, all) = (plan(), RunId::new("r1").expect("a good id"), records());
    let mut attempts = Attempts::default();
    let line = |record, told| serde_json::to_value(event_line(&plan, &run, record).told(told)).expect("json");
    let lines: Vec<Value> = all.iter().map(|record| line(record, attempts.note(&plan, record))).collect();
    assert_eq!(
        lines[1],
        json!({"seq": 2, "time": 102, "event": "step_started", "run": "r1", "task": "a", "step": "make",
               "host": "h1", "attempt": 1})
    );
    assert_eq!(
        lines[4],
        json!({"seq": 5, "time": 105, "event": "step_finished", "run": "r1", "task": "a", "step": "make",
               "host": "h1", "attempt": 2, "status": "ok", "changed": false, "duration_ms": 5,
               "result": {"stdout": "from 0"}})
    );
    let ends = lines.iter().filter(|line| line["event"] == "step_finished");
    let mut places: Vec<_> = ends.map(|l| format!("{}/{}@{}", l["task"], l["step"], l["host"])).collect();
    let count = places.len();
    places.sort();
    places.dedup();
    assert_eq!((places.len(), count), (10, 10));
    for line in lines {
        let nested = line.as_object().expect("a map").iter().filter(|(_, value)| value.is_object());
        assert!(
            nested.map(|(key, _)| key.as_str()).all(|key| matches!(key, "result" | "error" | "usage")),
            "{line}"
        );
    }
}

#[test]
fn lines_name_scopes_and_batches() {
    let (plan, run) = (plan(), RunId::new("r1").expect("a good id"));
    let line = |event| {
        let record = Record { seq: 1, time: 2, event };
        let mut value = serde_json::to_value(event_line(&plan, &run, &record)).expect("json");
        value
            .as_object_mut()
            .expect("a map")
            .retain(|key, _| !["seq", "time", "run"].contains(&key.as_str()));
        value
    };
    let set = |scope| Event::StateSet { scope, key: "k".into(), value: None };
    assert_eq!(
        line(set(Scope::Stage(0))),
        json!({"event": "state_set", "scope": "stage", "stage": "build", "key": "k", "value": null})
    );
    assert_eq!(line(set(Scope::Task(2)))["task"], "c");
    assert_eq!(
        line(Event::BatchMerged { batch: 1, tasks: vec![0, 2] }),
        json!({"event": "batch_merged", "batch": 1, "tasks": ["a", "c"]})
    );
}

#[test]
fn a_plan_shows_its_steps_in_a_possible_order() {
    let plan = plan();
    let shown = plan_view(&plan);
    assert_eq!(shown["digest"], json!(plan.digest()));
    let steps = shown["steps"].as_array().expect("a list");
    let column = |key: &str| steps.iter().map(|step| step[key].clone()).collect::<Vec<_>>();
    assert_eq!(
        column("id"),
        ["a/make", "a/each", "b/break@localhost", "b/tidy@localhost", "c/never@localhost"]
    );
    assert_eq!(column("order"), [1, 2, 3, 4, 5]);
    assert_eq!(steps[0]["target"], json!(["h1", "h2"]));
    assert_eq!(steps[2]["target"], "localhost");
    assert_eq!(column("needs")[1..4], [json!(["a/make"]), json!(["a/each"]), json!(["b/break@localhost"])]);
    assert_eq!((&steps[2]["name"], &steps[2]["intent"]), (&json!("break it"), &json!("run")));
    assert_eq!((&steps[3]["cleanup"], &steps[2]["input"]), (&json!(true), &json!({"cmd": "make"})));
    assert_eq!(shown["tasks"][0]["stage"], "build");
    assert_eq!(serde_json::to_value(Intent::Noop).expect("json"), "noop");
}

#[test]
fn a_task_without_steps_stands_for_what_it_needs() {
    let mut draft = Draft::new("flow", "workflow/dag");
    let b = task("b").needs(id("a"));
    draft.tasks =
        vec![task("a").step(step("x", "copy")), b, task("c").needs(id("b")).step(step("x", "copy"))];
    let shown = plan_view(&draft.finish().expect("a good plan"));
    assert_eq!(shown["steps"][1]["needs"], json!(["a/x@localhost"]));
}

#[test]
fn a_report_has_the_failed_steps_with_their_last_words() {
    let report = error_report(&meta(), &state(&records()));
    assert_eq!((&report["run_id"], &report["state"]), (&json!("r1"), &json!("failed")));
    let failures = report["failures"].as_array().expect("a list");
    assert_eq!(failures.len(), 1);
    let failure = &failures[0];
    assert_eq!((&failure["task"], &failure["step"]), (&json!("b"), &json!("break")));
    assert_eq!((&failure["host"], &failure["rescued"]), (&json!("localhost"), &json!(false)));
    assert_eq!((&failure["error"]["code"], &failure["stderr_omitted"]), (&json!("WL0602"), &json!(2)));
    assert_eq!(failure["stderr"][0], "line 3");
    assert_eq!(failure["stderr"].as_array().expect("a list").len(), 10);
}

#[test]
fn costs_are_a_tree_that_adds_up() {
    let plan = plan();
    let mut state = RunState::new(Arc::new(plan));
    let usage = |tokens| Usage::of(crate::Tokens { input: tokens, ..Default::default() }, Default::default());
    let pay = |name: &str, tokens| Detail { usage: Some(usage(tokens)), ..result(json!({ "model": name })) };
    let mut events = vec![Event::RunStarted { pid: 1, resumed: false }];
    events.extend([begin(at(0, 0, 0), 1), begin(at(0, 0, 1), 1)]);
    events.push(Event::StepRetried {
        at: at(0, 0, 0),
        attempt: 1,
        error: Box::new(broken()),
        delay_ms: 1,
        used: Some(Box::new(usage(5))),
    });
    events.extend([begin(at(0, 0, 0), 2), end(at(0, 0, 0), Status::Ok, pay("large", 7))]);
    events.extend([end(at(0, 0, 1), Status::Ok, pay("small", 2))]);
    events.extend([begin(at(1, 0, 0), 1), end(at(1, 0, 0), Status::Ok, pay("large", 1))]);
    for event in events {
        let record = Record { seq: state.seq + 1, time: 1, event };
        state.apply(&record).expect("the events follow");
    }
    let costs = super::costs(&state);
    assert_eq!((costs.usage.tokens, costs.models["large"].tokens, costs.models["small"].tokens), (15, 13, 2));
    let tasks: Vec<_> = costs.stages.iter().flat_map(|stage| &stage.tasks).collect();
    let sums: Vec<u64> = tasks.iter().map(|task| task.usage.tokens).collect();
    assert_eq!(sums.iter().sum::<u64>(), 15);
    let first = tasks.iter().find(|task| task.usage.tokens == 14).expect("the first task");
    let steps: Vec<_> =
        first.steps.iter().map(|step| (step.model.as_deref().unwrap_or("-"), step.usage.tokens)).collect();
    assert_eq!(steps, [("large", 12), ("small", 2)], "attempts that were tried again count");
}
