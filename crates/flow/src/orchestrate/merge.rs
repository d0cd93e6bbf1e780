//! What came of a task becomes a part of the run.

use windlass_llm::Tokens;
use windlass_llm::catalogue::Model;
use windlass_model::{Money, Usage};

use super::drive::Drive;
use super::prepare::Prepared;
use super::{Answer, Error, Fault, Mode, Parts, TaskError, TaskState};

/// What came of asking, as the loop sees it.
pub(super) enum Came {
    /// The executor came back.
    Back(Result<Answer, Fault>),
    /// It did not, although its time was over, or the run's.
    Lost {
        /// Whether it was the run's.
        aborted: bool,
    },
}

/// What these tokens are in a report.
pub(super) fn usage(parts: &Parts, model: &Model, tokens: &Tokens) -> Usage {
    let Tokens { input, output, cache_read, cache_write } = *tokens;
    let kinds = windlass_model::Tokens { input, output, cache_read, cache_write };
    Usage::of(kinds, parts.calculator.settle(model, tokens))
}

impl Drive<'_> {
    /// Takes what came of a task into the run.
    pub(super) fn merge(&mut self, at: usize, prepared: &Prepared, came: Came) {
        if self.flow.parts.mode == Mode::Compatible && self.failure.is_some() {
            // As claude-workflow has it: what comes after a failure in a batch is not looked at.
            return;
        }
        match came {
            Came::Back(Ok(answer)) if answer.tokens.total() == 0 => {
                self.record_bound(at, prepared);
                self.fail(at, "invalid_result", "the executor told no usage".into());
            }
            Came::Back(Ok(answer)) => self.answered(at, prepared, answer),
            Came::Back(Err(fault)) => {
                self.record_fault(at, prepared, &fault);
                let code = match (fault.cancelled, self.late(at)) {
                    (_, true) => "timeout",
                    (true, false) => "cancelled",
                    (false, false) => "execution_failed",
                };
                self.fail(at, code, fault.message);
            }
            Came::Lost { aborted } => {
                self.record_bound(at, prepared);
                let code = if aborted { "cancelled" } else { "timeout" };
                self.fail(at, code, "the executor did not come back in time".into());
            }
        }
    }

    fn answered(&mut self, at: usize, prepared: &Prepared, answer: Answer) {
        let parts = &self.flow.parts;
        let used = usage(parts, &prepared.model, &answer.tokens);
        parts.sizer.learn(&prepared.model, &prepared.call, &answer.tokens);
        if let Err(error) = self.record(at, prepared, &used) {
            if parts.mode == Mode::Compatible {
                return self.fail_with(at, TaskError::new("budget_exceeded", error.to_string()), error);
            }
            self.overdrawn(error);
        }
        let state = self.state(at);
        if let Some(report) = self.report.tasks.get_mut(&self.tasks[at].id) {
            report.state = TaskState::Completed;
            report.output = Some(answer.output.into());
        }
        if let Err(error) = self.scheduler.done(at, state) {
            return self.fail_with(at, TaskError::new("scheduler_error", error.to_string()), error);
        }
        self.route(at);
    }

    /// Brings a task's output to those that need it.
    fn route(&mut self, at: usize) {
        let id = self.tasks[at].id.clone();
        let output = self.report.tasks.get(&id).and_then(|report| report.output.clone());
        for next in self.graph.next[at].clone() {
            let written = |name: &str| self.tasks[next].inputs.contains_key(name);
            let router = &self.flow.parts.router;
            if router.route(&id, output.as_ref(), &mut self.inputs[next], &written) {
                self.routed[next].insert(at);
            }
        }
    }

    /// Counts what a task used, whatever came of it.
    pub(super) fn record(&mut self, at: usize, prepared: &Prepared, used: &Usage) -> Result<(), Error> {
        let (parts, id) = (&self.flow.parts, self.tasks[at].id.clone());
        let budget = &self.flow.policy.budget;
        let recorded = parts.enforcer.record(budget, &mut self.report.usage, used);
        if recorded.is_err() && parts.mode == Mode::Compatible {
            return recorded;
        }
        parts.tracker.add(&id, &prepared.model.id, used, &mut self.report.usage);
        if let Some(report) = self.report.tasks.get_mut(&id) {
            report.usage.add(used);
        }
        recorded
    }

    /// Counts what a fault took; where nobody knows, the most that it can have taken.
    fn record_fault(&mut self, at: usize, prepared: &Prepared, fault: &Fault) {
        match &fault.spent {
            _ if self.flow.parts.mode == Mode::Compatible => {}
            Some(tokens) => {
                let used = usage(&self.flow.parts, &prepared.model, tokens);
                let recorded = self.record(at, prepared, &used);
                recorded.unwrap_or_else(|error| self.overdrawn(error));
            }
            None if fault.unknown => self.record_bound(at, prepared),
            None => {}
        }
    }

    /// Counts the most that a task can have used, and says that it is that.
    pub(super) fn record_bound(&mut self, at: usize, prepared: &Prepared) {
        if self.flow.parts.mode == Mode::Compatible || prepared.cost.amount == Money::ZERO {
            return;
        }
        let used = Usage { cost: prepared.cost.clone(), ..Usage::default() }.as_bound();
        let recorded = self.record(at, prepared, &used);
        recorded.unwrap_or_else(|error| self.overdrawn(error));
    }

    /// More was used than there was: the last word about how much stands.
    fn overdrawn(&mut self, error: Error) {
        match &mut self.failure {
            Some(Error::Overdrawn(_)) | None => self.failure = Some(error),
            Some(_) => {}
        }
    }

    fn fail(&mut self, at: usize, code: &'static str, message: String) {
        let run = Error::TaskFailed { task: self.tasks[at].id.clone(), code, message: message.clone() };
        self.fail_with(at, TaskError::new(code, message), run);
    }

    /// A task failed, and the run with it. The first reason is the run's.
    pub(super) fn fail_with(&mut self, at: usize, error: TaskError, run: Error) {
        if let Some(report) = self.report.tasks.get_mut(&self.tasks[at].id) {
            report.state = TaskState::Failed;
            report.error = Some(error);
        }
        self.failure.get_or_insert(run);
    }
}
