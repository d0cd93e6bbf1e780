//! Budgets: what the run itself may spend, and what it asks of the budgets that it shares with others.
//!
//! An attempt that may cost something is held back on the run's own budget as long as it is under way. The shared
//! budgets are in ledgers that other processes write too: the dispatcher orders a hold there, and the attempt
//! begins when it is granted.

use windlass_model::{
    At, Budget, Code, Event, Failure, Intent, Outcome, Phase, RunStatus, Scope, Step, StepRun, Usage,
};

use super::attempt::Prepared;
use super::message::{Ask, Matter, Order};
use super::scope::first_false;
use super::strand::{Doing, StrandKey};
use super::walk::Walk;
use super::work::Pace;
use super::{Course, Dispatcher};
use crate::action::{Call, Estimate};

impl Dispatcher {
    /// Why the run's own budget does not have what a step needs, beside `committed`.
    pub(super) fn refused_by_run(&self, committed: &Usage, most: &Usage) -> Option<Failure> {
        let (why, place) =
            self.limits().find_map(|(limit, place)| Some((limit.refuses(committed, most)?, place)))?;
        Some(
            Failure::new(Code::BudgetRefused, format!("the run's budget refuses the step: {why}"))
                .hint(format!("raise {place}, or lower what the step may use"))
                .permanent(),
        )
    }

    /// What the run itself may use, and where that is said.
    fn limits(&self) -> impl Iterator<Item = (&Budget, &'static str)> {
        let own = self.plan.policy.budget.iter().map(|limit| (limit, "policy.budget"));
        own.chain(self.config.limit.iter().map(|limit| (limit, "budgets.run of the project")))
    }

    /// A budget that was passed all the same ends the run: what is spent is spent, and no more is.
    pub(super) fn check_overdraft(&mut self) {
        if self.course != Course::Going {
            return;
        }
        let why = self.limits().find_map(|(limit, _)| limit.overdrawn(&self.state.used));
        if let Some(why) = why {
            let failure = Failure::new(Code::Overdrawn, format!("the budget is overdrawn: {why}"));
            self.close(RunStatus::Failed, failure.permanent());
        }
    }

    /// What is used and held back so far.
    pub(super) fn committed(&self) -> Usage {
        let mut all = self.state.used.clone();
        self.state.reserved.values().for_each(|usage| all.add(usage));
        let asked = self.holding.values().filter_map(|(_, prepared)| prepared.reserved.as_ref());
        asked.for_each(|estimate| all.add(&estimate.usage));
        all
    }

    /// Asks the shared budgets for what an attempt may use; it begins when they grant it.
    pub(super) fn hold(&mut self, key: StrandKey, at: At, attempt: u32, prepared: Prepared) -> Pace {
        let estimate = prepared.reserved.clone().unwrap_or_default();
        self.orders.push(Order::Reserve(Ask { at, attempt, estimate }));
        self.holding.insert(at, (attempt, prepared));
        self.count_start(key);
        self.wait_as(key, Doing::Holding)
    }

    /// The shared budgets answered.
    pub(super) fn reserved(&mut self, at: At, refused: Option<Failure>) {
        let Some((attempt, prepared)) = self.holding.remove(&at) else { return };
        let key = (at.task, at.host);
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        let step = &task.steps[at.step as usize];
        self.count_stop(key);
        self.strand(key).doing = Doing::Ready;
        // What always runs does so while the run is being ended; nothing else begins then.
        let may = self.goes(key.0) || at.step >= task.cleanup;
        match refused {
            Some(failure) if may => {
                let outcome = self.let_through(step, Outcome::failed(failure));
                self.finish(key, outcome);
            }
            None if may => {
                if self.begin(key, at, step, attempt, prepared) == Pace::Wait {
                    return;
                }
            }
            Some(_) => {}
            None => self.orders.push(Order::Release { at, attempt }),
        }
        if self.strand(key).doing == Doing::Ready {
            self.queue(key);
        }
    }

    /// A shared budget was passed all the same: what is spent is spent, and no more is.
    pub(super) fn overdrawn(&mut self, failure: Failure) {
        if self.course == Course::Going {
            self.close(RunStatus::Failed, failure);
        }
    }

    /// Begins a batch, unless a first step of it does not fit the budgets: then nothing of it begins.
    pub(super) fn begin_batch(&mut self) {
        let (mut asks, mut refused) = (Vec::new(), Vec::new());
        let (undoing, fresh) = self.split_batch();
        // What is being taken back goes on, whatever becomes of the batch.
        undoing.into_iter().for_each(|task| self.enqueue(task));
        let mut committed = self.committed();
        for task in fresh {
            for host in 0..self.plan.hosts_of(&self.plan.tasks[task as usize]).len() as u32 {
                let Some(ask) = self.foresee((task, host)) else { continue };
                match self.refused_by_run(&committed, &ask.estimate.usage) {
                    Some(failure) => refused.push((ask.at, failure)),
                    None => {
                        committed.add(&ask.estimate.usage);
                        asks.push(ask);
                    }
                }
            }
        }
        if !refused.is_empty() {
            self.refuse_batch(refused);
        } else if self.config.shared_budgets && !asks.is_empty() {
            self.probing = true;
            self.orders.push(Order::Probe(asks));
        } else {
            self.enqueue_batch();
        }
    }

    /// The shared budgets say whether they have what the first steps of a batch may use together.
    pub(super) fn probed(&mut self, refused: Vec<(At, Failure)>) {
        if !std::mem::take(&mut self.probing) || self.course != Course::Going {
            return;
        }
        if refused.is_empty() { self.enqueue_batch() } else { self.refuse_batch(refused) }
    }

    fn enqueue_batch(&mut self) {
        self.split_batch().1.into_iter().for_each(|task| self.enqueue(task));
    }

    /// The tasks of the batch that are being taken back, and the others.
    fn split_batch(&self) -> (Vec<u32>, Vec<u32>) {
        self.batch.iter().partition(|&&task| self.state.undoing.contains(&Scope::Task(task)))
    }

    /// Fails the tasks of a batch that do not fit, and with them the run.
    fn refuse_batch(&mut self, refused: Vec<(At, Failure)>) {
        let first = refused[0].1.clone();
        for part in refused.chunk_by(|(a, _), (b, _)| a.task == b.task) {
            let task = part[0].0.task;
            if self.state.tasks[task as usize].end.is_some() {
                // The refusal of one before ended its stage.
                continue;
            }
            let hosts = self.plan.hosts_of(&self.plan.tasks[task as usize]).len() as u32;
            let pending = |run: &StepRun| run.phase == Phase::Pending;
            if (0..hosts).all(|host| self.state.steps_on(task, host).iter().all(pending)) {
                self.refuse_task(task, hosts, part);
                continue;
            }
            // It was begun by an earlier driver, and has to be brought to its end.
            for (at, failure) in part {
                self.strand((at.task, at.host));
                self.finish((at.task, at.host), Outcome::failed(failure.clone()));
            }
            self.enqueue(task);
        }
        self.close(RunStatus::Failed, first);
    }

    /// Fails a task that never began: nothing was done, so there is nothing to clean up.
    fn refuse_task(&mut self, task: u32, hosts: u32, refused: &[(At, Failure)]) {
        let plan = self.plan.clone();
        for host in 0..hosts {
            let key = (task, host);
            match refused.iter().find(|(at, _)| at.host == host) {
                Some((at, failure)) => {
                    self.emit(Event::StepFinished { at: *at, outcome: Outcome::failed(failure.clone()) });
                    self.block_host(key, "an earlier step failed");
                    self.strand(key).walk = Walk::over(&plan.tasks[task as usize]);
                }
                None => {
                    self.block_host(key, "the budget refuses the task on another host");
                    self.strand(key);
                }
            }
        }
        for host in 0..hosts {
            self.strand_done((task, host));
        }
    }

    /// What a strand's next step may use, where that can be told before it begins.
    fn foresee(&mut self, key: StrandKey) -> Option<Ask> {
        if self.lost_before(key).is_some() {
            return None;
        }
        let there = self.strands.contains_key(&key);
        let ask = self.foresee_step(key);
        if !there {
            // It begins in its turn, with its own time and condition.
            self.strands.remove(&key);
        }
        ask
    }

    fn foresee_step(&mut self, key: StrandKey) -> Option<Ask> {
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        let at = self.strand(key).at();
        let step = task.steps.get(at.step as usize)?;
        let run = self.state.step(at)?;
        let runs = step.intent == Intent::Run && run.status().is_none();
        if !runs || step.more().repeat.is_some() || (step.more().run_once && key.1 > 0) {
            return None;
        }
        let attempt = run.attempts + 1;
        let action = self.config.actions.get(&step.action).cloned()?;
        if self.asks.any(&task.more().when) || self.asks.step(step) {
            // That is asked when it begins, and not before.
            return None;
        }
        let scope = self.scope(key, Some(step), Default::default());
        let holds = |conditions: &[String]| {
            conditions.is_empty() || matches!(first_false(conditions, &scope), Ok(None))
        };
        if !holds(&task.more().when) || !holds(&step.more().when) {
            return None;
        }
        let input = self.render_input(step, &scope)?;
        let make = || scope.clone();
        let local = self.place(key, at, Matter::Place, step, |_| scope.clone())?.ok()?.local;
        // What cannot be told now is told when the step begins, and fails there by itself.
        let call = Call::new(&input, self.config.mode.check, local, &make).after(self.state.notes(at));
        let estimate = action.estimate(&call).ok()??;
        Some(Ask { at, attempt, estimate })
    }

    fn render_input(&self, step: &Step, scope: &windlass_expr::Value) -> Option<serde_json::Value> {
        if !crate::vars::is_templated(&step.input) {
            return Some(step.input.clone());
        }
        windlass_expr::render_tree(&step.input, scope).ok()
    }

    /// Whether an attempt has to ask shared budgets first.
    pub(super) fn asks_first(&self, estimate: Option<&Estimate>) -> bool {
        self.config.shared_budgets && estimate.is_some()
    }
}
