//! Whole runs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use windlass_flow::orchestrate::{
    Answer, Asking, ByModel, Call, Control, Error, Fault, Graph, Mode, Queue, RunState, Scheduler, Task,
    TaskState,
};
use windlass_flow::{Flow, orchestrate::Policy};
use windlass_llm::context::{self, Strategy};
use windlass_llm::{Delta, Patience, Provider, Reply, Request, Stop, Tokens};

use super::{BOTH, Calls, catalogue, flow, money, policy, show, task, usd};

fn diamond() -> Vec<Task> {
    vec![task("a", &[]), task("b", &["a"]), task("c", &["a"]), task("d", &["c", "b"])]
}

#[test]
fn orchestrators_compared() {
    let fails = |call: &Call, _: &Patience| match &*call.task {
        "b" => Err(Fault::new("no luck")),
        _ => Ok(Answer::new("fine", 60, 40)),
    };
    let silent = |call: &Call, _: &Patience| match &*call.task {
        "b" => Ok(Answer::new("fine", 0, 0)),
        _ => Ok(Answer::new("fine", 60, 40)),
    };
    let fine = |_: &Call, _: &Patience| Ok(Answer::new("fine", 60, 40));
    for (mode, failed, no_usage, too_dear) in [
        (
            Mode::Compatible,
            // What came after the failure of `b` in its batch is not looked at: `c` was paid, and runs for ever.
            "failed[task_failed] a=completed b=failed(execution_failed) c=running d=pending",
            "failed[task_failed] a=completed b=failed(invalid_result) c=running d=pending",
            "failed[budget_exceeded] a=completed b=failed(budget_exceeded) c=running d=pending",
        ),
        (
            Mode::Corrected,
            "failed[task_failed] a=completed b=failed(execution_failed) c=completed d=skipped(skipped)",
            "failed[task_failed] a=completed b=failed(invalid_result) c=completed d=skipped(skipped)",
            // The most that `b` and `c` can need is known before: neither is asked.
            "failed[budget_exceeded] a=completed b=skipped(skipped) c=failed(budget_exceeded) d=skipped(skipped)",
        ),
    ] {
        let shown = |flow: &windlass_flow::orchestrate::Orchestrator| {
            show(&flow.run(diamond(), &Control::default(), &mut |_| {}).expect("it begins"))
        };
        let all = "completed a=completed b=completed c=completed d=completed";
        assert_eq!(shown(&flow(mode, policy("1"), fine)), all, "{mode:?}");
        assert_eq!(shown(&flow(mode, policy("1"), fails)), failed, "{mode:?}");
        assert_eq!(shown(&flow(mode, policy("1"), silent)), no_usage, "{mode:?}");
        // 100 tokens for each.
        let budget = if mode == Mode::Corrected { "0.00035" } else { "0.00015" };
        assert_eq!(shown(&flow(mode, policy(budget), fine)), too_dear, "{mode:?}");
    }
}

#[test]
fn what_cannot_begin_is_refused_in_the_same_order() {
    for mode in BOTH {
        let calls = Calls::default();
        let told = |policy: Policy, tasks: Vec<Task>| {
            let refused = flow(mode, policy, calls.clone()).run(tasks, &Control::default(), &mut |_| {});
            let error = refused.expect_err("it makes no sense");
            format!("{}: {error}", error.word())
        };
        assert_eq!(told(policy("0"), vec![]), "invalid_input: the budget has to be more than 0");
        assert_eq!(told(policy("1"), vec![]), "invalid_input: there is no task");
        assert_eq!(told(policy("1"), vec![task("", &[])]), "invalid_input: a task has no id");
        let twice = vec![task("a", &[]), task("a", &[])];
        assert_eq!(told(policy("1"), twice), "invalid_input: task `a`: two tasks have this id");
        let empty = vec![Task::new("a", "m", "")];
        assert_eq!(told(policy("1"), empty), "invalid_input: task `a`: the prompt is empty");
        assert_eq!(
            told(policy("1"), vec![Task::new("a", "", "x")]),
            "invalid_input: task `a`: no model is named"
        );
        assert!(told(policy("1"), vec![task("a", &["b"])]).starts_with("dep_not_found: "));
        assert!(told(policy("1"), vec![task("a", &["a"])]).starts_with("dag_cycle: "));
        assert!(calls.ids().is_empty(), "nothing was asked");
    }
}

#[test]
fn batches_end_alike_however_many_run_at_once() {
    let run = |max_parallelism: usize| {
        let slow_first = |call: &Call, _: &Patience| {
            // Later ids are quicker: whoever comes first must not matter.
            let late = u64::from(b'z' - call.task.as_bytes()[0]);
            std::thread::sleep(Duration::from_millis(late / 4));
            if &*call.task == "h" { Err(Fault::new("no luck")) } else { Ok(Answer::new(&*call.task, 50, 10)) }
        };
        let tasks = ('a'..='p').map(|id| {
            // The second half needs the first, each its own.
            let needs = (id >= 'i').then(|| char::from(id as u8 - 8).to_string());
            Task::new(id.to_string(), "m", "go").needs(needs)
        });
        let flow = flow(Mode::Corrected, Policy { max_parallelism, ..policy("1") }, slow_first);
        let report = flow.run(tasks.collect(), &Control::default(), &mut |_| {}).expect("it begins");
        serde_json::to_string(&report).expect("it is data")
    };
    let one = run(1);
    for width in [2, 3, 8, 16] {
        assert_eq!(run(width), one, "{width}");
    }
}

#[test]
fn as_many_run_at_once_as_may() {
    for (mode, strategy) in [
        (Mode::Compatible, windlass_model::Strategy::Batched),
        (Mode::Corrected, windlass_model::Strategy::Batched),
        (Mode::Corrected, windlass_model::Strategy::Eager),
    ] {
        // Three at a time meet, or nobody ever goes on.
        let (meet, now, most) = (Barrier::new(3), AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let seen = most.clone();
        let executor = move |_: &Call, _: &Patience| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            meet.wait();
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(Answer::new("fine", 1, 1))
        };
        let flow = flow(mode, Policy { max_parallelism: 3, strategy, ..policy("1") }, executor);
        let tasks = (0..9).map(|n| task(&format!("t{n}"), &[])).collect();
        let report = flow.run(tasks, &Control::default(), &mut |_| {}).expect("it begins");
        assert_eq!((report.state, seen.load(Ordering::SeqCst)), (RunState::Completed, 3), "{mode:?}");
    }
}

#[test]
fn the_time_of_a_task_begins_when_it_starts() {
    for mode in BOTH {
        // One at a time: the second waits for the first longer than it may take itself.
        let executor = |call: &Call, patience: &Patience| {
            if &*call.task == "c" {
                while patience.holds() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                return Err(Fault::new("no time left"));
            }
            std::thread::sleep(Duration::from_millis(300));
            Ok(Answer::new("fine", 1, 1))
        };
        let limits = Policy { max_parallelism: 0, timeout: Some(Duration::from_millis(550)), ..policy("1") };
        let flow = flow(mode, limits, executor);
        let tasks = vec![task("a", &[]), task("b", &[]), task("c", &["b"])];
        let report = flow.run(tasks, &Control::default(), &mut |_| {}).expect("it begins");
        assert_eq!(show(&report), "failed[timeout] a=completed b=completed c=failed(timeout)", "{mode:?}");
    }
}

#[test]
fn an_executor_that_does_not_listen_is_left_alone_and_counted_at_the_most() {
    let (release, held) = channel::<()>();
    let held = Mutex::new(held);
    let deaf = move |_: &Call, _: &Patience| {
        let _ = held.lock().expect("no panic").recv();
        Ok(Answer::new("too late", 1, 1))
    };
    let flow =
        flow(Mode::Corrected, Policy { timeout: Some(Duration::from_millis(20)), ..policy("1") }, deaf);
    let report = flow.run(vec![task("a", &[])], &Control::default(), &mut |_| {}).expect("it begins");
    assert_eq!(show(&report), "failed[timeout] a=failed(timeout)");
    assert!(report.usage.bound && report.usage.cost.amount >= money("0.0001"), "{:?}", report.usage);
    drop(release);
}

#[test]
fn an_executor_that_panics_fails_its_task() {
    let panics = |_: &Call, _: &Patience| -> Result<Answer, Fault> { panic!("a mistake of the caller's") };
    let report = flow(Mode::Corrected, policy("1"), panics);
    let report = report.run(vec![task("a", &[])], &Control::default(), &mut |_| {}).expect("it begins");
    assert_eq!(show(&report), "failed[task_failed] a=failed(execution_failed)");
}

#[test]
fn what_is_known_of_a_broken_answer_is_counted() {
    let breaks = |_: &Call, _: &Patience| {
        let spent = Some(Tokens { input: 60, output: 7, ..Tokens::default() });
        Err(Fault { spent, ..Fault::new("the connection broke") })
    };
    let report = flow(Mode::Corrected, policy("1"), breaks);
    let report = report.run(vec![task("a", &[])], &Control::default(), &mut |_| {}).expect("it begins");
    assert_eq!((report.usage.tokens, report.usage.cost.amount), (67, money("0.000067")));
    assert_eq!(report.tasks["a"].usage, report.usage);
}

#[test]
fn nothing_that_can_start_is_a_deadlock() {
    struct Never;
    impl Scheduler for Never {
        fn ready(&mut self, _: RunState, _: &dyn Fn(usize) -> TaskState) -> Result<Vec<usize>, Error> {
            Ok(Vec::new())
        }
        fn taken(&mut self, _: usize) {}
        fn done(&mut self, _: usize, _: TaskState) -> Result<(), Error> {
            Ok(())
        }
    }
    for mode in BOTH {
        let flow = flow(mode, policy("1"), Calls::default())
            .with(|parts| parts.scheduler = Arc::new(|_: &Graph| Box::new(Never)));
        let report = flow.run(diamond(), &Control::default(), &mut |_| {}).expect("it begins");
        assert_eq!(report.error.as_ref().map(Error::word), Some("deadlock"), "{mode:?}");
        assert_eq!(report.state, RunState::Failed);
    }
}

#[test]
fn parts_are_replaced_by_a_callers_own() {
    // Last in, first out.
    struct Stack(Vec<usize>);
    impl Queue for Stack {
        fn push(&mut self, task: usize) {
            self.0.push(task);
        }
        fn pop(&mut self) -> Option<usize> {
            self.0.pop()
        }
        fn len(&self) -> usize {
            self.0.len()
        }
    }
    let (calls, sums) = (Calls::default(), Arc::new(ByModel::default()));
    let tracker = sums.clone();
    let flow =
        flow(Mode::Corrected, Policy { max_parallelism: 1, ..policy("1") }, calls.clone()).with(|parts| {
            parts.queue = Arc::new(|| Box::new(Stack(Vec::new())));
            parts.tracker = tracker;
        });
    let tasks = vec![task("a", &[]), task("b", &[]), task("c", &[])];
    flow.run(tasks, &Control::default(), &mut |_| {}).expect("it begins");
    let order: Vec<_> = calls.0.lock().expect("no panic").iter().map(|call| call.task.to_string()).collect();
    assert_eq!(order, ["c", "b", "a"]);
    assert_eq!(sums.sums()["m"].tokens, 300);
}

#[test]
fn memory_goes_from_task_to_task() {
    let executor = |call: &Call, _: &Patience| {
        if &*call.task == "a" {
            call.memory.put("style", "brief");
        }
        Ok(Answer::new(call.request.messages[0].text(), 10, 10))
    };
    let flow = flow(Mode::Corrected, policy("1"), executor);
    let tasks = vec![task("a", &[]), task("b", &["a"])];
    let report = flow.run(tasks, &Control::default(), &mut |_| {}).expect("it begins");
    assert_eq!(report.output("b"), Some("<memory name=\"style\">\nbrief\n</memory>\n"));
}

#[test]
fn a_summary_is_a_request_under_the_same_budget() {
    let calls = Calls::default();
    let asked = calls.clone();
    let executor = move |call: &Call, patience: &Patience| {
        let answer = windlass_flow::orchestrate::Executor::execute(&asked, call, patience)?;
        // Every task gives 37 tokens; a summary is short.
        let summary = call.request.messages[0].text().starts_with("Summarise");
        let output = if summary { "short".into() } else { format!("{} ", call.task).repeat(75) };
        Ok(Answer { output, ..answer })
    };
    let context = context::Policy { strategy: Strategy::Summarize, keep_last_n: None, max_tokens: Some(100) };
    let flow = flow(Mode::Corrected, Policy { context, ..policy("1") }, executor);
    let tasks = vec![task("a", &[]), task("b", &[]), task("c", &[]), task("d", &["a", "b", "c"])];
    let report = flow.run(tasks, &Control::default(), &mut |_| {}).expect("it begins");
    assert_eq!(report.state, RunState::Completed, "{}", show(&report));
    // Four tasks and one summary, each of 100 tokens.
    assert_eq!((calls.ids().len(), report.usage.tokens), (5, 500), "{:?}", calls.ids());
    let sent = calls.last().request.messages[0].text();
    assert!(sent.starts_with("<summary of=\"a b\">\nshort") && sent.contains("<output of=\"c\">"), "{sent}");
    assert_eq!(report.tasks["d"].dropped.len(), 2);
}

#[test]
fn currency_and_catalogue_are_options() {
    let options = windlass_flow::orchestrate::Options {
        catalogue: Some(catalogue()),
        currency: Some("EUR".into()),
        ..Default::default()
    };
    let euros = windlass_model::Cost { amount: money("1"), currency: "EUR".into() };
    let flow = Flow::with_options(Policy::new(euros), Calls::default(), options.clone());
    let report = flow.run(vec![task("a", &[])], &Control::default(), &mut |_| {}).expect("it begins");
    assert_eq!(report.usage.cost.currency, "EUR");
    let dollars = Flow::with_options(Policy::new(usd("1")), Calls::default(), options);
    let report = dollars.run(vec![task("a", &[])], &Control::default(), &mut |_| {}).expect("it begins");
    assert_eq!(show(&report), "failed[invalid_input] a=failed(budget_exceeded)");
}

#[test]
fn a_provider_is_an_executor() {
    #[derive(Debug)]
    struct Echo;
    impl Provider for Echo {
        fn name(&self) -> &str {
            "echo"
        }
        fn ask(
            &self,
            request: &Request,
            _: &mut dyn FnMut(Delta<'_>),
            _: &Patience,
        ) -> Result<Reply, windlass_llm::Error> {
            let text = request.messages.last().map(|message| message.text()).unwrap_or_default();
            let parts = vec![windlass_llm::Part::Text { text }];
            let usage = Tokens { input: 5, output: 5, ..Tokens::default() };
            Ok(Reply {
                id: String::new(),
                model: request.model.clone(),
                parts,
                stop: Stop::End,
                usage,
                estimated: false,
            })
        }
        fn count(&self, _: &Request, _: &Patience) -> Result<Option<u64>, windlass_llm::Error> {
            Ok(None)
        }
    }
    let flow = flow(Mode::Corrected, policy("1"), Asking(Echo));
    let report = flow.run(vec![task("a", &[])], &Control::default(), &mut |_| {}).expect("it begins");
    assert_eq!((report.output("a"), report.usage.tokens), (Some("do a"), 10));
}
