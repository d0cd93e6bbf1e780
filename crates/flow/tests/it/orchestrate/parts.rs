//! Each part by itself, side by side.

use std::sync::Arc;

use windlass_flow::orchestrate::{
    AsWritten, ByModel, Bytes, Distinct, Enforcer, Error, Fifo, Frontier, Graph, Ledger, Queue, Refusing,
    Resolver, RunState, Scan, Scheduler, Sizer, Task, TaskState, TokensOnly, Tracker, Whole,
};
use windlass_llm::Request;
use windlass_llm::context::{Bundle, Piece, Shared};
use windlass_llm::price::{Average, Calculator, Exact, Need};
use windlass_model::{Money, Usage};

use super::{catalogue, money, task, usd};

#[test]
fn token_estimators_compared() {
    let catalogue = catalogue();
    let model = catalogue.get("m").expect("there");
    // 8 bytes of prompt, an input of 8, metadata of 4, a context of 12 whose output is among the inputs too.
    let mut asked = Task::new("a", "m", "12345678");
    asked.metadata.insert("a key that does not count".into(), "1234".into());
    let context = Bundle { pieces: vec![Piece::new("dep", "123456789012")], ..Bundle::default() };
    let (messages, stable) = context.messages(&asked.prompt);
    let call = |inputs: &[(&str, &str)]| windlass_flow::orchestrate::Call {
        task: "a".into(),
        request: Request {
            messages: messages.clone(),
            stable,
            max_output_tokens: 50,
            ..Request::new("m", "", 50)
        },
        inputs: inputs.iter().map(|(name, text)| ((*name).to_owned(), Arc::from(*text))).collect(),
        context: context.clone(),
        memory: Arc::new(Shared::default()),
    };
    let compatible =
        Bytes::default().need(model, &asked, &call(&[("x", "12345678"), ("dep", "123456789012")]));
    assert_eq!(
        (compatible.likely, compatible.output),
        ((8 + 8 + 12 + 4 + 12) / 4, 0),
        "the reply costs nothing"
    );
    // Corrected: the request that is sent, once, with the frame around it, and the reply.
    let corrected = Whole::default().need(model, &asked, &call(&[]));
    assert_eq!(corrected.output, 50);
    let texts: u64 = messages.iter().map(|message| (message.text().len() / 4) as u64).sum();
    assert!(corrected.input > texts && corrected.likely >= texts, "{corrected:?} {texts}");
    // Both: nothing is nothing, and anything is at least one token.
    let one = Bytes::default().need(
        model,
        &Task::new("a", "m", "x"),
        &windlass_flow::orchestrate::Call { context: Bundle::default(), ..call(&[]) },
    );
    assert_eq!(one.likely, 1);
}

#[test]
fn cost_calculators_compared() {
    let catalogue = windlass_llm::catalogue::Catalogue::compatible();
    let sonnet = catalogue.get("claude-sonnet-4-20250514").expect("there");
    let need = Need { likely: 1000, input: 1300, output: 500 };
    for (name, calculator, reserve, settle) in [
        // The average of 3 and 15 for whatever it is: 1,000 tokens before, 1,200 after.
        ("compatible", &Average::default() as &dyn Calculator, "0.009", "0.0108"),
        // At most 1,300 written to the cache (3.75) and 500 out (15); then 1,000 in and 200 out.
        ("corrected", &Exact::default(), "0.012375", "0.006"),
    ] {
        assert_eq!(calculator.reserve(sonnet, &need), usd(reserve), "{name}");
        let used = windlass_llm::Tokens { input: 1000, output: 200, ..windlass_llm::Tokens::default() };
        assert_eq!(calculator.settle(sonnet, &used), usd(settle), "{name}");
    }
}

#[test]
fn budget_enforcers_compared() {
    let used = Usage { cost: usd("0.4"), ..Usage::default() };
    let (compatible, corrected): (&dyn Enforcer, &dyn Enforcer) = (&Refusing, &Ledger);
    for enforcer in [compatible, corrected] {
        let ask = |limit: &str, wanted: &str| enforcer.allow(&usd(limit), &used, money("0.1"), &usd(wanted));
        assert_eq!(ask("1", "0.5"), Ok(()), "what just fits, fits");
        let over = ask("1", "0.500000001").expect_err("too much");
        assert_eq!(over.to_string(), "budget exceeded: 0.500000001 USD are needed and 0.5 of 1 are left");
        assert_eq!(ask("0", "0"), Err(Error::BudgetNotSet));
        let euros = windlass_model::Cost { amount: money("1"), currency: "EUR".into() };
        let refused = enforcer.allow(&euros, &used, Money::ZERO, &usd("0.1"));
        assert!(matches!(refused, Err(Error::InvalidInput(_))), "{refused:?}");
    }
    // A budget without a currency.
    let nameless = windlass_model::Cost { amount: money("1"), currency: String::new() };
    assert_eq!(compatible.allow(&nameless, &used, Money::ZERO, &usd("0.1")), Ok(()));
    assert!(matches!(
        corrected.allow(&nameless, &used, Money::ZERO, &usd("0.1")),
        Err(Error::InvalidInput(_))
    ));
    // What passes the limit: not counted there, counted and told here.
    let actual = Usage { tokens: 9, cost: usd("0.7"), ..Usage::default() };
    let record = |enforcer: &dyn Enforcer| {
        let mut sum = used.clone();
        let told = enforcer.record(&usd("1"), &mut sum, &actual);
        (told.map_err(|error| error.to_string()), sum.cost.amount)
    };
    assert_eq!(record(compatible), (Err("budget exceeded: 1.1 of 1 USD".into()), money("0.4")));
    assert_eq!(record(corrected), (Err("budget overdrawn: 1.1 of 1 USD are spent".into()), money("1.1")));
}

#[test]
fn usage_trackers_compared() {
    let used = Usage { tokens: 9, cost: usd("0.7"), ..Usage::default() };
    // Compatible: tokens of the run. Corrected: the enforcer counts those with the money, here are sums by model.
    let mut run = Usage::default();
    TokensOnly.add(&"a".into(), "m", &used, &mut run);
    assert_eq!((run.tokens, run.cost.amount), (9, Money::ZERO));
    let (by_model, mut run) = (ByModel::default(), Usage::default());
    for (task, model) in [("a", "m"), ("b", "n"), ("c", "m")] {
        by_model.add(&task.into(), model, &used, &mut run);
    }
    assert!(run.is_zero());
    assert_eq!(by_model.sums()["m"].cost, usd("1.4"));
    assert_eq!(by_model.sums()["n"].tokens, 9);
}

fn graph(tasks: &[Task]) -> Result<Graph, Error> {
    Distinct.resolve(tasks)
}

#[test]
fn dependency_resolvers_compared() {
    let twice = [task("a", &[]), task("b", &["a", "a"])];
    let compatible = AsWritten.resolve(&twice).expect("it is a graph");
    assert_eq!((compatible.pending(), &compatible.next[0]), (vec![0, 2], &vec![1, 1]), "two edges");
    let corrected = graph(&twice).expect("it is a graph");
    assert_eq!((corrected.pending(), &corrected.next[0]), (vec![0, 1], &vec![1]), "one need");
    for resolver in [&AsWritten as &dyn Resolver, &Distinct] {
        let told = |tasks: &[Task]| resolver.resolve(tasks).expect_err("refused").to_string();
        assert_eq!(told(&[task("a", &["z"])]), "a needs z, which is not there");
        assert_eq!(told(&[task("a", &["a"])]), "the tasks need each other in a circle: a → a");
        let circle = [task("a", &["c"]), task("b", &["a"]), task("c", &["b"]), task("d", &["a"])];
        assert_eq!(told(&circle), "the tasks need each other in a circle: a → c → b → a");
        // Ids are sorted by their bytes, whatever the order of the tasks.
        let sorted = resolver.resolve(&[task("b", &[]), task("B", &[]), task("a", &["b"])]).expect("a graph");
        assert_eq!(sorted.ids.iter().map(|id| &**id).collect::<Vec<_>>(), ["B", "a", "b"]);
    }
}

#[test]
fn a_long_chain_needs_no_stack() {
    let chain = |n: usize| {
        let needs = (n > 0).then(|| format!("t{:07}", n - 1));
        Task::new(format!("t{n:07}"), "m", "go").needs(needs)
    };
    let tasks: Vec<Task> = (0..200_000).map(chain).collect();
    assert_eq!(graph(&tasks).expect("a chain").next[0], [1]);
}

#[test]
fn schedulers_compared() {
    use TaskState::{Completed, Failed, Pending, Running, Skipped};
    let diamond = graph(&[task("d", &["b", "c"]), task("c", &["a"]), task("b", &["a"]), task("a", &[])]);
    let diamond = diamond.expect("it is a graph");
    let compatible: Box<dyn Scheduler> = Box::new(Scan::new(&diamond));
    let corrected: Box<dyn Scheduler> = Box::new(Frontier::new(&diamond));
    for mut scheduler in [compatible, corrected] {
        let mut states = [Pending; 4];
        let ready = |scheduler: &mut Box<dyn Scheduler>, states: &[TaskState; 4]| {
            scheduler.ready(RunState::Running, &|at| states[at]).expect("the run goes on")
        };
        assert_eq!(ready(&mut scheduler, &states), [0]);
        assert_eq!(ready(&mut scheduler, &states), [0], "until it is started");
        states[0] = Running;
        scheduler.taken(0);
        assert!(ready(&mut scheduler, &states).is_empty());
        scheduler.done(0, Running).expect("it ran");
        states[0] = Completed;
        assert_eq!(ready(&mut scheduler, &states), [1, 2], "in the order of ids");
        for ended in [Completed, Failed, Skipped] {
            assert_eq!(scheduler.done(1, ended), Err(Error::NotReady("b".into())));
        }
        for at in [1, 2] {
            scheduler.taken(at);
            scheduler.done(at, Running).expect("it ran");
            states[at] = Completed;
        }
        assert_eq!(ready(&mut scheduler, &states), [3]);
        for over in [RunState::Pending, RunState::Completed, RunState::Failed, RunState::Aborted] {
            assert_eq!(scheduler.ready(over, &|_| Pending), Err(Error::NotRunning));
        }
    }
}

#[test]
fn a_queue_gives_back_what_came_first() {
    let mut queue = Fifo::default();
    for task in [3, 1, 2] {
        queue.push(task);
    }
    assert_eq!((queue.len(), queue.is_empty()), (3, false));
    assert_eq!([queue.pop(), queue.pop(), queue.pop(), queue.pop()], [Some(3), Some(1), Some(2), None]);
}
