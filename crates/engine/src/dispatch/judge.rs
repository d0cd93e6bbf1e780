//! What came of an attempt: a success, a failure, or another attempt.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use windlass_expr::{Lookup, Vars};
use windlass_model::{At, Code, Detail, Event, Failure, Note, Outcome, Retry, RetryOn, Status, Step, Usage};

use super::message::{Finished, Matter, Order, Timer};
use super::strand::{Doing, StrandKey, fields_of};
use super::verdict::Attempt;
use super::{Course, Dispatcher, failures};
use crate::action::Output;

/// What an attempt leads to.
pub(super) enum Judged {
    Final(Outcome),
    Again(Failure, u64, Option<Usage>),
    /// Not yet: an executor asks what its conditions ask.
    Later,
}

impl Dispatcher {
    /// An executor is done with an attempt.
    pub(super) fn finished(&mut self, done: Finished) {
        if self.passes.iter().any(|pass| pass.current == Some(done.at)) {
            return self.undone(done);
        }
        let Some(done) = self.hear(done) else { return };
        let key = (done.at.task, done.at.host);
        let succeeded = done.result.as_ref().is_ok_and(|output| !output.failed);
        if self.convoy_ended(key, done.at, succeeded) {
            self.count_stop(key);
        }
        // An attempt that failed leaves nothing behind in the run's state.
        for (scope, name, value) in done.writes.into_iter().filter(|_| succeeded) {
            self.set_value(scope, name, value);
        }
        if done.cancelled && !succeeded {
            return self.cancelled(key, done.at, &done.result);
        }
        let result = match done.result {
            result if done.timed_out && !succeeded => {
                let own = self.plan.tasks[key.0 as usize].steps[done.at.step as usize].more().timeout_ms;
                let (error, usage) = (self.timed_out(key, "the step", own), self.cut_usage(done.at, &result));
                Ok(Output { failed: true, error: Some(error), usage, ..Output::default() })
            }
            Err(error) if error.code == Code::ActionPanicked => {
                let (error, usage) = (Some(error.clone()), self.cut_usage(done.at, &Err(error)));
                Ok(Output { failed: true, error, usage, ..Output::default() })
            }
            result => result,
        };
        if self.judge(key, done.at, result) {
            self.go_on(key);
        }
    }

    /// What an attempt used that was cut off: what it could still tell, otherwise the most that it can be.
    fn cut_usage(&self, at: At, result: &Result<Output, Failure>) -> Option<Usage> {
        let told = result.as_ref().ok().and_then(|output| output.usage.clone());
        told.or_else(|| self.state.most(at))
    }

    /// An attempt was ended by an order. Where the run is to be resumed the step is in doubt, and no end of it is
    /// written; what it could still tell is not forgotten.
    pub(super) fn cancelled(&mut self, key: StrandKey, at: At, result: &Result<Output, Failure>) {
        let usage = self.cut_usage(at, result);
        if matches!(self.course, Course::Interrupting { .. }) {
            let told = result.as_ref().ok().and_then(|output| output.usage.as_ref());
            if let Some(used) = told.filter(|_| self.state.reserved.contains_key(&at)) {
                let note = Note { used: self.state.untold(at, used), ..Note::default() };
                let attempt = self.state.step(at).map_or(0, |run| run.attempts);
                self.emit(Event::StepNoted { at, attempt, note: Arc::new(note) });
            }
            // The loop in `work` parks it, after what always runs.
            let strand = self.strand(key);
            if (strand.walk.cursor) >= self.plan.tasks[key.0 as usize].cleanup {
                let error = Failure::new(Code::Cancelled, "the step was ended before it was done");
                return self.end_with(key, Status::Cancelled, error, usage);
            }
            return self.wake(key);
        }
        let error = Failure::new(Code::Cancelled, "the step was ended before it was done");
        self.end_with(key, Status::Cancelled, error, usage);
    }

    pub(super) fn end_with(&mut self, key: StrandKey, status: Status, error: Failure, usage: Option<Usage>) {
        let detail = Detail { error: Some(error), usage, ..Detail::default() };
        let outcome = Outcome { status, duration_ms: 0, detail: Some(Arc::new(detail)) };
        self.finish(key, outcome);
        self.go_on(key);
    }

    /// The failure of what had a time of its `own`, or none, and was ended by whichever limit came first.
    pub(super) fn timed_out(&mut self, key: StrandKey, what: &str, own: Option<u64>) -> Failure {
        let task = self.plan.tasks[key.0 as usize].more().policy.timeout_ms;
        let deadline = self.strands.get(&key).and_then(|strand| strand.deadline);
        if deadline.is_some_and(|deadline| self.now >= deadline) {
            return failures::task_expired_failure(task);
        }
        let limit = failures::duration(self.own_limit(own).or(task).unwrap_or_default());
        Failure::new(Code::StepTimeout, format!("{what} took longer than {limit}"))
            .hint("raise its timeout, or look at why it is slow")
    }

    /// Takes the result of an attempt. True when the strand can go on at once.
    pub(super) fn judge(&mut self, key: StrandKey, at: At, result: Result<Output, Failure>) -> bool {
        let no_log = self.plan.tasks[at.task as usize].steps[at.step as usize].more().no_log;
        let mut attempt = Attempt::of(result, no_log);
        self.config.redactor.value(&mut attempt.result);
        if let Some(error) = &mut attempt.error {
            error.message = self.config.redactor.text(&error.message);
            error.hint = error.hint.take().map(|hint| self.config.redactor.text(&hint));
        }
        self.weigh(key, at, attempt)
    }

    /// Judges an attempt. True when the strand can go on at once.
    pub(super) fn weigh(&mut self, key: StrandKey, at: At, attempt: Attempt) -> bool {
        let plan = self.plan.clone();
        let step = &plan.tasks[at.task as usize].steps[at.step as usize];
        let more = step.more();
        let until = more.until.as_ref().map(|until| &until.conditions);
        let conditions = [more.failed_when.as_ref(), more.changed_when.as_ref(), until];
        // Conditions that ask are asked one after another, and each time it is judged from the beginning.
        let kept = conditions.into_iter().flatten().any(|all| self.asks.any(all)).then(|| attempt.clone());
        let mut outcome = match self.apply_conditions(key, at, step, attempt) {
            Judged::Later => {
                self.inquiries.judging.extend(kept.map(|attempt| (at, attempt)));
                return false;
            }
            Judged::Final(outcome) => outcome,
            Judged::Again(error, delay_ms, usage) => {
                self.again(key, at, error, delay_ms, usage);
                return false;
            }
        };
        outcome = self.let_through(step, outcome);
        self.export(key, step, &outcome);
        self.finish(key, outcome);
        self.check_overdraft();
        true
    }

    /// `failed_when`, `changed_when`, `until` and the retry policy, in this order, as in Ansible.
    pub(super) fn apply_conditions(
        &mut self,
        key: StrandKey,
        at: At,
        step: &Step,
        mut attempt: Attempt,
    ) -> Judged {
        let more = step.more();
        if attempt.unknown {
            // Conditions would judge what is not known.
            return Judged::Final(attempt.outcome());
        }
        if let Some(conditions) = &more.failed_when {
            let Some(held) = self.holds(key, (at, Matter::Failed), step, conditions, &attempt) else {
                return Judged::Later;
            };
            match held {
                Ok(true) if attempt.error.is_none() => {
                    attempt.error = Some(
                        Failure::new(
                            Code::FailedWhen,
                            format!("failed_when holds: {}", conditions.join(" and ")),
                        )
                        .hint("the step itself succeeded; its result is shown with the step"),
                    );
                }
                Ok(true) => {}
                Ok(false) => attempt.pardon(),
                Err(error) => return Judged::Final(attempt.broken(error)),
            }
        }
        if let Some(conditions) = &more.changed_when {
            let Some(held) = self.holds(key, (at, Matter::Changed), step, conditions, &attempt) else {
                return Judged::Later;
            };
            match held {
                Ok(changed) => attempt.change(changed),
                Err(error) => return Judged::Final(attempt.broken(error)),
            }
        }
        let tried = self.strand(key).attempts;
        if let Some(until) = &more.until {
            if let Json::Object(fields) = &mut attempt.result {
                fields.insert("attempts".into(), json!(tried));
            }
            let Some(held) = self.holds(key, (at, Matter::Until), step, &until.conditions, &attempt) else {
                return Judged::Later;
            };
            return match held {
                Ok(true) => Judged::Final(attempt.outcome()),
                Ok(false) if tried <= until.retries => {
                    let error = attempt.error.clone().unwrap_or_else(|| unmet(&until.conditions, tried));
                    Judged::Again(error, until.delay_ms, attempt.usage)
                }
                Ok(false) => {
                    let error = attempt.error.take().unwrap_or_else(|| unmet(&until.conditions, tried));
                    Judged::Final(attempt.broken(error))
                }
                Err(error) => Judged::Final(attempt.broken(error)),
            };
        }
        if let (Some(error), Some(retry)) = (&attempt.error, self.retry_of(key, step)) {
            let may = match retry.on {
                RetryOn::Any => !error.permanent,
                RetryOn::Transient => error.transient,
            };
            let alive = self.goes(key.0) && self.strand(key).deadline.is_none_or(|at| at > self.now);
            if may && alive && tried < retry.max_attempts {
                let spread = self.draw();
                return Judged::Again(error.clone(), retry.delay_ms(tried, spread), attempt.usage);
            }
        }
        Judged::Final(attempt.outcome())
    }

    /// Whether all conditions hold over a result: its fields by name, and the whole by the registered name. `None`
    /// while an executor asks.
    fn holds(
        &mut self,
        key: StrandKey,
        (at, matter): (At, Matter),
        step: &Step,
        conditions: &[String],
        attempt: &Attempt,
    ) -> Option<Result<bool, Failure>> {
        let mut own = self.own_names(at, step);
        let fields = fields_of(&attempt.outcome());
        let result = Json::Object(fields.clone());
        if let Some(register) = &step.more().register {
            own.insert(register.clone(), windlass_expr::from_json(&result));
        }
        own.insert("result".into(), windlass_expr::from_json(&result));
        let below: Arc<dyn Lookup> = Arc::new(Vars::new(fields));
        let scope = |this: &Self| this.scope_of(key, Some(step), own, Some(below));
        Some(self.conditions(at, matter, conditions, scope)?.map(|unmet| unmet.is_none()))
    }

    /// The retry policy of a step: its own, its task's, its stage's or the run's, the nearest that there is.
    pub(super) fn retry_of(&self, key: StrandKey, step: &Step) -> Option<Retry> {
        let task = &self.plan.tasks[key.0 as usize];
        let stage = task.stage.and_then(|stage| self.plan.stages[stage as usize].policy.retry);
        step.more().retry.or(task.more().policy.retry).or(stage).or(self.plan.policy.retry)
    }

    pub(super) fn again(
        &mut self,
        key: StrandKey,
        at: At,
        error: Failure,
        delay_ms: u64,
        usage: Option<Usage>,
    ) {
        let attempt = self.state.step(at).map_or(0, |run| run.attempts);
        self.emit(Event::StepRetried {
            at,
            attempt,
            error: Box::new(error),
            delay_ms,
            used: usage.map(Box::new),
        });
        if self.is_closed(key.0) {
            self.wake(key)
        } else {
            self.sleep(key, delay_ms)
        }
        self.check_overdraft();
    }

    pub(super) fn sleep(&mut self, key: StrandKey, delay_ms: u64) {
        let at = self.now + delay_ms;
        let strand = self.strand(key);
        strand.doing = Doing::Sleeping;
        strand.waits += 1;
        let wait = strand.waits;
        self.orders.push(Order::Wake { at, timer: Timer::Strand { key, wait } });
    }
}

pub(super) fn unmet(conditions: &[String], tried: u32) -> Failure {
    let times = if tried == 1 { "once".to_owned() } else { format!("{tried} times") };
    Failure::new(
        Code::UntilUnmet,
        format!("until does not hold after it was tried {times}: {}", conditions.join(" and ")),
    )
    .hint("raise retries or delay, or look at the step's result")
}
