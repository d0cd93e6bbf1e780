//! Ends a step on a host, and goes on to the next.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use windlass_model::{At, Event, Failure, Outcome, RunStatus, Status, Step};

use super::strand::{Doing, StrandKey, result_of};
use super::task::UNJUDGED;
use super::unforeseen::{foreseen, is_unforeseen};
use super::walk::{Omission, Omitted};
use super::{Course, Dispatcher, failures};

impl Dispatcher {
    /// A failure of a step that says `ignore_errors` counts as a success that keeps its error; so does a host
    /// that cannot be reached where the step says `ignore_unreachable`.
    pub(super) fn let_through(&self, step: &Step, outcome: Outcome) -> Outcome {
        let more = step.more();
        let (field, reason) = match outcome.status {
            // What a check cannot know has not failed, and there is nothing to ignore.
            _ if is_unforeseen(&outcome) => return outcome,
            Status::Failed if more.ignore_errors => ("failed", "it failed, and its errors are ignored"),
            Status::Unreachable if more.ignore_unreachable => {
                ("unreachable", "the host could not be reached, and that is ignored")
            }
            _ => return outcome,
        };
        let changed = outcome.result().get("changed").and_then(Json::as_bool).unwrap_or(false);
        let mut detail = outcome.detail.as_deref().cloned().unwrap_or_default();
        detail.reason = Some(reason.into());
        match &mut detail.result {
            Json::Object(fields) => {
                // As in Ansible: a host that is away has not failed.
                fields.remove("failed");
                fields.insert(field.into(), json!(true));
            }
            result => *result = json!({ field: true }),
        }
        let status = if changed { Status::Changed } else { Status::Ok };
        Outcome { status, detail: Some(Arc::new(detail)), ..outcome }
    }

    /// Writes the keys that a step promises and that its action did not write: its result.
    pub(super) fn export(&mut self, key: StrandKey, step: &Step, outcome: &Outcome) {
        if !matches!(outcome.status, Status::Ok | Status::Changed) {
            return;
        }
        for name in &step.more().produces {
            let scopes = self.scopes_of(key);
            if !scopes.iter().any(|scope| self.state.values.contains_key(&(*scope, name.clone()))) {
                let value = Arc::new(result_of(outcome));
                self.set_value(windlass_model::Scope::Pipeline, name.clone(), Some(value));
            }
        }
    }

    /// Ends the step under a strand's cursor, or the loop's item, and moves on.
    pub(super) fn finish(&mut self, key: StrandKey, outcome: Outcome) {
        let mut outcome = foreseen(outcome);
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
        self.inquiries.forget(key);
        self.emit(Event::StepFinished { at, outcome: outcome.clone() });
        if let Some(item) = item {
            let pause =
                task.steps[at.step as usize].more().repeat.as_ref().map_or(0, |repeat| repeat.pause_ms);
            let last =
                self.state.expansions.get(&at.whole()).is_none_or(|e| item as usize + 1 >= e.items.len());
            if pause > 0 && !last && self.goes(key.0) {
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
        self.wake_followers(key);
        if failed {
            self.fail_fast(key);
        }
    }

    /// Ends steps that the way leaves out.
    pub(super) fn leave_out(&mut self, key: StrandKey, omitted: Vec<Omitted>) {
        for (range, why) in omitted {
            for step in range {
                let at = At { task: key.0, host: key.1, step, item: None };
                if self.state.step(at).is_some_and(|run| run.status().is_some()) {
                    continue;
                }
                let outcome = match why {
                    Omission::NothingToRescue => Outcome::skipped("there is nothing to rescue"),
                    Omission::AfterFailure => Outcome::blocked("an earlier step failed"),
                };
                self.emit(Event::StepFinished { at, outcome });
            }
        }
    }

    /// The first failure of a run or a stage that says `fail_fast` ends it.
    pub(super) fn fail_fast(&mut self, key: StrandKey) {
        if self.course != Course::Going {
            return;
        }
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        if plan.policy.fail_fast == Some(true) {
            let failure = failures::task_failed(&task.id, self.failure_of(key.0).as_ref());
            self.close(RunStatus::Failed, failure);
        } else if let Some(stage) = task.stage
            && plan.stages[stage as usize].policy.fail_fast == Some(true)
        {
            let why = format!("task {} of the stage failed", task.id);
            self.close_stage(stage, &why);
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
            Doing::Running | Doing::Inquiring | Doing::Holding | Doing::Parked => {}
            _ if !in_body => {}
            _ => {
                self.wanting.remove(&key);
                let opening = strand.opening;
                let error = failures::task_expired_failure(task.more().policy.timeout_ms);
                if opening {
                    // The answer whether it is to run has come too late.
                    self.leave_out_all(key, &Outcome::failed(error).with_reason(UNJUDGED));
                } else {
                    self.expire(key, error);
                }
            }
        }
    }

    /// Ends a waiting strand's current step with an error, and its body with it.
    pub(super) fn expire(&mut self, key: StrandKey, error: Failure) {
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
}
