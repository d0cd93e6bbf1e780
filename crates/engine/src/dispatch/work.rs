//! Takes a strand up to the next point where it must wait.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_model::{
    At, Code, Event, Failure, Intent, OnDoubt, Outcome, Phase, Status, Step, Task, Verdict,
};

use super::message::{Matter, Order, Timer};
use super::strand::{Doing, StrandKey};
use super::task::{CONDITION, UNJUDGED, is_by_condition, is_unjudged};
use super::unforeseen::foreseen;
use super::{Course, Dispatcher};

/// Whether a strand can go on at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    On,
    Wait,
}

impl Dispatcher {
    /// Takes a strand on until it must wait or is done.
    pub(super) fn work(&mut self, key: StrandKey) {
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        // A strand may be queued twice, by an answer that comes while the run is being stopped.
        let stale = self.strands.get(&key).is_some_and(|strand| strand.doing != Doing::Ready);
        let over = self.hosts_left[key.0 as usize] == 0 || self.state.tasks[key.0 as usize].end.is_some();
        if stale || over {
            return;
        }
        let opening = self.strands.get(&key).is_none_or(|strand| strand.opening);
        if opening && !self.begin_strand(key, task) {
            return;
        }
        let owed = std::mem::take(&mut self.strand(key).owed);
        self.leave_out(key, owed);
        for _ in 0..super::QUANTUM {
            if self.broken.is_some() {
                return;
            }
            let strand = self.strand(key);
            if strand.doing != Doing::Ready {
                return;
            }
            if strand.walk.cursor as usize >= task.steps.len() {
                return self.strand_done(key);
            }
            let in_body = strand.walk.cursor < task.cleanup;
            let sent = strand.convoy.is_some();
            let pace = match &self.course {
                // Its executor does it whatever the run is heading for.
                _ if sent => self.step(key, task),
                Course::Interrupting { .. } if in_body => self.park(key),
                Course::Closing { .. } if in_body => {
                    self.abandon(key);
                    Pace::On
                }
                _ if in_body && self.is_closed(key.0) => {
                    self.abandon(key);
                    Pace::On
                }
                _ => self.step(key, task),
            };
            if pace == Pace::Wait {
                return;
            }
        }
        self.wake(key);
    }

    /// Makes a strand of a task that is ready; false when the task's own condition keeps it from running, or has to
    /// be asked.
    fn begin_strand(&mut self, key: StrandKey, task: &Task) -> bool {
        let (now, more) = (self.now, task.more());
        if let Some(why) = self.lost_before(key).filter(|_| self.course == Course::Going) {
            self.block_host(key, &why);
            let strand = self.strand(key);
            strand.walk.cursor = task.steps.len() as u32;
            self.strand_done(key);
            return false;
        }
        let strand = self.strand(key);
        strand.opening = false;
        if let (Some(timeout), None) = (more.policy.timeout_ms, strand.deadline) {
            strand.deadline = Some(now + timeout);
            self.orders.push(Order::Wake { at: now + timeout, timer: Timer::Task(key) });
        }
        let steps = self.state.steps_on(key.0, key.1);
        let fresh = steps.iter().all(|step| step.phase == Phase::Pending);
        // A crash may have come between the first step that was left out and the last.
        let left_out = |outcome: &Outcome| is_by_condition(outcome) || is_unjudged(outcome);
        let begun = steps.iter().find_map(|step| step.outcome().filter(left_out));
        let asks = !more.when.is_empty() && fresh && self.goes(key.0);
        if begun.is_none() && !asks {
            return true;
        }
        let reason = match begun {
            Some(outcome) => outcome,
            None => {
                let at = self.strand(key).at();
                let scope = |this: &Self| this.scope_of(key, None, BTreeMap::new(), None);
                match self.conditions(at, Matter::TaskCondition, &more.when, scope) {
                    None => {
                        self.strand(key).opening = true;
                        return false;
                    }
                    Some(Ok(None)) => return true,
                    Some(Ok(Some(condition))) => Outcome::skipped(format!("{CONDITION}{condition}")),
                    Some(Err(error)) => foreseen(Outcome::failed(error).with_reason(UNJUDGED)),
                }
            }
        };
        self.leave_out_all(key, &reason);
        false
    }

    /// Ends a task on a host of which nothing runs, not even what always does: its own condition is not met, or nobody
    /// can tell.
    pub(super) fn leave_out_all(&mut self, key: StrandKey, reason: &Outcome) {
        let steps = self.plan.tasks[key.0 as usize].steps.len() as u32;
        let failed = reason.status == Status::Failed;
        for step in 0..steps {
            let at = At { task: key.0, host: key.1, step, item: None };
            if self.state.step(at).is_some_and(|run| run.status().is_some()) {
                continue;
            }
            let outcome =
                if failed && step > 0 { Outcome::blocked("an earlier step failed") } else { reason.clone() };
            self.emit(Event::StepFinished { at, outcome });
        }
        let strand = self.strand(key);
        strand.walk.cursor = steps;
        strand.walk.failed = failed;
        self.wake_followers(key);
        self.strand_done(key);
    }

    /// Stops a strand between two steps; what always runs does so now, and again after the resume.
    pub(super) fn park(&mut self, key: StrandKey) -> Pace {
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        let begun = self.state.steps_on(key.0, key.1).iter().any(|step| step.phase != Phase::Pending);
        let strand = self.strand(key);
        if begun && (task.cleanup as usize) < task.steps.len() {
            strand.early = true;
            strand.item = None;
            strand.attempts = 0;
            strand.walk.cursor = task.cleanup;
            return Pace::On;
        }
        strand.doing = Doing::Parked;
        Pace::Wait
    }

    fn step(&mut self, key: StrandKey, task: &Task) -> Pace {
        let at = self.strand(key).at();
        let step = &task.steps[at.step as usize];
        let phase = self.state.step(at).map_or(Phase::Pending, |run| run.phase);
        match phase {
            // What always runs has run, when the run was about to be interrupted.
            Phase::Done(status) => {
                let mut omitted = Vec::new();
                self.strand(key).walk.advance(task, status.is_success(), &mut omitted);
                self.leave_out(key, omitted);
                Pace::On
            }
            Phase::InDoubt | Phase::Held => self.doubt(key, at, step),
            Phase::Asking => match self.state.approvals.get(&at).and_then(|approval| approval.answer.clone())
            {
                Some((approved, by, note)) => {
                    self.settle_answer(key, approved, &by, &note);
                    Pace::On
                }
                None => self.wait_as(key, Doing::Asking),
            },
            _ if step.intent != Intent::Run => {
                self.finish(key, Outcome::skipped(left_out(step)));
                Pace::On
            }
            _ if step.more().run_once && key.1 > 0 => self.follow(key, at),
            _ if step.more().repeat.is_some() && at.item.is_none() => self.next_item(key, step),
            _ => self.attempt(key, at, step),
        }
    }

    /// A step that the first host does for all: the others wait for it and have its result.
    fn follow(&mut self, key: StrandKey, at: At) -> Pace {
        match self.state.step(At { host: 0, ..at }).and_then(|run| run.outcome()) {
            Some(mut outcome) => {
                outcome.duration_ms = 0;
                // It was done once, and paid once.
                if let Some(detail) = outcome.detail.as_mut().filter(|detail| detail.usage.is_some()) {
                    Arc::make_mut(detail).usage = None;
                }
                self.finish(key, outcome);
                Pace::On
            }
            None => {
                self.wanting.insert(key);
                self.wait_as(key, Doing::Wanting)
            }
        }
    }

    /// Wakes who waits for what the first host of a task does for all.
    pub(super) fn wake_followers(&mut self, key: StrandKey) {
        let task = &self.plan.tasks[key.0 as usize];
        if key.1 > 0 || self.wanting.is_empty() || !task.steps.iter().any(|step| step.more().run_once) {
            return;
        }
        let keys: Vec<StrandKey> = self.wanting.range((key.0, 1)..=(key.0, u32::MAX)).copied().collect();
        for key in keys {
            self.wanting.remove(&key);
            self.wake(key);
        }
    }

    pub(super) fn wait_as(&mut self, key: StrandKey, doing: Doing) -> Pace {
        self.strand(key).doing = doing;
        Pace::Wait
    }

    /// A step that was under way when an earlier driver went away.
    pub(super) fn doubt(&mut self, key: StrandKey, at: At, step: &Step) -> Pace {
        let verdict = match step.more().on_doubt {
            OnDoubt::Rerun => Some(Verdict::Rerun),
            OnDoubt::Hold => self.config.in_doubt,
        };
        match verdict {
            Some(verdict) => {
                self.settle_doubt(key, at, verdict);
                Pace::On
            }
            None => {
                if self.state.step(at).is_some_and(|run| run.phase == Phase::InDoubt) {
                    self.emit(Event::StepHeld { at });
                }
                self.wait_as(key, Doing::Held)
            }
        }
    }

    /// A person decided about a step in doubt.
    pub(super) fn resolved(&mut self, at: At, verdict: Verdict) {
        let key = (at.task, at.host);
        self.strand(key).item = at.item;
        self.settle_doubt(key, at, verdict);
        self.go_on(key);
    }

    pub(super) fn settle_doubt(&mut self, key: StrandKey, at: At, verdict: Verdict) {
        self.emit(Event::DoubtResolved { at, verdict });
        match verdict {
            Verdict::Rerun => {}
            Verdict::Skip => self.finish(key, Outcome::skipped("in doubt, and taken as done")),
            Verdict::Fail => self.finish(key, Outcome::failed(in_doubt())),
        }
    }

    /// A person answered a question.
    pub(super) fn answered(&mut self, at: At, approved: bool, by: &str, note: &str) {
        let key = (at.task, at.host);
        // One that this driver has not begun finds the answer in its turn, which a window may put off.
        let Some(strand) = self.strands.get_mut(&key) else { return };
        if strand.walk.cursor == at.step && matches!(strand.doing, Doing::Asking | Doing::Ready) {
            strand.item = at.item;
            self.settle_answer(key, approved, by, note);
            self.go_on(key);
        }
    }

    pub(super) fn settle_answer(&mut self, key: StrandKey, approved: bool, by: &str, note: &str) {
        let result = serde_json::json!({ "approved": approved, "by": by, "note": note, "changed": false });
        let outcome = if approved {
            Outcome::bare(Status::Ok).with_result(result)
        } else {
            let error = Failure::new(Code::Rejected, format!("rejected by {by}")).permanent();
            let error = if note.is_empty() { error } else { error.hint(note) };
            Outcome::failed(error).with_result(result)
        };
        self.finish(key, outcome);
    }
}

pub(super) fn in_doubt() -> Failure {
    Failure::new(Code::InDoubt, "the step was under way when the run stopped, and is taken as failed")
}

pub(super) fn left_out(step: &Step) -> String {
    match (step.intent, step.more().metadata.get("reason")) {
        (_, Some(reason)) => reason.clone(),
        (Intent::Noop, None) => "there is nothing to do".into(),
        (Intent::Error, None) => "the plan says that it cannot run".into(),
        _ => "it was left out".into(),
    }
}
