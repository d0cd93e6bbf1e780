//! What came of an attempt: a success, a failure, another attempt; then on to the next step.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use windlass_model::{
    At, Code, Detail, Event, Failure, Outcome, Retry, RetryOn, RunStatus, Status, Step, TaskEnd,
};

use super::ending;
use super::message::{Finished, Order, Timer};
use super::step::{expression, first_false, is_by_condition};
use super::strand::{Doing, StrandKey};
use super::{Course, Dispatcher};
use crate::action::Output;

/// What later steps, events and artifacts see of a result that says `no_log`.
const CENSORED: &str = "the result is hidden because the step says no_log";

impl Dispatcher {
    /// An executor is done with an attempt.
    pub(super) fn finished(&mut self, done: Finished) {
        let key = (done.at.task, done.at.host);
        if self
            .strands
            .get(&key)
            .is_none_or(|strand| strand.doing != Doing::Running || strand.at() != done.at)
        {
            return;
        }
        self.running -= 1;
        self.ready.stopped(self.plan.tasks[key.0 as usize].stage);
        let succeeded = done.result.as_ref().is_ok_and(|output| !output.failed);
        // An attempt that failed leaves nothing behind in the run's state.
        for (scope, name, value) in done.writes.into_iter().filter(|_| succeeded) {
            self.set_value(scope, name, value);
        }
        if done.cancelled && !succeeded {
            return self.cancelled(key, done.at);
        }
        let result =
            if done.timed_out && !succeeded { Err(self.timed_out(key, done.at)) } else { done.result };
        if self.judge(key, done.at, result) {
            self.wake(key);
        }
    }

    /// An attempt was ended by an order. Where the run is to be resumed nothing is written: the step is in doubt.
    fn cancelled(&mut self, key: StrandKey, at: At) {
        if matches!(self.course, Course::Interrupting { .. }) {
            // The loop in `work` parks it, after what always runs.
            let strand = self.strand(key);
            if (strand.walk.cursor) >= self.plan.tasks[key.0 as usize].cleanup {
                let error = Failure::new(Code::Cancelled, "the step was ended before it was done");
                return self.end_with(key, at, Status::Cancelled, error);
            }
            return self.wake(key);
        }
        let error = Failure::new(Code::Cancelled, "the step was ended before it was done");
        self.end_with(key, at, Status::Cancelled, error);
    }

    fn end_with(&mut self, key: StrandKey, _at: At, status: Status, error: Failure) {
        let outcome = Outcome { status, ..Outcome::failed(error) };
        self.finish(key, outcome);
        self.wake(key);
    }

    fn timed_out(&mut self, key: StrandKey, at: At) -> Failure {
        let now = self.now;
        let step = &self.plan.tasks[at.task as usize].steps[at.step as usize];
        let limit = step.more().timeout_ms.unwrap_or_default();
        let deadline = self.strand(key).deadline;
        if deadline.is_some_and(|deadline| now >= deadline) {
            return ending::task_expired_failure(self.plan.tasks[at.task as usize].more().policy.timeout_ms);
        }
        Failure::new(Code::StepTimeout, format!("the step took longer than {}", ending::duration(limit)))
            .hint("raise its timeout, or look at why it is slow")
    }

    /// Judges the result of an attempt. True when the strand can go on at once.
    pub(super) fn judge(&mut self, key: StrandKey, at: At, result: Result<Output, Failure>) -> bool {
        let plan = self.plan.clone();
        let step = &plan.tasks[at.task as usize].steps[at.step as usize];
        let mut attempt = Attempt::of(result, step.more().no_log);
        self.config.redactor.value(&mut attempt.result);
        if let Some(error) = &mut attempt.error {
            error.message = self.config.redactor.text(&error.message);
            error.hint = error.hint.take().map(|hint| self.config.redactor.text(&hint));
        }
        let mut outcome = match self.apply_conditions(key, at, step, attempt) {
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
    fn apply_conditions(&mut self, key: StrandKey, at: At, step: &Step, mut attempt: Attempt) -> Judged {
        let more = step.more();
        if let Some(conditions) = &more.failed_when {
            match self.holds(key, at, step, conditions, &attempt) {
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
            match self.holds(key, at, step, conditions, &attempt) {
                Ok(changed) => attempt.change(changed),
                Err(error) => return Judged::Final(attempt.broken(error)),
            }
        }
        let tried = self.strand(key).attempts;
        if let Some(until) = &more.until {
            if let Json::Object(fields) = &mut attempt.result {
                fields.insert("attempts".into(), json!(tried));
            }
            return match self.holds(key, at, step, &until.conditions, &attempt) {
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
            let alive =
                self.course == Course::Going && self.strand(key).deadline.is_none_or(|at| at > self.now);
            if may && alive && tried < retry.max_attempts {
                let spread = self.draw();
                return Judged::Again(error.clone(), retry.delay_ms(tried, spread), attempt.usage);
            }
        }
        Judged::Final(attempt.outcome())
    }

    /// Whether all conditions hold over a result: its fields by name, and the whole by the registered name.
    fn holds(
        &self,
        key: StrandKey,
        at: At,
        step: &Step,
        conditions: &[String],
        attempt: &Attempt,
    ) -> Result<bool, Failure> {
        let mut own = self.names_of(at, step);
        let result = super::strand::result_of(&attempt.outcome());
        if let Some(register) = &step.more().register {
            own.insert(register.clone(), windlass_expr::from_json(&result));
        }
        own.insert("result".into(), windlass_expr::from_json(&result));
        let scope = self.scope_of(key, Some(step), own, Some(&result));
        first_false(conditions, &scope).map(|failed| failed.is_none())
    }

    /// The retry policy of a step: its own, its task's, its stage's or the run's, the nearest that there is.
    fn retry_of(&self, key: StrandKey, step: &Step) -> Option<Retry> {
        let task = &self.plan.tasks[key.0 as usize];
        let stage = task.stage.and_then(|stage| self.plan.stages[stage as usize].policy.retry);
        step.more().retry.or(task.more().policy.retry).or(stage).or(self.plan.policy.retry)
    }

    fn again(
        &mut self,
        key: StrandKey,
        at: At,
        error: Failure,
        delay_ms: u64,
        usage: Option<windlass_model::Usage>,
    ) {
        let attempt = self.state.step(at).map_or(0, |run| run.attempts);
        self.emit(Event::StepRetried {
            at,
            attempt,
            error: Box::new(error),
            delay_ms,
            used: usage.map(Box::new),
        });
        self.sleep(key, delay_ms);
        self.check_overdraft();
    }

    fn sleep(&mut self, key: StrandKey, delay_ms: u64) {
        let at = self.now + delay_ms;
        let strand = self.strand(key);
        strand.doing = Doing::Sleeping;
        strand.waits += 1;
        let wait = strand.waits;
        self.orders.push(Order::Wake { at, timer: Timer::Strand { key, wait } });
    }

    /// A failure of a step that says `ignore_errors` counts as a success that keeps its error.
    pub(super) fn let_through(&self, step: &Step, outcome: Outcome) -> Outcome {
        if !step.more().ignore_errors || outcome.status != Status::Failed {
            return outcome;
        }
        let changed = outcome.result().get("changed").and_then(Json::as_bool).unwrap_or(false);
        let mut detail = outcome.detail.as_deref().cloned().unwrap_or_default();
        detail.reason = Some("it failed, and its errors are ignored".into());
        if let Json::Object(fields) = &mut detail.result {
            fields.insert("failed".into(), json!(true));
        } else {
            detail.result = json!({ "failed": true });
        }
        let status = if changed { Status::Changed } else { Status::Ok };
        Outcome { status, detail: Some(Arc::new(detail)), ..outcome }
    }

    /// Writes the keys that a step promises and that its action did not write: its result.
    fn export(&mut self, key: StrandKey, step: &Step, outcome: &Outcome) {
        if !matches!(outcome.status, Status::Ok | Status::Changed) {
            return;
        }
        for name in &step.more().produces {
            let scopes = self.scopes_of(key);
            if !scopes.iter().any(|scope| self.state.values.contains_key(&(*scope, name.clone()))) {
                let value = Arc::new(super::strand::result_of(outcome));
                self.set_value(windlass_model::Scope::Pipeline, name.clone(), Some(value));
            }
        }
    }

    /// Ends the step under a strand's cursor, or the loop's item, and moves on.
    pub(super) fn finish(&mut self, key: StrandKey, mut outcome: Outcome) {
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        let now = self.now;
        let strand = self.strand(key);
        let at = strand.at();
        if strand.began > 0 {
            outcome.duration_ms = now.saturating_sub(strand.began);
        }
        strand.attempts = 0;
        strand.began = 0;
        let item = strand.item.take();
        self.emit(Event::StepFinished { at, outcome: outcome.clone() });
        if let Some(item) = item {
            let pause =
                task.steps[at.step as usize].more().repeat.as_ref().map_or(0, |repeat| repeat.pause_ms);
            let last =
                self.state.expansions.get(&at.whole()).is_none_or(|e| item as usize + 1 >= e.items.len());
            if pause > 0 && !last && self.course == Course::Going {
                self.sleep(key, pause);
            }
            return;
        }
        let mut omitted = Vec::new();
        let strand = self.strand(key);
        let early = strand.early;
        strand.learn(task, &outcome);
        strand.walk.advance(task, outcome.status.is_success(), &mut omitted);
        let expired = strand.deadline.is_some_and(|deadline| now >= deadline) && !outcome.status.is_success();
        if expired {
            let from = strand.walk.cursor;
            strand.walk.abandon(task, from, &mut omitted);
        }
        if early && strand.walk.cursor as usize >= task.steps.len() {
            // The run is being interrupted: what always runs has run, and the rest is the resume's.
            strand.doing = Doing::Parked;
        }
        let failed = strand.walk.failed && !early;
        self.leave_out(key, omitted);
        if failed {
            self.fail_fast(key);
        }
    }

    /// The first failure of a run or a stage that says `fail_fast` ends it.
    fn fail_fast(&mut self, key: StrandKey) {
        if self.course != Course::Going {
            return;
        }
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        if plan.policy.fail_fast == Some(true) {
            let failure = ending::task_failed(&task.id, self.failure_of(key.0).as_ref());
            self.close(RunStatus::Failed, failure);
        } else if let Some(stage) = task.stage {
            if plan.stages[stage as usize].policy.fail_fast == Some(true) {
                let why = format!("task {} of the stage failed", task.id);
                self.close_stage(stage, &why);
            }
        }
    }

    /// The error of a task's first step that failed.
    pub(super) fn failure_of(&self, task: u32) -> Option<Failure> {
        let hosts = self.plan.hosts_of(&self.plan.tasks[task as usize]).len() as u32;
        let bad = |status| matches!(status, Status::Failed | Status::Unreachable | Status::Cancelled);
        (0..hosts)
            .flat_map(|host| self.state.steps_on(task, host))
            .rfind_bad(bad)
            .or_else(|| self.state.tasks[task as usize].detail.as_ref()?.error.clone())
    }

    /// A budget that was passed all the same ends the run: what is spent is spent, and no more is.
    fn check_overdraft(&mut self) {
        let Some(budget) = self.plan.policy.budget.clone() else { return };
        if self.course != Course::Going {
            return;
        }
        let nothing = windlass_model::Usage::default();
        let over = budget.tokens.is_some_and(|limit| self.state.used.tokens > limit)
            || budget.cost.as_ref().is_some_and(|limit| self.state.used.cost.amount > limit.amount);
        if over {
            let why = budget.refuses(&self.state.used, &nothing).unwrap_or_default();
            let spent = &self.state.used;
            let message = format!(
                "the budget is overdrawn: {} tokens and {} {} were used{}",
                spent.tokens,
                spent.cost.amount,
                spent.cost.currency,
                if why.is_empty() { String::new() } else { format!(" ({why})") }
            );
            self.close(RunStatus::Failed, Failure::new(Code::Overdrawn, message).permanent());
        }
    }

    /// The time of a task on one host is over.
    pub(super) fn task_expired(&mut self, key: StrandKey) {
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        let Some(strand) = self.strands.get(&key) else { return };
        let in_body = strand.walk.cursor < task.cleanup && !strand.early;
        match strand.doing {
            // Its executor has the same deadline.
            Doing::Running | Doing::Parked => {}
            _ if !in_body => {}
            _ => {
                self.wanting.remove(&key);
                let error = ending::task_expired_failure(task.more().policy.timeout_ms);
                self.expire(key, error);
            }
        }
    }

    /// Ends a waiting strand's current step with an error, and its body with it.
    fn expire(&mut self, key: StrandKey, error: Failure) {
        let whole = self.strand(key).item.is_some();
        self.finish(key, Outcome::failed(error.clone()));
        if whole {
            self.finish(key, Outcome::failed(error));
        }
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        let mut omitted = Vec::new();
        let strand = self.strand(key);
        let from = strand.walk.cursor;
        strand.walk.abandon(task, from, &mut omitted);
        self.leave_out(key, omitted);
        self.wake(key);
    }

    /// How a task with this many failures ends.
    pub(super) fn end_of(&self, task: u32) -> TaskEnd {
        let spec = &self.plan.tasks[task as usize];
        let hosts = self.plan.hosts_of(spec).len() as u32;
        let all = |test: &dyn Fn(&windlass_model::StepRun) -> bool| {
            (0..hosts).all(|host| self.state.steps_on(task, host).iter().all(test))
        };
        let by_condition = |run: &windlass_model::StepRun| run.outcome().is_some_and(|o| is_by_condition(&o));
        let left_out = |step: &Step| step.intent != windlass_model::Intent::Run;
        let nothing_to_run = !spec.steps.is_empty() && spec.steps.iter().all(left_out);
        if hosts == 0 || nothing_to_run || (!spec.more().when.is_empty() && all(&by_condition)) {
            return TaskEnd::Skipped;
        }
        TaskEnd::Completed
    }
}

/// Finds the error of the last step that ended badly and was not rescued: rescued ones come before it.
trait FindBad<'a> {
    fn rfind_bad(self, bad: impl Fn(Status) -> bool) -> Option<Failure>;
}

impl<'a, I: Iterator<Item = &'a windlass_model::StepRun>> FindBad<'a> for I {
    fn rfind_bad(self, bad: impl Fn(Status) -> bool) -> Option<Failure> {
        let errors = self.filter(|run| run.status().is_some_and(&bad));
        errors.filter_map(|run| run.detail.as_ref()?.error.clone()).next()
    }
}

/// An attempt's result on its way to an outcome.
struct Attempt {
    result: Json,
    changed: bool,
    skipped: Option<String>,
    unreachable: bool,
    error: Option<Failure>,
    usage: Option<windlass_model::Usage>,
}

/// What an attempt leads to.
enum Judged {
    Final(Outcome),
    Again(Failure, u64, Option<windlass_model::Usage>),
}

impl Attempt {
    fn of(result: Result<Output, Failure>, no_log: bool) -> Self {
        let output = match result {
            Ok(output) => output,
            Err(error) => Output { failed: true, error: Some(error), ..Output::default() },
        };
        let msg = output.result.get("msg").and_then(Json::as_str).map(str::to_owned);
        let mut error = output.failed.then(|| {
            let told =
                || Failure::new(Code::StepFailed, msg.clone().unwrap_or_else(|| "the step failed".into()));
            output.error.unwrap_or_else(told)
        });
        let mut result = if output.result.is_empty() { Json::Null } else { Json::Object(output.result) };
        if no_log {
            result = json!({ "censored": CENSORED, "changed": output.changed });
            error = error.map(|error| Failure { message: CENSORED.into(), hint: None, ..error });
        }
        Self {
            result,
            changed: output.changed,
            skipped: output.skipped.then(|| msg.unwrap_or_else(|| "there was nothing to do".into())),
            unreachable: output.unreachable,
            error,
            usage: output.usage,
        }
    }

    fn change(&mut self, changed: bool) {
        self.changed = changed;
        if let Json::Object(fields) = &mut self.result {
            fields.insert("changed".into(), json!(changed));
        }
    }

    /// `failed_when` says that it did not fail.
    fn pardon(&mut self) {
        self.error = None;
        self.unreachable = false;
        if let Json::Object(fields) = &mut self.result {
            fields.insert("failed".into(), json!(false));
        }
    }

    fn broken(mut self, error: Failure) -> Outcome {
        self.error = Some(error);
        self.outcome()
    }

    fn outcome(&self) -> Outcome {
        let status = match (&self.error, &self.skipped) {
            (Some(_), _) if self.unreachable => Status::Unreachable,
            (Some(_), _) => Status::Failed,
            (None, Some(_)) => Status::Skipped,
            (None, None) if self.changed => Status::Changed,
            (None, None) => Status::Ok,
        };
        let mut result = self.result.clone();
        if let (Json::Object(fields), Some(_)) = (&mut result, &self.error) {
            fields.insert("failed".into(), json!(true));
        }
        let detail = Detail {
            result,
            error: self.error.clone(),
            reason: self.skipped.clone().filter(|_| status == Status::Skipped),
            usage: self.usage.clone(),
            blocked: false,
        };
        let detail = (detail != Detail::default()).then(|| Arc::new(detail));
        Outcome { status, duration_ms: 0, detail }
    }
}

fn unmet(conditions: &[String], tried: u32) -> Failure {
    let times = if tried == 1 { "once".to_owned() } else { format!("{tried} times") };
    Failure::new(
        Code::UntilUnmet,
        format!("until does not hold after it was tried {times}: {}", conditions.join(" and ")),
    )
    .hint("raise retries or delay, or look at the step's result")
}

/// An expression of a task's outputs that failed.
pub(super) fn output_failed(name: &str, error: &windlass_expr::Error) -> Failure {
    expression(&format!("output {name}"), error)
}
