//! Takes back what was done: by a task or a stage that failed as a transaction, or by a whole run.
//!
//! A pass goes through the steps of its scope, the last one first, one at a time. What fails to be taken back is
//! told, and the rest is taken back all the same. An interruption stops a pass between two steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_model::{At, Code, Event, Failure, RunStatus, Scope, TaskEnd};

use super::message::{Deed, Finished, Matter, Order, Start};
use super::strand::Strand;
use super::{Course, Dispatcher};
use crate::action::{Action, Target};

/// How long taking one step back may take.
const STEP_LIMIT_MS: u64 = 60_000;

/// What is being taken back in one scope.
#[derive(Debug)]
pub(super) struct Pass {
    pub scope: Scope,
    /// The steps that are left, in the order in which they are taken back.
    left: Vec<At>,
    /// The step that an executor takes back right now.
    pub current: Option<At>,
    /// The host that this is done on.
    place: Option<Arc<str>>,
    /// The hosts that could not be reached, with the reason: none is tried for each of its steps again.
    away: BTreeMap<Arc<str>, Failure>,
    /// Why the scope failed.
    cause: Option<Failure>,
    /// The first reason why something could not be taken back.
    error: Option<Failure>,
}

impl Pass {
    fn new(scope: Scope, cause: Option<Failure>) -> Self {
        let (left, away) = (Vec::new(), BTreeMap::new());
        Self { scope, left, current: None, place: None, away, cause, error: None }
    }
}

impl Dispatcher {
    /// What an executor does with an attempt at a step. How things were on a host that is far away is asked for
    /// in transactions only, or where that is wanted: it takes a question and its answer before each step.
    pub(super) fn deed(&self, at: At, action: &dyn Action, target: &Target) -> Deed {
        let in_body = at.step < self.plan.tasks[at.task as usize].cleanup;
        if !action.undoes() || !in_body || self.config.mode.check || self.state.undo.contains_key(&at) {
            return Deed::Do;
        }
        match self.is_transaction(at.task) {
            false if action.goes_along(target) && !self.config.keep => Deed::Do,
            must => Deed::DoAndKeep { must },
        }
    }

    /// Whether a task is a transaction, by itself or with its stage.
    pub(super) fn is_transaction(&self, task: u32) -> bool {
        self.plan.tasks[task as usize].more().policy.transaction || self.transaction_stage(task).is_some()
    }

    fn transaction_stage(&self, task: u32) -> Option<u32> {
        let stage = self.plan.tasks[task as usize].stage?;
        self.plan.stages[stage as usize].policy.transaction.then_some(stage)
    }

    /// A task of a stage that is a transaction failed: no other task of it goes on.
    pub(super) fn stage_failed(&mut self, task: u32) {
        let Some(stage) = self.transaction_stage(task) else { return };
        if self.failed_stages.insert(stage) && self.course == Course::Going {
            let why =
                format!("task {} failed, and its stage is a transaction", self.plan.tasks[task as usize].id);
            self.close_stage(stage, &why);
        }
    }

    /// Takes a failed stage back when the last of its tasks has ended.
    pub(super) fn undo_stage(&mut self, task: u32) {
        let Some(stage) = self.transaction_stage(task).filter(|stage| self.failed_stages.contains(stage))
        else {
            return;
        };
        let open = |t: &u32| self.state.tasks[*t as usize].end.is_none();
        let within = |t: &u32| self.state.is_within(*t, Scope::Stage(stage));
        if !(0..self.plan.tasks.len() as u32).filter(within).any(|t| open(&t)) {
            self.failed_stages.remove(&stage);
            self.begin_undo(Scope::Stage(stage), None);
        }
    }

    /// Begins to take a scope back; false where there is nothing to take back.
    pub(super) fn begin_undo(&mut self, scope: Scope, cause: Option<Failure>) -> bool {
        if matches!(scope, Scope::Task(task) if !self.plan.tasks[task as usize].more().policy.transaction) {
            // Its stage is the transaction.
            return false;
        }
        if self.passes.iter().any(|pass| pass.scope == scope) {
            // A driver that takes a run up may come to a scope in two ways: what a refused batch began to take
            // back is among what is being taken back.
            return true;
        }
        let mut left = self.state.undoable(scope);
        let going = self.state.undoing.contains(&scope);
        if left.is_empty() && !going {
            return false;
        }
        // They are taken from the end.
        left.reverse();
        if !going {
            self.emit(Event::UndoStarted { scope });
        }
        let error = self.state.not_undoable(scope).first().map(|at| {
            let message = format!("{} changed something and cannot be taken back", self.name_of(*at));
            Failure::new(Code::CannotUndo, message)
        });
        self.passes.push(Pass { left, error, ..Pass::new(scope, cause) });
        self.advance_undo();
        true
    }

    /// Begins the next step of each pass that has none under way. True when that did something.
    pub(super) fn advance_undo(&mut self) -> bool {
        let mut did = false;
        let mut at = 0;
        while at < self.passes.len() {
            if self.passes[at].current.is_some() || matches!(self.course, Course::Interrupting { .. }) {
                at += 1;
                continue;
            }
            did = true;
            match self.passes[at].left.pop() {
                Some(step) => self.undo_step(at, step),
                None => {
                    let pass = self.passes.remove(at);
                    self.end_pass(pass);
                }
            }
        }
        did
    }

    fn undo_step(&mut self, pass: usize, at: At) {
        let plan = self.plan.clone();
        let step = &plan.tasks[at.task as usize].steps[at.step as usize];
        let key = (at.task, at.host);
        let (Some(action), Some((_, before))) =
            (self.config.actions.get(&step.action).cloned(), self.state.undo.get(&at).cloned())
        else {
            return;
        };
        // What the step was given is rendered again only by its action, which knows what it kept.
        let none = Box::new(Strand::restore(key, &plan.tasks[at.task as usize], &self.state));
        let was = self.strands.insert(key, none);
        let scope = self.scope_of(key, Some(step), BTreeMap::new(), None);
        match was {
            Some(strand) => self.strands.insert(key, strand),
            None => self.strands.remove(&key),
        };
        let place = self.place(key, at, Matter::UndoPlace, step, |_| scope.clone());
        self.passes[pass].current = Some(at);
        let Some(place) = place else { return };
        self.inquiries.forget(key);
        self.passes[pass].current = None;
        let target = match place {
            Ok(target) => target,
            Err(error) => {
                let error = Box::new(error);
                self.passes[pass].error.get_or_insert_with(|| (*error).clone());
                return self.emit(Event::StepUndone { at, error: Some(error) });
            }
        };
        if let Some(error) = self.passes[pass].away.get(&target.host) {
            let error = Some(Box::new(error.clone()));
            return self.emit(Event::StepUndone { at, error });
        }
        self.passes[pass].place = Some(target.host.clone());
        self.passes[pass].current = Some(at);
        self.count_start(key);
        self.orders.push(Order::Start(Box::new(Start {
            at,
            attempt: self.state.step(at).map_or(1, |run| run.attempts),
            action,
            host: self.host_of(key).clone(),
            target,
            input: serde_json::Value::Null,
            scope,
            environment: BTreeMap::new(),
            late: None,
            limit_ms: Some(STEP_LIMIT_MS),
            no_log: step.more().no_log,
            deed: Deed::Undo(before),
            scopes: self.scopes_of(key),
            notes: Arc::default(),
            then: Vec::new(),
        })));
    }

    /// An executor has taken a step back, or could not.
    pub(super) fn undone(&mut self, done: Finished) {
        self.count_stop((done.at.task, done.at.host));
        let Some(pass) = self.passes.iter_mut().find(|pass| pass.current == Some(done.at)) else { return };
        pass.current = None;
        let place = pass.place.take();
        let error = match done.result {
            Ok(output) if !output.failed => None,
            Ok(output) => Some(output.error.unwrap_or_else(|| Failure::new(Code::CannotUndo, "it failed"))),
            Err(error) => Some(error),
        };
        if done.cancelled && error.is_some() && matches!(self.course, Course::Interrupting { .. }) {
            // The resume takes it back again.
            pass.left.push(done.at);
            return;
        }
        let redactor = &self.config.redactor;
        let error = error.map(|error| Failure { message: redactor.text(&error.message), ..error });
        if pass.error.is_none() {
            pass.error.clone_from(&error);
        }
        if let (Some(place), Some(error)) = (place, &error)
            && matches!(error.code, Code::Unreachable | Code::GateLost)
        {
            pass.away.insert(place, error.clone());
        }
        let error = error.map(Box::new);
        self.emit(Event::StepUndone { at: done.at, error });
        self.advance_undo();
    }

    /// Where the step is that a pass stands at is known now: it is taken back next.
    pub(super) fn undo_place_found(&mut self, at: At) {
        if let Some(pass) = self.passes.iter_mut().find(|pass| pass.current == Some(at)) {
            pass.current = None;
            pass.left.push(at);
            self.advance_undo();
        }
    }

    fn end_pass(&mut self, pass: Pass) {
        let Pass { scope, cause, error, .. } = pass;
        let whole = error.is_none();
        self.emit(Event::UndoFinished { scope, error: error.clone().map(Box::new) });
        match scope {
            Scope::Task(task) => {
                let end = if whole { TaskEnd::Undone } else { TaskEnd::Failed };
                let cause = cause.or_else(|| self.failure_of(task)).or(error);
                let reason = cause.as_ref().map(|cause| cause.message.clone());
                self.finish_task(task, end, reason, None, cause);
            }
            Scope::Stage(_) => {}
            Scope::Global | Scope::Pipeline => {
                let (status, error) = match error {
                    None => {
                        (RunStatus::Aborted, Failure::new(Code::Aborted, "what the run did was taken back"))
                    }
                    Some(error) => (RunStatus::Failed, error),
                };
                self.course = Course::Leaving(Event::RunFinished { status, error: Some(error.into()) });
            }
        }
    }

    /// Takes a whole run back that has ended.
    pub(super) fn open_undo(&mut self) {
        if self.state.undoing.contains(&Scope::Global) {
            self.emit(Event::RunStarted { pid: self.config.pid, resumed: true });
        }
        if !self.begin_undo(Scope::Global, None) {
            self.emit(Event::UndoStarted { scope: Scope::Global });
            self.end_pass(Pass::new(Scope::Global, None));
        }
    }

    /// Goes on with what an earlier driver was taking back. Tasks come to it by themselves, when their strands
    /// are found to be over.
    pub(super) fn resume_undo(&mut self) {
        let stages: Vec<Scope> =
            self.state.undoing.iter().copied().filter(|scope| matches!(scope, Scope::Stage(_))).collect();
        for scope in stages {
            self.begin_undo(scope, None);
        }
    }

    /// Goes on with a task that an earlier driver was taking back, and that this one does not come to otherwise,
    /// because the run ends first or something that it needs is lost. False where nobody is at it.
    pub(super) fn ends_undone(&mut self, task: u32) -> bool {
        let scope = Scope::Task(task);
        self.state.undoing.contains(&scope) && self.begin_undo(scope, self.failure_of(task))
    }
}
