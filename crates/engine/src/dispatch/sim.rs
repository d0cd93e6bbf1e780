//! The dispatcher under a deterministic simulator: virtual time, scripted actions, faults and signals, by seed.

mod cases;
mod closing;
mod plans;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use plans::{Dice, plan};
use serde_json::json;
use windlass_expr::Outside;
use windlass_model::{
    At, Code, Cost, Event, Failure, Fragment, Money, Note, Phase, Plan, Record, RunState, RunStatus, Scope,
    Status, Usage, Verdict,
};

use super::{Ask, Config, Deed, Dispatcher, Finished, Found, Input, Inquiry, Order, Stop, Timer};
use crate::action::{Action, ActionFuture, Actions, Call, Estimate, Output, StepContext, Target};

/// An action that only the simulator answers for.
struct Scripted;

impl Action for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn undoes(&self) -> bool {
        true
    }

    fn goes_along(&self, target: &Target) -> bool {
        !target.local
    }

    fn estimate(&self, call: &Call<'_>) -> Result<Option<Estimate>, Failure> {
        Ok(call.input["cost"].as_i64().map(|most| money(most).into()))
    }

    fn run<'a>(&'a self, _: StepContext) -> ActionFuture<'a> {
        Box::pin(async { Ok(Output::default()) })
    }
}

/// A machine on which commands say what they like.
#[derive(Debug)]
struct Fickle(AtomicU64);

impl Outside for Fickle {
    fn pipe(&self, command: &str) -> std::io::Result<Vec<u8>> {
        let mut dice = Dice(self.0.load(Relaxed));
        let draw = dice.below(10);
        self.0.store(dice.0, Relaxed);
        match (command, draw) {
            (_, 0) => Err(std::io::Error::other("the command fails")),
            ("host", n) => Ok(format!("h{}", n % 7).into_bytes()),
            ("number", n) => Ok((n % 4).to_string().into_bytes()),
            (_, n) => Ok(if n > 4 { "yes".into() } else { "no".into() }),
        }
    }
}

fn money(nanos: i64) -> Usage {
    Usage { cost: Cost { amount: Money(nanos), currency: "USD".into() }, ..Usage::default() }
}

/// A step that an executor has.
struct Running {
    at: At,
    cancelled: bool,
    deed: Deed,
    /// The steps that were handed over with it, and of which nothing was told.
    then: VecDeque<At>,
    /// What its notes said that it used, and the most that it said it will use beyond.
    noted: Option<(i64, i64)>,
}

fn dispatcher(
    plan: &Arc<Plan>,
    records: &[Record],
    held: Option<Verdict>,
    now: u64,
    seed: u64,
) -> Dispatcher {
    let state = RunState::replay(plan.clone(), records).unwrap();
    let undo = state.undoing.contains(&Scope::Global);
    build(state, held, now, seed, undo)
}

fn build(state: RunState, held: Option<Verdict>, now: u64, seed: u64, undo: bool) -> Dispatcher {
    let mut actions = Actions::default();
    for action in crate::builtin::actions().into_iter().chain([Arc::new(Scripted) as Arc<dyn Action>]) {
        actions.add(action).unwrap();
    }
    let config = Config {
        actions,
        mode: Default::default(),
        parallelism: 1 + (seed % 5) as usize,
        specials: Default::default(),
        outside: Some(Arc::new(Fickle(AtomicU64::new(seed | 1)))),
        redactor: Default::default(),
        secrets: Default::default(),
        in_doubt: held,
        keep: seed.is_multiple_of(3),
        seed,
        pid: 1,
        values: Default::default(),
        undo,
        limit: None,
        shared_budgets: seed.is_multiple_of(2),
    };
    Dispatcher::new(state, config, now)
}

/// Whether a task was taken back, wholly or in part, and nobody is at it any more.
fn was_taken_back(state: &RunState, task: u32) -> bool {
    let hosts = state.plan().hosts_of(&state.plan().tasks[task as usize]).len() as u32;
    let undone = |host| state.steps_on(task, host).iter().any(|run| run.phase == Phase::Done(Status::Undone));
    let going = state.undoing.iter().any(|scope| state.is_within(task, *scope));
    !going && (0..hosts).any(undone)
}

/// One simulated world around one plan.
struct World {
    dice: Dice,
    plan: Arc<Plan>,
    now: u64,
    journal: Vec<Record>,
    /// How much of the journal a crash cannot lose.
    durable: usize,
    running: Vec<Running>,
    /// What is being asked, and whether it was told to end.
    inquiries: Vec<(Box<Inquiry>, bool)>,
    /// How often something was.
    inquired: usize,
    timers: Vec<(u64, Timer)>,
    /// Steps of bodies that succeeded while the run never failed.
    succeeded: BTreeSet<At>,
    /// When the next item of each loop may begin at the earliest.
    rests: BTreeMap<At, u64>,
    faults: u32,
    /// How often steps were handed over together.
    convoys: usize,
    /// How many rounds followed another.
    rounds: usize,
    /// What the shared budgets are asked, and what they granted and was not begun yet.
    asked: Vec<Ask>,
    probed: Option<Vec<Ask>>,
    granted: BTreeSet<(At, u32)>,
    /// Whether a step used more than it said: then the budget may be passed.
    past: bool,
    /// Whether there are budgets that the run shares.
    shared: bool,
}

impl World {
    fn take(&mut self, machine: &mut Dispatcher) {
        let (records, orders) = machine.take();
        if let Some(refused) = machine.broken() {
            panic!("{refused}\n{}", self.tail(&records));
        }
        for record in &records {
            self.watch(record);
            self.watch_pause(record);
        }
        self.journal.extend(records);
        self.check_closed(machine, &orders);
        for order in orders {
            match order {
                Order::Start(start) => {
                    // An effect begins only when its cause is durable.
                    self.durable = self.journal.len();
                    let then: VecDeque<At> = start.then.iter().map(|start| start.at).collect();
                    self.convoys += usize::from(!then.is_empty());
                    assert!(
                        !self.running.iter().any(|running| running.at == start.at),
                        "{:?} runs twice at once\n{}",
                        start.at,
                        self.tail(&[])
                    );
                    self.running.push(Running {
                        at: start.at,
                        cancelled: false,
                        deed: start.deed,
                        then,
                        noted: None,
                    });
                }
                Order::Inquire(inquiry) => {
                    self.durable = self.journal.len();
                    self.inquired += 1;
                    let twice = self.inquiries.iter().any(|(other, _)| other.at == inquiry.at);
                    assert!(!twice, "{:?} is asked twice at once\n{}", inquiry.at, self.tail(&[]));
                    self.inquiries.push((inquiry, false));
                }
                Order::Cancel(at) => {
                    let open = self.inquiries.iter_mut().filter(|(inquiry, _)| inquiry.at == at);
                    open.for_each(|(_, cancelled)| *cancelled = true);
                    self.running
                        .iter_mut()
                        .filter(|running| (running.at.task, running.at.host) == (at.task, at.host))
                        .for_each(|running| running.cancelled = true);
                }
                Order::Reserve(ask) => self.asked.push(ask),
                Order::Release { at, attempt } => {
                    assert!(self.granted.remove(&(at, attempt)), "{at:?} gives back what it does not hold");
                }
                Order::Probe(asks) => {
                    assert!(self.probed.replace(asks).is_none(), "one batch at a time");
                }
                Order::Wake { at, timer } => self.timers.push((at, timer)),
            }
        }
        self.check_budget(machine.state());
        self.check_windows();
    }

    /// In a stage that is closed nothing begins but cleanup, unless it is ended at once.
    fn check_closed(&self, machine: &Dispatcher, orders: &[Order]) {
        for (index, order) in orders.iter().enumerate() {
            let Order::Start(start) = order else { continue };
            let (at, cleanup) = (start.at, self.plan.tasks[start.at.task as usize].cleanup);
            let body = at.step < cleanup && !matches!(start.deed, Deed::Undo(_));
            let ends = |order: &Order| matches!(order, Order::Cancel(other) if other.task == at.task);
            let ended = || orders[index..].iter().any(ends);
            assert!(!body || !machine.is_closed(at.task) || ended(), "{at:?} begins\n{}", self.tail(&[]));
        }
    }

    /// No task works on more hosts at once than its window has room for.
    fn check_windows(&self) {
        for (index, task) in self.plan.tasks.iter().enumerate() {
            let Some(window) = task.more().rollout.window else { continue };
            let mine = |running: &&Running| {
                running.at.task == index as u32 && !matches!(running.deed, Deed::Undo(_))
            };
            let busy: BTreeSet<u32> =
                self.running.iter().filter(mine).map(|running| running.at.host).collect();
            assert!(busy.len() <= window as usize, "{busy:?} in a window of {window}\n{}", self.tail(&[]));
        }
    }

    /// What is used and held back is within the budget, as long as steps keep to what they said.
    fn check_budget(&self, state: &RunState) {
        let mut sum = Usage::default();
        state.spent.values().for_each(|used| sum.add(used));
        assert_eq!(sum, state.used, "what steps used is what the run used");
        state.reserved.values().for_each(|most| sum.add(most));
        let limit = self.plan.policy.budget.as_ref().and_then(|budget| budget.cost.as_ref());
        let within = limit.is_none_or(|limit| sum.cost.amount <= limit.amount);
        assert!(self.past || within, "{:?} of {limit:?}\n{}", sum.cost, self.tail(&[]));
    }

    /// What the journal says was used, added up without the fold: what was told, and the bound of what nobody
    /// lived to tell.
    fn journalled(&self) -> i64 {
        let (mut open, mut told, mut sum) = (BTreeMap::new(), BTreeMap::new(), 0);
        for record in &self.journal {
            match &record.event {
                Event::RunStarted { .. } => {
                    sum += std::mem::take(&mut open).values().sum::<i64>();
                }
                Event::StepStarted { at, reserved, .. } => {
                    open.insert(*at, reserved.as_ref().map_or(0, |most| most.cost.amount.0));
                    told.remove(at);
                }
                Event::StepNoted { at, note, .. } => {
                    sum += note.used.cost.amount.0;
                    *told.entry(*at).or_insert(0) += note.used.cost.amount.0;
                    open.insert(*at, note.next.cost.amount.0);
                }
                Event::StepRetried { at, used, .. } => {
                    open.remove(at);
                    let before = told.remove(at).unwrap_or(0);
                    sum += used.as_ref().map_or(0, |used| used.cost.amount.0 - before);
                }
                Event::StepFinished { at, outcome } => {
                    open.remove(at);
                    let before = told.remove(at).unwrap_or(0);
                    sum += outcome.usage().map_or(0, |used| used.cost.amount.0 - before);
                }
                _ => {}
            }
        }
        sum
    }

    /// The shared budgets answer: a batch first, or one of the steps that ask.
    fn bank(&mut self, machine: &mut Dispatcher) -> bool {
        let no = || Failure::new(Code::BudgetRefused, "scripted").permanent();
        if let Some(asks) = self.probed.take() {
            let refused = asks.iter().filter(|_| self.dice.chance(5)).map(|ask| (ask.at, no())).collect();
            machine.handle(self.now, Input::Probed { refused });
            return true;
        }
        if self.asked.is_empty() {
            return false;
        }
        let n = self.dice.below(self.asked.len() as u64) as usize;
        let Ask { at, attempt, .. } = self.asked.remove(n);
        let refused = self.dice.chance(10).then(no);
        if refused.is_none() {
            self.granted.insert((at, attempt));
        }
        machine.handle(self.now, Input::Reserved { at, refused });
        true
    }

    /// The last events, for a person who looks for the reason.
    fn tail(&self, more: &[Record]) -> String {
        let all: Vec<String> = self.journal.iter().chain(more).map(|r| format!("{r:?}")).collect();
        all[all.len().saturating_sub(14)..].join("\n")
    }

    /// What happened to one task, and when drivers began.
    fn story(&self, task: u32) -> String {
        let mine = [format!("task: {task},"), format!("Task({task})"), "RunStarted".into(), "Signal".into()];
        let all = self.journal.iter().map(|record| format!("{record:?}"));
        all.filter(|told| mine.iter().any(|part| told.contains(part))).collect::<Vec<_>>().join("\n")
    }

    fn watch(&mut self, record: &Record) {
        match &record.event {
            Event::RunFinished { .. } => self.succeeded.clear(),
            Event::StepUndone { at, error: None } => {
                let known = self.plan.tasks[at.task as usize].cleanup > at.step;
                assert!(known, "what always runs is not taken back");
                self.succeeded.remove(at);
            }
            Event::StepStarted { at, attempt, reserved } => {
                let asked = self.granted.remove(&(*at, *attempt));
                assert!(asked || !self.shared || reserved.is_none(), "{at:?} costs, and did not ask");
                let spec = &self.plan.tasks[at.task as usize];
                let never = spec.more().when.iter().any(|condition| condition == "false");
                assert!(!never, "{at:?} runs, and its task's condition is not met\n{}", self.story(at.task));
                let again = self.succeeded.contains(at);
                assert!(!again, "{at:?} succeeded before, and starts again\n{}", self.tail(&[]));
            }
            Event::PlanExtended { fragment: Fragment::Round { stage, .. }, .. } => {
                let inside = |task: u32| self.plan.tasks[task as usize].stage == Some(*stage);
                self.succeeded.retain(|at| !inside(at.task));
                self.rounds += 1;
                for begun in self.journal.iter().filter_map(|record| match record.event {
                    Event::StepStarted { at, .. } => Some(at.task),
                    _ => None,
                }) {
                    let needs = &self.plan.tasks[begun as usize].needs;
                    let early = !inside(begun) && needs.iter().any(|need| inside(*need));
                    assert!(!early, "task {begun} did not wait for the last round\n{}", self.tail(&[]));
                }
            }
            Event::StepFinished { at, outcome } => {
                let cleanup = at.step >= self.plan.tasks[at.task as usize].cleanup;
                if !cleanup && matches!(outcome.status, Status::Ok | Status::Changed) {
                    self.succeeded.insert(*at);
                }
            }
            _ => {}
        }
    }

    /// Between two items of a loop lies its pause.
    fn watch_pause(&mut self, record: &Record) {
        match &record.event {
            Event::StepStarted { at, .. } => {
                let rests = self.rests.get(&at.whole()).is_some_and(|end| record.time < *end);
                assert!(!rests, "{at:?} did not wait for its pause\n{}", self.tail(&[]));
            }
            Event::StepFinished { at, .. } if at.item.is_some() => {
                let step = &self.plan.tasks[at.task as usize].steps[at.step as usize];
                let pause = step.more().repeat.as_ref().map_or(0, |repeat| repeat.pause_ms);
                self.rests.insert(at.whole(), record.time + pause);
            }
            Event::StepFinished { at, .. } => drop(self.rests.remove(at)),
            _ => {}
        }
    }

    /// The most that a step costs.
    fn cost(&self, at: At) -> Option<i64> {
        let step = &self.plan.tasks[at.task as usize].steps[at.step as usize];
        step.input["cost"].as_i64().filter(|_| &*step.action == "scripted")
    }

    /// A step writes down how far it is: what it used since its last note, and the most that comes then.
    fn note(&mut self, n: usize, machine: &mut Dispatcher) -> bool {
        let Running { at, deed: Deed::Do, noted, .. } = self.running[n] else { return false };
        let Some(cost) = self.cost(at).filter(|_| self.dice.chance(30)) else { return false };
        let (before, rest) = noted.unwrap_or((0, cost));
        let used = self.dice.below(rest as u64 + 1) as i64;
        let next = self.dice.below((cost - before - used) as u64 + 1) as i64;
        self.running[n].noted = Some((before + used, next));
        let note = Arc::new(Note { used: money(used), next: money(next), data: json!(1) });
        let attempt = machine.state().step(at).map_or(0, |run| run.attempts);
        let (reply, _) = tokio::sync::oneshot::channel();
        machine.handle(self.now, Input::Noted { at, attempt, note, reply });
        true
    }

    /// What came of a step, and what it used: at most what it said, and at times more.
    fn paid(&mut self, at: At, noted: Option<(i64, i64)>) -> Result<Output, Failure> {
        let result = self.outcome();
        let (Some(cost), Ok(mut output)) = (self.cost(at), result.clone()) else {
            // Who has noted something tells of it whatever happens.
            return noted.map_or(result, |(used, _)| {
                Ok(Output { failed: true, usage: Some(money(used)), ..Output::default() })
            });
        };
        let more = self.dice.chance(3);
        self.past |= more;
        let (before, rest) = noted.unwrap_or((0, cost));
        let used = if more { cost + 50 } else { before + self.dice.below(rest as u64 + 1) as i64 };
        output.usage = Some(money(used));
        Ok(output)
    }

    fn outcome(&mut self) -> Result<Output, Failure> {
        match self.dice.below(10) {
            0 | 1 => Err(Failure::new(Code::StepFailed, "scripted")),
            2 => Err(Failure::new(Code::StepFailed, "scripted").permanent()),
            3 => Ok(Output { failed: true, ..Output::ok(true) }),
            4 => Ok(Output { skipped: true, ..Output::default() }),
            n => Ok(Output::ok(n % 2 == 0).with("ready", n > 6)),
        }
    }

    /// One of what is asked is answered, where anything is.
    fn inquire(&mut self, machine: &mut Dispatcher) -> bool {
        if self.inquiries.is_empty() {
            return false;
        }
        let n = self.dice.below(self.inquiries.len() as u64) as usize;
        let (inquiry, mut cancelled) = self.inquiries.remove(n);
        self.now += self.dice.below(3);
        let timed_out = !cancelled && inquiry.limit_ms.is_some() && self.dice.chance(20);
        // Who is told to end may be done all the same.
        cancelled &= self.dice.chance(80);
        let result = match cancelled || timed_out {
            true => Err(Failure::new(Code::ExpressionFailed, "given up")),
            false => inquiry.question.answer(&inquiry.scope),
        };
        let found = Found { at: inquiry.at, result, timed_out, cancelled };
        machine.handle(self.now, Input::Found(Box::new(found)));
        true
    }

    /// One thing happens. False when nothing can happen any more.
    fn happen(&mut self, machine: &mut Dispatcher) -> bool {
        if self.dice.chance(60) && self.bank(machine) {
            return true;
        }
        if !self.inquiries.is_empty() && self.dice.chance(50) {
            return self.inquire(machine);
        }
        let asks = |at: &At| machine.state().step(*at).is_some_and(|step| step.phase == Phase::Asking);
        let asking = || {
            let open = machine.state().approvals.iter().filter(|(_, approval)| approval.answer.is_none());
            open.map(|(at, _)| *at).find(asks)
        };
        if !self.running.is_empty() && self.dice.chance(70) {
            let n = self.dice.below(self.running.len() as u64) as usize;
            if let Deed::DoAndKeep { .. } = self.running[n].deed {
                // It tells how things were, and goes on when that is durable.
                self.running[n].deed = Deed::Do;
                let (reply, _) = tokio::sync::oneshot::channel();
                let before = Arc::new(json!(1));
                machine.handle(self.now, Input::Kept { at: self.running[n].at, before, reply });
                return true;
            }
            if self.note(n, machine) {
                return true;
            }
            let Running { at, cancelled, mut then, deed, noted } = self.running.remove(n);
            let timed_out = self.dice.chance(3) && then.is_empty();
            let result = self.paid(at, noted);
            let success = result.as_ref().is_ok_and(|output| !output.failed);
            if let Some(next) = then.pop_front().filter(|_| success) {
                // The next begins at once, and may end before the dispatcher comes to it.
                self.running.push(Running { at: next, cancelled, deed, then, noted: None });
            }
            self.now += self.dice.below(3);
            let finished = Finished { at, result, timed_out, cancelled, writes: vec![] };
            machine.handle(self.now, Input::Finished(Box::new(finished)));
        } else if let Some(at) = asking().filter(|_| self.dice.chance(50)) {
            let approved = self.dice.chance(80);
            machine.handle(self.now, Input::Answer { at, approved, by: "x".into(), note: String::new() });
        } else if let Some(first) = (0..self.timers.len()).min_by_key(|&n| self.timers[n].0) {
            let (at, timer) = self.timers.remove(first);
            self.now = self.now.max(at);
            machine.handle(self.now, Input::Timer(timer));
        } else if self.running.is_empty() && asking().is_none() {
            return self.inquire(machine) || self.bank(machine);
        }
        true
    }

    fn disturb(&mut self, machine: &mut Dispatcher) {
        self.faults -= 1;
        let input = match self.dice.below(4) {
            0 => Input::Stop { stop: Stop::Drain, reason: "sim".into() },
            1 => Input::Stop { stop: Stop::Cancel, reason: "sim".into() },
            2 if self.dice.chance(20) => Input::Abort { by: "sim".into() },
            _ => return,
        };
        machine.handle(self.now, input);
    }

    /// The driver dies: what was not durable is lost, and so is what ran.
    fn crash(&mut self, seed: u64) -> Dispatcher {
        self.faults -= 1;
        let lost = self.dice.below((self.journal.len() - self.durable) as u64 + 1) as usize;
        self.journal.truncate(self.journal.len() - lost);
        self.restart(seed, None)
    }

    fn restart(&mut self, seed: u64, held: Option<Verdict>) -> Dispatcher {
        self.running.clear();
        self.inquiries.clear();
        self.asked.clear();
        self.probed = None;
        self.granted.clear();
        self.timers.clear();
        self.rests.clear();
        self.succeeded.clear();
        let state = RunState::replay(self.plan.clone(), &self.journal).unwrap();
        for task in 0..self.plan.tasks.len() as u32 {
            let spec = &self.plan.tasks[task as usize];
            for host in 0..self.plan.hosts_of(spec).len() as u32 {
                for (step, run) in state.steps_on(task, host).iter().enumerate().take(spec.cleanup as usize) {
                    // What failed is tried again from its first failure on, and what comes after it too; what
                    // was taken back begins anew.
                    let end = state.tasks[task as usize].end;
                    if !end.is_some_and(Dispatcher::is_blocking)
                        && !was_taken_back(&state, task)
                        && matches!(run.status(), Some(Status::Ok | Status::Changed))
                    {
                        self.succeeded.insert(At { task, host, step: step as u32, item: None });
                    }
                }
            }
        }
        self.durable = self.journal.len();
        dispatcher(&self.plan, &self.journal, held, self.now, seed)
    }
}

/// How often something happened that not every run has.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    convoys: usize,
    rounds: usize,
    inquired: usize,
}

impl Seen {
    fn add(&mut self, other: &Seen) {
        self.convoys += other.convoys;
        self.rounds += other.rounds;
        self.inquired += other.inquired;
    }
}

/// How a seed's run ends, and what happened in it.
fn simulate(seed: u64) -> (RunStatus, Seen) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let plan = Arc::new(plan(&mut dice));
    let faults = dice.below(4) as u32;
    let mut world = World {
        dice,
        plan: plan.clone(),
        now: 1,
        journal: vec![],
        durable: 0,
        running: vec![],
        inquiries: vec![],
        inquired: 0,
        timers: vec![],
        succeeded: BTreeSet::new(),
        rests: BTreeMap::new(),
        faults,
        convoys: 0,
        rounds: 0,
        asked: vec![],
        probed: None,
        granted: BTreeSet::new(),
        past: false,
        shared: seed.is_multiple_of(2),
    };
    let mut machine = dispatcher(&plan, &[], None, 1, seed);
    let mut undone = false;
    for _ in 0..20_000 {
        while machine.pump(world.now) {}
        machine.leave(world.now);
        world.take(&mut machine);
        if machine.is_over() {
            assert!(
                world.running.is_empty(),
                "the run is over and {:?} still runs\n{}",
                world.running[0].at,
                world.tail(&[])
            );
            assert!(world.inquiries.is_empty(), "the run is over and asks {:?}", world.inquiries[0].0);
            assert!(world.granted.is_empty(), "granted, and never begun: {:?}", world.granted);
            let state = machine.state().clone();
            if state.status.is_finished() {
                assert_eq!(state.used.cost.amount.0, world.journalled());
            }
            assert_eq!(state, RunState::replay(plan.clone(), &world.journal).unwrap());
            if state.status.is_finished() {
                assert!(state.tasks.iter().all(|task| task.end.is_some()));
                assert!(state.undoing.is_empty());
                if !undone && state.status != RunStatus::Aborted && world.dice.chance(30) {
                    undone = true;
                    machine = build(state, None, world.now, seed, true);
                    continue;
                }
                let World { convoys, rounds, inquired, .. } = world;
                return (state.status, Seen { convoys, rounds, inquired });
            }
            assert_eq!(state.status, RunStatus::Interrupted);
            machine = world.restart(seed, Some(Verdict::Rerun));
            continue;
        }
        if world.faults > 0 && world.dice.chance(10) {
            if world.dice.chance(50) && !world.journal.is_empty() {
                machine = world.crash(seed);
            } else {
                world.disturb(&mut machine);
            }
            continue;
        }
        let happened = world.happen(&mut machine);
        assert!(happened, "nothing can happen, and the run is not over\n{}", world.tail(&[]));
    }
    panic!("the run does not end");
}

/// Which seeds: enough for every build; `cargo xtask soak` asks for a million. `WINDLASS_SEEDS` has their number,
/// or the first and the last: `500001..600000`.
fn seeds() -> std::ops::RangeInclusive<u64> {
    let asked = std::env::var("WINDLASS_SEEDS").unwrap_or_default();
    let (first, last) = asked.split_once("..").unwrap_or(("1", &asked));
    first.parse().unwrap_or(1)..=last.parse().unwrap_or(10_000)
}

/// How seeds end, and what happened in them.
fn simulate_all(seeds: impl Iterator<Item = u64>) -> (BTreeMap<&'static str, u32>, Seen) {
    let (mut ends, mut seen) = (BTreeMap::new(), Seen::default());
    for seed in seeds {
        let (status, more) = std::panic::catch_unwind(|| simulate(seed)).unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            panic!("seed {seed}: {said}");
        });
        *ends.entry(status.word()).or_insert(0) += 1;
        seen.add(&more);
    }
    (ends, seen)
}

#[test]
fn every_seed_ends_and_loses_nothing() {
    let lanes = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mine = |lane: usize| seeds().skip(lane).step_by(lanes);
    let (mut ends, mut seen) = (BTreeMap::new(), Seen::default());
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..lanes).map(|lane| scope.spawn(move || simulate_all(mine(lane)))).collect();
        for lane in all {
            let (found, more) = lane.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            found.into_iter().for_each(|(end, count)| *ends.entry(end).or_insert(0) += count);
            seen.add(&more);
        }
    });
    // A simulator in which everything ends one way shows nothing.
    assert!(seen.convoys > 100 && seen.rounds > 30 && seen.inquired > 1000, "{seen:?}");
    assert!(ends.len() == 3 && ends.values().all(|&n| n > 20), "{ends:?}");
}

#[test]
fn one_seed_gives_one_journal() {
    for seed in [3, 77, 1234] {
        assert_eq!(simulate(seed), simulate(seed));
    }
}
