//! Stages that end with their first failure: what their other tasks wait for then is not waited for.

use serde_json::json;
use windlass_model::{
    At, Code, Draft, Failure, Loop, Plan, Policy, Retry, Stage, StageName, Status, Step, StepId, TaskDraft,
    TaskEnd, TaskId,
};

use super::super::{Dispatcher, Finished, Found, Input, Order};
use super::cases::{at, batched, taken_up, task};
use crate::action::Output;

/// Two tasks in a stage that ends with its first failure; the first is `a`, the second has one step.
fn failing_fast(a: Step) -> Plan {
    let mut draft = Draft::new("case", "workflow/dag");
    let policy = Policy { fail_fast: Some(true), ..Default::default() };
    let name = StageName::new("stage").unwrap();
    draft.stages.push(Stage { name, repeat: None, vars: Default::default(), policy });
    let mut first = TaskDraft::new(TaskId::new("a").unwrap()).step(a);
    first = first.step(Step::new(StepId::new("next").unwrap(), "scripted", json!({})));
    first.stage = Some(StageName::new("stage").unwrap());
    first.cleanup.push(Step::new(StepId::new("c").unwrap(), "scripted", json!({})));
    draft.tasks = vec![first, task("b", json!({}), true)];
    draft.finish().unwrap()
}

fn scripted() -> Step {
    Step::new(StepId::new("s").unwrap(), "scripted", json!({}))
}

/// Tells the driver something, and gives what it orders then.
fn tell(machine: &mut Dispatcher, input: Input) -> Vec<Order> {
    machine.handle(3, input);
    while machine.pump(3) {}
    assert!(machine.broken().is_none(), "{:?}", machine.broken());
    machine.take().1
}

fn done(at: At, result: Result<Output, Failure>) -> Input {
    Input::Finished(Box::new(Finished { at, result, timed_out: false, cancelled: false, writes: vec![] }))
}

fn lost() -> Result<Output, Failure> {
    Err(Failure::new(Code::StepFailed, "scripted"))
}

fn started_at(orders: &[Order]) -> Vec<At> {
    let start = |order: &Order| match order {
        Order::Start(start) => Some(start.at),
        _ => None,
    };
    orders.iter().filter_map(start).collect()
}

fn cancelled(orders: &[Order]) -> Vec<At> {
    let cancel = |order: &Order| match order {
        Order::Cancel(at) => Some(*at),
        _ => None,
    };
    orders.iter().filter_map(cancel).collect()
}

/// Where the cleanup of the first task stands.
const CLEANUP: At = At { task: 0, step: 2, host: 0, item: None };

/// Nothing but the cleanup of the first task is done, and then the run is over.
fn ends_with_its_cleanup(mut machine: Dispatcher, orders: Vec<Order>, status: Status) {
    assert_eq!(started_at(&orders), [CLEANUP]);
    tell(&mut machine, done(CLEANUP, Ok(Output::ok(true))));
    assert!(machine.is_leaving());
    assert_eq!(machine.state().step(at(0)).and_then(|run| run.status()), Some(status));
    let next = machine.state().step(At { step: 1, ..at(0) }).and_then(|run| run.detail.clone());
    assert!(next.is_some_and(|detail| detail.blocked), "what had not begun is left out");
}

#[test]
fn a_stage_that_ends_waits_for_no_next_attempt() {
    let patient = Retry { max_attempts: 3, initial_delay_ms: 60_000, ..Default::default() };
    let step = scripted().with(|more| more.retry = Some(patient));
    let (mut machine, orders) = taken_up(failing_fast(step), vec![]);
    assert_eq!(started_at(&orders), [at(0), at(1)]);
    let transient = Failure::new(Code::StepFailed, "scripted").transient();
    assert!(started_at(&tell(&mut machine, done(at(0), Err(transient)))).is_empty());
    let orders = tell(&mut machine, done(at(1), lost()));
    ends_with_its_cleanup(machine, orders, Status::Cancelled);
}

#[test]
fn a_stage_that_ends_begins_no_other_item_of_a_loop() {
    for pause_ms in [0, 60_000] {
        let over = json!([1, 2, 3]);
        let repeat = Loop { over, item: "item".into(), index: None, label: None, pause_ms };
        let step = scripted().with(|more| more.repeat = Some(repeat));
        let (mut machine, orders) = taken_up(failing_fast(step), vec![]);
        assert_eq!(started_at(&orders), [at(0).item(0), at(1)]);
        if pause_ms > 0 {
            // The strand sleeps when its stage ends.
            assert!(started_at(&tell(&mut machine, done(at(0).item(0), Ok(Output::ok(true))))).is_empty());
            let orders = tell(&mut machine, done(at(1), lost()));
            ends_with_its_cleanup(machine, orders, Status::Cancelled);
        } else {
            // Its executor has an item, and is told to end it.
            assert_eq!(cancelled(&tell(&mut machine, done(at(1), lost()))), [at(0).item(0)]);
            let orders = tell(&mut machine, done(at(0).item(0), Ok(Output::ok(true))));
            ends_with_its_cleanup(machine, orders, Status::Cancelled);
        }
    }
}

#[test]
fn a_stage_that_ends_begins_no_next_step_and_no_next_attempt() {
    let eager = Retry { max_attempts: 3, ..Default::default() };
    for (result, status) in [(Ok(Output::ok(true)), Status::Changed), (lost(), Status::Failed)] {
        let step = scripted().with(|more| more.retry = Some(eager));
        let (mut machine, _) = taken_up(failing_fast(step), vec![]);
        assert_eq!(cancelled(&tell(&mut machine, done(at(1), lost()))), [at(0)]);
        // Who is told to end may be done all the same.
        let orders = tell(&mut machine, done(at(0), result));
        ends_with_its_cleanup(machine, orders, status);
    }
}

#[test]
fn a_stage_that_ends_waits_for_no_answer_to_what_is_asked() {
    let asks = || vec!["lookup('pipe', 'sleep 9') == ''".into()];
    let given_up = |machine: &mut Dispatcher| {
        let result = Err(Failure::new(Code::ExpressionFailed, "given up"));
        tell(machine, Input::Found(Box::new(Found { at: at(0), result, timed_out: false, cancelled: true })))
    };
    // Before a step has begun there is nothing to clean up.
    let step = scripted().with(|more| more.when = asks());
    let (mut machine, _) = taken_up(failing_fast(step), vec![]);
    assert_eq!(cancelled(&tell(&mut machine, done(at(1), lost()))), [at(0)]);
    assert!(started_at(&given_up(&mut machine)).is_empty());
    assert!(machine.is_leaving());
    assert_eq!(machine.state().tasks[0].end, Some(TaskEnd::Blocked));
    // After it the result cannot be judged.
    let step = scripted().with(|more| more.failed_when = Some(asks()));
    let (mut machine, _) = taken_up(failing_fast(step), vec![]);
    tell(&mut machine, done(at(0), Ok(Output::ok(true))));
    assert_eq!(cancelled(&tell(&mut machine, done(at(1), lost()))), [at(0)]);
    let orders = given_up(&mut machine);
    ends_with_its_cleanup(machine, orders, Status::Cancelled);
}

#[test]
fn a_condition_that_is_asked_for_too_long_says_how_long_that_was() {
    let mut alone = task("a", json!({}), false);
    alone.more.when = vec!["lookup('pipe', 'sleep 9') == ''".into()];
    alone.more.policy.timeout_ms = Some(7_000);
    let (mut machine, _) = taken_up(batched(vec![alone]), vec![]);
    let result = Err(Failure::new(Code::ExpressionFailed, "given up"));
    let found = Found { at: at(0), result, timed_out: true, cancelled: false };
    tell(&mut machine, Input::Found(Box::new(found)));
    let outcome = machine.state().step(at(0)).and_then(|run| run.outcome()).unwrap();
    let error = outcome.error().map(|error| error.message.as_str());
    assert_eq!(error, Some("the task's condition took longer than 7s"));
}
