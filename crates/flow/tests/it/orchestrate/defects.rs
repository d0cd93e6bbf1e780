//! The ten defects of claude-workflow's runtime, each by its number: what it does, and what is done here.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use windlass_flow::orchestrate::{
    Answer, Call, Control, Distinct, Fault, Frontier, Mode, Policy, Report, Resolver, RunState, Scan,
    Scheduler, Task, TaskState,
};
use windlass_llm::Patience;
use windlass_llm::context::{self, Strategy};
use windlass_model::{Money, RunId, TaskId};

use super::{BOTH, Calls, flow, money, policy, show, task};

fn run(flow: &windlass_flow::orchestrate::Orchestrator, tasks: Vec<Task>) -> Report {
    flow.run(tasks, &Control::default(), &mut |_| {}).expect("it begins")
}

#[test]
fn defect_1_no_id_leads_out_of_a_folder() {
    for id in ["x/../../escaped", "..", "/etc/passwd", "a\\b", "a\0b", "a\nb", ".hidden"] {
        assert!(RunId::new(id).is_err() && TaskId::new(id).is_err(), "{id:?}");
        let refused = flow(Mode::Corrected, policy("1"), Calls::default());
        let refused = refused.run(vec![task(id, &[])], &Control::default(), &mut |_| {});
        assert_eq!(refused.expect_err(id).word(), "invalid_input");
    }
}

#[test]
fn defect_2_a_run_that_is_aborted_amid_a_batch_ends_so_with_every_task_ended() {
    for (mode, ended) in [
        (Mode::Compatible, "failed[cancelled] a=failed(cancelled) b=running c=pending"),
        (
            Mode::Corrected,
            "aborted[run_aborted] a=failed(cancelled) b=failed(cancelled) c=skipped(cancelled)",
        ),
    ] {
        let control = Control::default();
        let abort = control.clone();
        let executor = move |_: &Call, patience: &Patience| {
            abort.abort();
            while patience.holds() {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(Fault::cancelled())
        };
        let tasks = vec![task("a", &[]), task("b", &[]), task("c", &["a"])];
        let report = flow(mode, policy("1"), executor).run(tasks, &control, &mut |_| {}).expect("it begins");
        assert_eq!(show(&report), ended);
    }
}

#[test]
fn defect_3_what_was_paid_past_the_limit_is_counted() {
    // Three tasks whose executor takes no notice of what a reply may have: each costs a tenth of a cent.
    let greedy = |_: &Call, _: &Patience| Ok(Answer::new("long", 500, 500));
    let three = || vec![task("a", &[]), task("b", &[]), task("c", &[])];
    let compatible = run(&flow(Mode::Compatible, policy("0.0015"), greedy), three());
    assert_eq!(compatible.usage.cost.amount, money("0.001"), "a third of what was paid");
    assert_eq!(show(&compatible), "failed[budget_exceeded] a=completed b=failed(budget_exceeded) c=running");
    let corrected = run(&flow(Mode::Corrected, policy("0.0015"), greedy), three());
    assert_eq!(corrected.usage.cost.amount, money("0.003"));
    assert_eq!(show(&corrected), "failed[budget_exceeded] a=completed b=completed c=completed");
    assert!(corrected.error.expect("overdrawn").to_string().starts_with("budget overdrawn: 0.003 of 0.0015"));
}

#[test]
fn defect_4_an_unknown_model_is_refused_before_anything_is_paid() {
    let tasks = || vec![task("a", &[]), Task::new("b", "claude-3-sonnet-20240229", "go").needs(["a"])];
    let calls = Calls::default();
    let report = run(&flow(Mode::Compatible, policy("1"), calls.clone()), tasks());
    assert_eq!(show(&report), "failed[task_failed] a=completed b=failed(model_unknown)");
    assert_eq!(calls.ids(), ["a"], "the first was paid");
    let calls = Calls::default();
    let refused =
        flow(Mode::Corrected, policy("1"), calls.clone()).run(tasks(), &Control::default(), &mut |_| {});
    assert_eq!(refused.expect_err("no such model").word(), "model_unknown");
    assert!(calls.ids().is_empty());
}

#[test]
fn defect_5_what_is_left_of_a_context_is_what_is_sent() {
    let context = context::Policy { strategy: Strategy::KeepLastN, keep_last_n: Some(1), max_tokens: None };
    let limits = || Policy { context, max_parallelism: 1, ..policy("1") };
    let tasks = || vec![task("a", &[]), task("b", &[]), task("c", &["a", "b"])];
    let calls = Calls::default();
    run(&flow(Mode::Compatible, limits(), calls.clone()), tasks());
    assert_eq!(calls.last().inputs.len(), 2, "everything, whatever was left out");
    let calls = Calls::default();
    let report = run(&flow(Mode::Corrected, limits(), calls.clone()), tasks());
    let call = calls.last();
    assert!(call.inputs.is_empty());
    assert_eq!(call.request.messages[0].text(), "<output of=\"b\">\n<b>\n</output>\n");
    assert_eq!(&*report.tasks["c"].dropped[0].ids[0], "a");
}

#[test]
fn defect_6_the_reply_is_reserved_too() {
    // A reply may have 1,000 tokens: a tenth of a cent, which is not there.
    let limits = || Policy { max_output_tokens: 1000, ..policy("0.0005") };
    let calls = Calls::default();
    let report = run(&flow(Mode::Compatible, limits(), calls.clone()), vec![task("a", &[])]);
    assert_eq!((report.state, calls.ids().len()), (RunState::Completed, 1));
    let calls = Calls::default();
    let report = run(&flow(Mode::Corrected, limits(), calls.clone()), vec![task("a", &[])]);
    assert_eq!(show(&report), "failed[budget_exceeded] a=failed(budget_exceeded)");
    assert!(calls.ids().is_empty());
    // What is sent is bounded by what was reserved.
    let calls = Calls::default();
    run(&flow(Mode::Corrected, policy("1"), calls.clone()), vec![task("a", &[])]);
    assert_eq!(calls.last().request.max_output_tokens, 100);
}

#[test]
fn defect_7_the_work_grows_with_the_tasks_and_not_with_their_square() {
    let looks = |n: usize, make: &dyn Fn(&windlass_flow::orchestrate::Graph) -> Box<dyn Scheduler>| {
        let chain = |n: usize| {
            Task::new(format!("t{n:06}"), "m", "go").needs((n > 0).then(|| format!("t{:06}", n - 1)))
        };
        let graph = Distinct.resolve(&(0..n).map(chain).collect::<Vec<_>>()).expect("a chain");
        let (mut scheduler, looks, done) = (make(&graph), Cell::new(0usize), Cell::new(0usize));
        let state = |at: usize| {
            looks.set(looks.get() + 1);
            if at < done.get() { TaskState::Completed } else { TaskState::Pending }
        };
        for at in 0..n {
            let ready = scheduler.ready(RunState::Running, &state).expect("it runs");
            assert_eq!(ready, [at]);
            scheduler.taken(at);
            scheduler.done(at, TaskState::Running).expect("it ran");
            done.set(at + 1);
        }
        looks.get()
    };
    assert!(looks(1000, &|graph| Box::new(Scan::new(graph))) >= 1000, "every open task, each time");
    assert_eq!(looks(50_000, &|graph| Box::new(Frontier::new(graph))), 0);
    // A whole run over a chain that is long enough to notice.
    let chain =
        |n: usize| Task::new(format!("t{n:06}"), "m", "go").needs((n > 0).then(|| format!("t{:06}", n - 1)));
    let report = run(&flow(Mode::Corrected, policy("1"), Calls::default()), (0..2000).map(chain).collect());
    assert_eq!((report.state, report.usage.tokens), (RunState::Completed, 200_000));
}

#[test]
fn defect_8_a_slow_task_holds_up_only_those_that_need_it() {
    // `slow` comes back when `after`, which does not need it, has been asked. In batches that never happens.
    let (tell, told): (Sender<()>, Receiver<()>) = channel();
    let (tell, told) = (Mutex::new(tell), Mutex::new(told));
    let executor = move |call: &Call, patience: &Patience| {
        match &*call.task {
            "slow" => {
                let told = told.lock().expect("no panic");
                while told.recv_timeout(Duration::from_millis(10)).is_err() {
                    patience.check().map_err(|error| Fault::new(error.message))?;
                }
            }
            "after" => tell.lock().expect("no panic").send(()).expect("somebody waits"),
            _ => {}
        }
        Ok(Answer::new("fine", 1, 1))
    };
    let eager = Policy {
        strategy: windlass_model::Strategy::Eager,
        timeout: Some(Duration::from_secs(60)),
        ..policy("1")
    };
    let tasks = vec![task("before", &[]), task("slow", &[]), task("after", &["before"])];
    let report = run(&flow(Mode::Corrected, eager, executor), tasks);
    assert_eq!(show(&report), "completed after=completed before=completed slow=completed");
}

#[test]
fn defect_9_a_task_that_runs_is_seen_to_run() {
    for (mode, seen) in [(Mode::Compatible, false), (Mode::Corrected, true)] {
        let mut running = false;
        let flow = flow(mode, policy("1"), Calls::default());
        let mut watch = |report: &Report| running |= report.tasks["a"].state == TaskState::Running;
        flow.run(vec![task("a", &[])], &Control::default(), &mut watch).expect("it begins");
        assert_eq!(running, seen, "{mode:?}");
    }
}

#[test]
fn defect_10_money_is_exact_and_has_a_currency() {
    // A thousand times a third of a cent by parts of 333 tokens: floats would be off, integers are not.
    let parts = |_: &Call, _: &Patience| Ok(Answer::new("fine", 300, 33));
    let tasks = || (0..300).map(|n| task(&format!("t{n}"), &[])).collect::<Vec<_>>();
    for mode in BOTH {
        let report = run(&flow(mode, policy("1"), parts), tasks());
        assert_eq!(report.usage.cost.amount, Money(300 * 333_000), "{mode:?}");
    }
    let mut nameless = policy("1");
    nameless.budget.currency.clear();
    let refused = flow(Mode::Corrected, nameless, parts).run(tasks(), &Control::default(), &mut |_| {});
    assert_eq!(refused.expect_err("no currency").to_string(), "the budget has no currency");
}
