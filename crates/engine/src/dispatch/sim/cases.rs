//! Defects that seeds of the simulator found, as plain cases: what random plans look like changes, these do not.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use windlass_model::{
    At, Budget, Code, Draft, Event, Failure, Outcome, Plan, Record, Rounds, RunState, Scope, Stage,
    StageName, Status, Step, StepId, Strategy, TaskDraft, TaskEnd, TaskId,
};

use super::super::task::{CONDITION, UNJUDGED};
use super::super::{Deed, Dispatcher, Found, Input, Inquiry, Order, Timer};
use super::{build, money};

pub(super) fn at(task: u32) -> At {
    At { task, step: 0, host: 0, item: None }
}

/// A task of one step that may cost something, in the stage that is a transaction, or in none.
pub(super) fn task(id: &str, input: Json, staged: bool) -> TaskDraft {
    let step = Step::new(StepId::new("s").unwrap(), "scripted", input);
    let mut task = TaskDraft::new(TaskId::new(id).unwrap()).step(step);
    task.stage = staged.then(|| StageName::new("stage").unwrap());
    task
}

/// A run in batches, with a budget of 20.
pub(super) fn batched(tasks: Vec<TaskDraft>) -> Plan {
    let mut draft = Draft::new("case", "workflow/dag");
    draft.policy.strategy = Strategy::Batched;
    draft.policy.budget = Some(Budget { cost: Some(money(20).cost), tokens: None });
    let policy = windlass_model::Policy { transaction: true, ..Default::default() };
    let name = StageName::new("stage").unwrap();
    draft.stages.push(Stage { name, repeat: None, vars: Default::default(), policy });
    draft.tasks = tasks;
    draft.finish().unwrap()
}

fn started(task: u32, cost: i64) -> Event {
    let reserved = (cost > 0).then(|| Box::new(money(cost)));
    Event::StepStarted { at: at(task), attempt: 1, reserved }
}

/// A task that changed something, and can be taken back.
fn changed(task: u32) -> [Event; 3] {
    let outcome = Outcome::bare(Status::Changed);
    [
        started(task, 0),
        Event::UndoKept { at: at(task), before: Arc::new(json!(1)) },
        Event::StepFinished { at: at(task), outcome },
    ]
}

fn ended(task: u32, end: TaskEnd) -> Event {
    Event::TaskFinished { task, end, reason: None, outputs: None, error: None }
}

/// A driver that takes the run up after these events, as far as it comes by itself.
pub(super) fn taken_up(plan: Plan, events: Vec<Event>) -> (Dispatcher, Vec<Order>) {
    let first = [Event::RunStarted { pid: 1, resumed: false }];
    let record = |(seq, event)| Record { seq, time: 1, event };
    let records: Vec<Record> = (1..).zip(first.into_iter().chain(events)).map(record).collect();
    let state = RunState::replay(Arc::new(plan), &records).unwrap();
    let mut machine = build(state, None, 2, 3, false);
    while machine.pump(2) {}
    let (_, orders) = machine.take();
    assert!(machine.broken().is_none(), "{:?}", machine.broken());
    (machine, orders)
}

fn undone(orders: &[Order]) -> Vec<At> {
    let undo = |order: &Order| match order {
        Order::Start(start) if matches!(start.deed, Deed::Undo(_)) => Some(start.at),
        _ => None,
    };
    orders.iter().filter_map(undo).collect()
}

#[test]
fn a_stage_is_taken_back_once_when_a_resume_refuses_a_batch_of_it() {
    let costs = json!({ "cost": 15 });
    let plan =
        batched(vec![task("a", json!({}), true), task("b", costs.clone(), true), task("c", costs, false)]);
    let mut events = changed(0).to_vec();
    events.push(ended(0, TaskEnd::Completed));
    // Nobody lived to hear what it used: it counts at its bound, and `b` does not fit any more.
    events.push(started(2, 15));
    let (_, orders) = taken_up(plan, events);
    assert_eq!(undone(&orders), [at(0)]);
}

#[test]
fn a_task_that_ended_with_its_stage_is_not_refused_once_more() {
    let costs = || json!({ "cost": 15 });
    let plan = batched(vec![task("a", costs(), true), task("b", costs(), true)]);
    let (machine, _) = taken_up(plan, vec![started(1, 15)]);
    assert!(machine.is_leaving());
    let ends: Vec<_> = machine.state().tasks.iter().map(|task| task.end).collect();
    assert_eq!(ends, [Some(TaskEnd::Failed), Some(TaskEnd::Blocked)]);
}

#[test]
fn a_task_that_was_being_taken_back_is_not_left_when_what_it_needs_is_lost() {
    let costs = json!({ "cost": 30 });
    let mut alone = task("b", json!({}), false).needs(TaskId::new("a").unwrap());
    alone.more.policy.transaction = true;
    let plan = batched(vec![task("a", costs, false), alone]);
    let mut events = changed(1).to_vec();
    events.push(Event::UndoStarted { scope: Scope::Task(1) });
    let (_, orders) = taken_up(plan, events);
    assert_eq!(undone(&orders), [at(1)]);
}

#[test]
fn what_always_runs_is_left_out_too_when_nobody_can_judge_the_tasks_condition() {
    let mut alone = task("a", json!({}), false);
    alone.more.when = vec!["lookup('pipe', 'sleep 9')".into()];
    alone.cleanup.push(Step::new(StepId::new("c").unwrap(), "scripted", json!({})));
    // The driver died before it could say of the second step what it said of the first.
    let late = Failure::new(Code::StepTimeout, "the condition took too long");
    let outcome = Outcome::failed(late).with_reason(UNJUDGED);
    let (machine, orders) = taken_up(batched(vec![alone]), vec![Event::StepFinished { at: at(0), outcome }]);
    assert!(!orders.iter().any(|order| matches!(order, Order::Start(_))), "nothing of the task had begun");
    assert_eq!(machine.state().tasks[0].end, Some(TaskEnd::Failed));
}

#[test]
fn nothing_of_a_task_runs_when_its_time_is_over_before_the_answer_whether_it_is_to_run_counts() {
    let mut alone = task("a", json!({}), false);
    alone.more.when = vec!["lookup('pipe', 'yes or no') == 'yes'".into()];
    alone.more.policy.timeout_ms = Some(10);
    alone.cleanup.push(Step::new(StepId::new("c").unwrap(), "scripted", json!({})));
    let (mut machine, orders) = taken_up(batched(vec![alone]), vec![]);
    let asked = orders.into_iter().find_map(|order| match order {
        Order::Inquire(inquiry) => Some(inquiry),
        _ => None,
    });
    let Inquiry { at, question, scope, .. } = *asked.expect("its condition asks");
    let result = question.answer(&scope);
    machine.handle(12, Input::Found(Box::new(Found { at, result, timed_out: false, cancelled: false })));
    machine.handle(12, Input::Timer(Timer::Task((0, 0))));
    while machine.pump(12) {}
    let (_, orders) = machine.take();
    assert!(!orders.iter().any(|order| matches!(order, Order::Start(_))), "nothing of the task had begun");
    assert_eq!(machine.state().tasks[0].end, Some(TaskEnd::Failed));
}

#[test]
fn a_task_is_taken_back_to_the_end_though_its_lost_hosts_would_be_let_through_today() {
    let mut both = task("a", json!({}), false);
    both.hosts = vec!["h0".into(), "h1".into()];
    both.more.when = vec!["inventory_hostname == 'h0'".into()];
    both.more.policy.transaction = true;
    both.more.rollout.max_fail_percentage = Some(90);
    let left_out = Outcome::skipped(format!("{CONDITION}{}", both.more.when[0]));
    let mut events = changed(0).to_vec();
    events.push(Event::StepFinished { at: At { host: 1, ..at(0) }, outcome: left_out });
    events.push(Event::UndoStarted { scope: Scope::Task(0) });
    let (_, orders) = taken_up(batched(vec![both]), events);
    assert_eq!(undone(&orders), [at(0)]);
}

#[test]
fn a_stage_that_was_over_does_not_begin_another_round_because_its_condition_says_something_else_today() {
    let inside = task("a", json!({}), true);
    let after = task("b", json!({}), false).needs(TaskId::new("a").unwrap());
    let mut plan = batched(vec![inside, after]);
    plan.policy.strategy = Strategy::Eager;
    plan.stages[0].policy.transaction = false;
    plan.stages[0].repeat = Some(Rounds { until: vec!["false".into()], max_rounds: 3 });
    let mut events = changed(0).to_vec();
    events.push(ended(0, TaskEnd::Completed));
    events.push(started(1, 0));
    let (machine, _) = taken_up(plan, events);
    assert_eq!(machine.state().round(0), 1);
    assert_eq!(machine.state().tasks[0].end, Some(TaskEnd::Completed));
}
