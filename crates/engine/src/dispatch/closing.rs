//! How a run ends before its time: stopped to be resumed, given up, or out of time.

use windlass_model::{At, Code, Event, Failure, Outcome, Phase, RunStatus, Scope, Status, Task, TaskRun};

use super::message::{Order, Stop};
use super::strand::{Doing, Strand, StrandKey};
use super::{Course, Dispatcher, failures};

impl Dispatcher {
    /// Stops the run on the way.
    pub(super) fn stop(&mut self, stop: Stop, reason: String) {
        let hard = stop == Stop::Cancel;
        match &mut self.course {
            Course::Going => self.course = Course::Interrupting { reason, hard },
            Course::Interrupting { hard: now, .. } => *now |= hard,
            // It ends anyway; what runs was told so.
            Course::Closing { .. } | Course::Leaving(_) | Course::Ended => return,
        }
        self.halt(hard);
    }

    /// Ends the run before its time: what runs is ended, what did not start is skipped.
    pub(super) fn close(&mut self, status: RunStatus, failure: Failure) {
        match &self.course {
            Course::Going | Course::Interrupting { .. } => {}
            Course::Closing { .. } if status == RunStatus::Aborted => {}
            Course::Closing { .. } | Course::Leaving(_) | Course::Ended => return,
        }
        self.course = Course::Closing { status, failure };
        self.halt(true);
    }

    /// Lets nothing new begin. Strands that were begun come to `work` once more, which parks or abandons them.
    pub(super) fn halt(&mut self, hard: bool) {
        self.next_batch.clear();
        for key in self.ready.clear() {
            let doing = self.strands.get(&key).map(|strand| strand.doing);
            if doing.is_some_and(|doing| doing != Doing::Ready) {
                // A second entry of a strand that has gone on since.
                continue;
            }
            let begun = doing.is_some()
                || self.state.steps_on(key.0, key.1).iter().any(|step| step.phase != Phase::Pending);
            if begun {
                self.wake_for_end(key);
            }
        }
        self.wanting.clear();
        if hard {
            self.end_inquiries(None);
        }
        let strands: Vec<(StrandKey, Doing)> = self.strands.iter().map(|(key, s)| (*key, s.doing)).collect();
        for (key, doing) in strands {
            if hard && self.strand(key).convoy.is_some() {
                let at = self.strand(key).at();
                self.orders.push(Order::Cancel(at));
                continue;
            }
            match doing {
                Doing::Running if hard => {
                    let at = self.strand(key).at();
                    self.orders.push(Order::Cancel(at));
                }
                Doing::Running | Doing::Inquiring | Doing::Holding | Doing::Ready => {}
                Doing::Parked if self.hosts_left[key.0 as usize] > 0 && self.is_unfinished(key) => {
                    self.wake_for_end(key);
                }
                Doing::Parked => {}
                Doing::Sleeping | Doing::Asking | Doing::Held | Doing::Wanting => self.wake_for_end(key),
            }
        }
    }

    pub(super) fn is_unfinished(&self, key: StrandKey) -> bool {
        self.state.steps_on(key.0, key.1).iter().any(|step| step.status().is_none())
    }

    pub(super) fn wake_for_end(&mut self, key: StrandKey) {
        let Some(strand) = self.strands.get_mut(&key) else {
            // It was begun by an earlier driver, and not yet by this one.
            return self.queue(key);
        };
        strand.doing = Doing::Ready;
        if strand.early && matches!(self.course, Course::Closing { .. }) {
            // It parked to be resumed, and will not be: back to where it stood, to be ended there.
            let task = &self.plan.tasks[key.0 as usize];
            let fresh = Strand::restore(key, task, &self.state);
            self.strands.insert(key, Box::new(fresh));
        }
        self.queue(key);
    }

    /// Ends a strand's body before its time; what always runs is next.
    pub(super) fn abandon(&mut self, key: StrandKey) {
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        let reason = self.ending_reason(key.0);
        let at = self.strand(key).at();
        let begun = |phase: Option<Phase>| {
            matches!(
                phase,
                Some(Phase::Running | Phase::Waiting | Phase::Asking | Phase::Held | Phase::InDoubt)
            )
        };
        // The items first, then their loop.
        let items = self.state.expansions.get(&at.whole()).map_or(0, |expansion| expansion.runs.len() as u32);
        for at in (0..items).map(|item| at.item(item)).chain([at.whole()]).collect::<Vec<_>>() {
            let phase = self.state.step(at).map(|run| run.phase);
            if begun(phase) {
                let error = Failure::new(Code::Cancelled, reason.clone());
                let outcome = Outcome { status: Status::Cancelled, ..Outcome::failed(error) };
                self.emit(Event::StepFinished { at, outcome });
            }
        }
        for step in at.step..task.cleanup {
            let at = At { step, ..at.whole() };
            if self.state.step(at).is_some_and(|run| run.status().is_none()) {
                self.emit(Event::StepFinished { at, outcome: Outcome::blocked(reason.clone()) });
            }
        }
        let never_began = self.state.steps_on(key.0, key.1).iter().all(|run| {
            run.started_at == 0 || run.status().is_none() || run.detail.as_ref().is_some_and(|d| d.blocked)
        });
        let strand = self.strand(key);
        strand.item = None;
        strand.walk.failed = true;
        strand.walk.cursor = task.cleanup;
        if never_began {
            // Nothing was done, so there is nothing to clean up.
            for step in task.cleanup..task.steps.len() as u32 {
                let at = At { step, ..at.whole() };
                self.emit(Event::StepFinished { at, outcome: Outcome::blocked(reason.clone()) });
            }
            self.strand(key).walk.cursor = task.steps.len() as u32;
        }
    }

    pub(super) fn closing_reason(&self) -> String {
        match &self.course {
            Course::Closing { failure, .. } => format!("the run ended first: {}", failure.message),
            Course::Interrupting { reason, .. } => reason.clone(),
            _ => "the run ended first".into(),
        }
    }

    /// Whether nothing of a task goes on, because its stage is closed.
    pub(super) fn is_closed(&self, task: u32) -> bool {
        let stage = self.plan.tasks[task as usize].stage;
        stage.is_some_and(|stage| self.closed_stages.contains_key(&stage))
    }

    /// Whether what is no cleanup of a task may begin.
    pub(super) fn goes(&self, task: u32) -> bool {
        self.course == Course::Going && !self.is_closed(task)
    }

    /// Why a task ends before its time.
    pub(super) fn ending_reason(&self, task: u32) -> String {
        let stage = self.plan.tasks[task as usize].stage;
        match stage.and_then(|stage| self.closed_stages.get(&stage)) {
            Some(why) if self.course == Course::Going => why.clone(),
            _ => self.closing_reason(),
        }
    }

    /// Ends the tasks of a stage before their time: what runs is ended, what waits begins nothing more.
    pub(super) fn close_stage(&mut self, stage: u32, why: &str) {
        self.closed_stages.entry(stage).or_insert_with(|| why.to_owned());
        let tasks: Vec<u32> = (0..self.plan.tasks.len() as u32)
            .filter(|&t| self.plan.tasks[t as usize].stage == Some(stage))
            .filter(|&t| self.state.tasks[t as usize].end.is_none())
            .filter(|&t| !self.state.undoing.contains(&Scope::Task(t)))
            .collect();
        for task in tasks {
            let active: Vec<(StrandKey, Doing)> =
                self.strands.range((task, 0)..=(task, u32::MAX)).map(|(key, s)| (*key, s.doing)).collect();
            if active.is_empty() {
                self.ready.forget(task);
                self.block(task, why);
                continue;
            }
            self.stop_rolling(task, why);
            self.end_inquiries(Some(task));
            for (key, doing) in active {
                match doing {
                    Doing::Running => {
                        let (at, sent) = (self.strand(key).at(), self.strand(key).convoy.is_some());
                        // Not the one whose failure this is: its step has just ended.
                        if sent || self.state.step(at).is_some_and(|run| run.phase == Phase::Running) {
                            self.orders.push(Order::Cancel(at));
                        }
                    }
                    Doing::Sleeping | Doing::Asking | Doing::Held | Doing::Wanting => {
                        self.wanting.remove(&key);
                        self.wake(key);
                    }
                    // They come to `work`, which ends them, by themselves.
                    Doing::Ready | Doing::Inquiring | Doing::Holding | Doing::Parked => {}
                }
            }
        }
    }

    pub(super) fn stage_expired(&mut self, stage: u32) {
        let spec = &self.plan.stages[stage as usize];
        let limit = failures::duration(spec.policy.timeout_ms.unwrap_or_default());
        let why = format!("stage {} took longer than {limit}", spec.name);
        let open = |t: &Task, run: &TaskRun| t.stage == Some(stage) && run.end.is_none();
        if self.plan.tasks.iter().zip(&self.state.tasks).any(|(task, run)| open(task, run)) {
            self.close(
                RunStatus::Failed,
                Failure::new(Code::StageTimeout, why).hint("raise the stage's timeout"),
            );
        }
    }
}
