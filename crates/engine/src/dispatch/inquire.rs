//! What expressions ask that has effects of its own: an executor asks it, off the dispatcher, and its strand waits.
//!
//! Whatever a step or a task evaluates comes through here. Texts that only compute are evaluated at once. Where one
//! asks for a command, an address or a password, an [`Inquiry`] goes out as the start of a step does: when every
//! record before it is durable, within a limit, and to be ended by an order. What came of it is kept until the step
//! begins or ends; who asked comes the same way again and finds it, so that nothing is asked twice for one attempt.
//! What follows from it is in the journal: the items of a loop, a skipped step, a start, a result.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use windlass_expr::{Value, render_tree};
use windlass_model::{At, Code, Failure, Status};

use super::message::{Finding, Found, Inquiry, Matter, Order, Question};
use super::scope::{expression, first_false};
use super::strand::{Doing, StrandKey};
use super::unforeseen::is_gap;
use super::verdict::Attempt;
use super::{Course, Dispatcher};
use crate::action::Output;
use crate::vars::is_templated;

/// What is being asked, and what came of it.
#[derive(Default)]
pub(super) struct Inquiries {
    open: BTreeMap<At, Matter>,
    found: BTreeMap<(At, Matter), Result<Finding, Failure>>,
    /// Attempts that cannot be judged yet, as their executor told of them.
    pub judging: BTreeMap<At, Attempt>,
}

impl Inquiries {
    /// Forgets what a strand found: it was for the step that begins or ends now.
    pub(super) fn forget(&mut self, key: StrandKey) {
        if !self.found.is_empty() {
            self.found.retain(|(at, _), _| (at.task, at.host) != key);
        }
    }

    /// Forgets what a task found.
    pub(super) fn forget_task(&mut self, task: u32) {
        if !self.found.is_empty() {
            self.found.retain(|(at, _), _| at.task != task);
        }
    }
}

impl Question {
    /// Answers it, on whichever thread.
    pub(crate) fn answer(&self, scope: &Value) -> Result<Finding, Failure> {
        match self {
            Question::Conditions(conditions) => first_false(conditions, scope).map(Finding::Unmet),
            Question::Values { texts, unknown } => {
                let values = texts.iter().map(|(what, value)| render(what, value, scope, *unknown));
                Ok(Finding::Values(values.collect()))
            }
        }
    }
}

/// A value. With `unknown`, what it names and is not there may be there in a real run.
fn render(what: &str, value: &Json, scope: &Value, unknown: bool) -> Result<Json, Failure> {
    if !is_templated(value) {
        return Ok(value.clone());
    }
    render_tree(value, scope).map_err(|error| match is_gap(&error, unknown) {
        true => Failure::new(Code::Unforeseen, error.message).permanent(),
        false => expression(what, &error),
    })
}

impl Dispatcher {
    /// The first condition that does not hold. `None` while an executor asks.
    pub(super) fn conditions(
        &mut self,
        at: At,
        matter: Matter,
        conditions: &[String],
        scope: impl FnOnce(&Self) -> Value,
    ) -> Option<Result<Option<String>, Failure>> {
        if !self.asks.any(conditions) {
            return Some(first_false(conditions, &scope(self)));
        }
        let question = || Question::Conditions(conditions.to_vec());
        Some(self.inquire(at, matter, question, scope)?.map(Finding::unmet))
    }

    /// What texts are, each with a word for it. `None` while an executor asks.
    pub(super) fn values(
        &mut self,
        at: At,
        matter: Matter,
        texts: &[(&str, &Json)],
        scope: impl FnOnce(&Self) -> Value,
    ) -> Option<Result<Vec<Json>, Failure>> {
        let found = self.each_value(at, matter, texts, false, scope)?;
        Some(found.and_then(|values| values.into_iter().collect()))
    }

    /// What each of some texts is, where a check may know only a part of what they stand on. `None` while an executor
    /// asks.
    pub(super) fn each_value(
        &mut self,
        at: At,
        matter: Matter,
        texts: &[(&str, &Json)],
        unknown: bool,
        scope: impl FnOnce(&Self) -> Value,
    ) -> Option<Result<Vec<Result<Json, Failure>>, Failure>> {
        if !texts.iter().any(|(_, value)| is_templated(value)) {
            return Some(Ok(texts.iter().map(|(_, value)| Ok((*value).clone())).collect()));
        }
        if !texts.iter().any(|(_, value)| self.asks.value(value)) {
            let scope = scope(self);
            return Some(Ok(texts
                .iter()
                .map(|(what, value)| render(what, value, &scope, unknown))
                .collect()));
        }
        let owned = |(what, value): &(&str, &Json)| ((*what).to_owned(), (*value).clone());
        let question = || Question::Values { texts: texts.iter().map(owned).collect(), unknown };
        Some(self.inquire(at, matter, question, scope)?.map(Finding::values))
    }

    /// What was found; where nothing was, an executor is told to ask.
    fn inquire(
        &mut self,
        at: At,
        matter: Matter,
        question: impl FnOnce() -> Question,
        scope: impl FnOnce(&Self) -> Value,
    ) -> Option<Result<Finding, Failure>> {
        if let Some(found) = self.inquiries.found.get(&(at, matter)) {
            return Some(found.clone());
        }
        if self.inquiries.open.contains_key(&at) {
            return None;
        }
        let key = (at.task, at.host);
        let (scope, limit_ms) = (scope(self), self.limit(key, self.own_time(at, matter)));
        self.inquiries.open.insert(at, matter);
        self.count_start(key);
        if matter.is_of_strand() {
            self.strand(key).doing = Doing::Inquiring;
        }
        self.orders.push(Order::Inquire(Box::new(Inquiry { at, question: question(), scope, limit_ms })));
        None
    }

    /// The time of the step that asks, where it is a step.
    fn own_time(&self, at: At, matter: Matter) -> Option<u64> {
        let step = self.plan.tasks[at.task as usize].steps.get(at.step as usize);
        step.filter(|_| matter != Matter::TaskCondition).and_then(|step| step.more().timeout_ms)
    }

    /// Ends what is being asked for a task, or for all. What is being taken back goes on when the run ends.
    pub(super) fn end_inquiries(&mut self, task: Option<u32>) {
        let resumes = matches!(self.course, Course::Interrupting { .. });
        let ends = |at: &At, matter: &Matter| {
            (resumes || *matter != Matter::UndoPlace) && task.is_none_or(|task| task == at.task)
        };
        let open = self.inquiries.open.iter().filter(|(at, matter)| ends(at, matter));
        self.orders.extend(open.map(|(at, _)| Order::Cancel(*at)));
    }

    /// An executor has asked: who waits for it goes on.
    pub(super) fn found(&mut self, found: Found) {
        let Found { at, result, timed_out, cancelled } = found;
        let Some(matter) = self.inquiries.open.remove(&at) else { return };
        let key = (at.task, at.host);
        self.count_stop(key);
        let cut = cancelled && result.is_err();
        if cut && matches!(self.course, Course::Interrupting { .. }) {
            return self.leave_unasked(at, matter);
        }
        let result = match result {
            Err(_) if cut => Err(Failure::new(Code::Cancelled, "the step was ended before it was done")),
            Err(_) if timed_out => {
                let what = if matter == Matter::TaskCondition { "the task's condition" } else { "the step" };
                Err(self.timed_out(key, what, self.own_time(at, matter)))
            }
            result => result,
        };
        self.inquiries.found.insert((at, matter), result);
        match matter {
            Matter::Outputs => self.outputs_found(at.task),
            Matter::Rounds => self.end_rounds(),
            Matter::UndoPlace => self.undo_place_found(at),
            _ => self.strand_found(key, at, cut),
        }
    }

    /// The run stops to be resumed, and the resume asks again.
    fn leave_unasked(&mut self, at: At, matter: Matter) {
        let used = self.inquiries.judging.remove(&at).and_then(|attempt| attempt.usage);
        match matter {
            Matter::Outputs | Matter::Rounds => {}
            Matter::UndoPlace => self.undo_place_found(at),
            _ => self.cancelled(
                (at.task, at.host),
                at,
                &Ok(Output { failed: true, usage: used, ..Output::default() }),
            ),
        }
    }

    fn strand_found(&mut self, key: StrandKey, at: At, cut: bool) {
        match self.inquiries.judging.remove(&at) {
            None => self.wake(key),
            Some(attempt) if cut => {
                let error = Failure::new(Code::Cancelled, "the step was ended before it was judged");
                self.end_with(key, Status::Cancelled, error, attempt.usage);
            }
            Some(attempt) => {
                if self.weigh(key, at, attempt) {
                    self.go_on(key);
                }
            }
        }
    }

    /// Ends a task when nothing of what it hands on is being asked any more.
    fn outputs_found(&mut self, task: u32) {
        let mine = |(at, matter): (&At, &Matter)| at.task == task && *matter == Matter::Outputs;
        if !self.inquiries.open.iter().any(mine) {
            self.end_task(task);
        }
    }
}
