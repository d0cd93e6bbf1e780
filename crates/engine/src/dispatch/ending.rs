//! How tasks and the run end: in their own time, by a failure elsewhere, by a person, or by the clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use windlass_expr::render_tree;
use windlass_model::{
    At, Code, Event, Failure, Outcome, Phase, RunStatus, Status, TaskEnd, TaskId, projection,
};

use super::judge::output_failed;
use super::message::{Order, Stop};
use super::strand::{Doing, StrandKey, result_of};
use super::{Course, Dispatcher};

/// How the reason of a step begins whose task's own condition is not met.
pub(super) const CONDITION: &str = "the task's condition is not met: ";

impl Dispatcher {
    /// A strand has come to the end of its steps.
    pub(super) fn strand_done(&mut self, key: StrandKey) {
        if self.strands.get(&key).is_some_and(|strand| strand.early) {
            self.strand(key).doing = Doing::Parked;
            return;
        }
        // The last step that ran tells what `outputs` are evaluated over.
        let strand = self.strands.get_mut(&key).expect("a strand that is done was worked on");
        strand.doing = Doing::Parked;
        let left = &mut self.hosts_left[key.0 as usize];
        *left -= 1;
        if *left == 0 {
            self.end_task(key.0);
        }
    }

    /// All hosts of a task are done.
    pub(super) fn end_task(&mut self, task: u32) {
        let hosts = self.plan.hosts_of(&self.plan.tasks[task as usize]).len() as u32;
        let strands: Vec<_> = (0..hosts).filter_map(|host| self.strands.remove(&(task, host))).collect();
        let failed = strands.iter().any(|strand| strand.walk.failed);
        let closing = matches!(self.course, Course::Closing { .. });
        let cut_short = closing && failed && self.is_cut_short(task);
        if cut_short {
            let why = self.closing_reason();
            return self.finish_task(task, TaskEnd::Blocked, Some(why), None, None);
        }
        if failed {
            let error = self.failure_of(task);
            let reason = error.as_ref().map(|error| error.message.clone());
            return self.finish_task(task, TaskEnd::Failed, reason, None, error);
        }
        let end = self.end_of(task);
        if end == TaskEnd::Skipped {
            let reason = self.first_reason(task);
            return self.finish_task(task, end, reason, None, None);
        }
        match self.outputs(task, &strands) {
            Ok(outputs) => self.finish_task(task, end, None, outputs, None),
            Err(error) => {
                self.finish_task(task, TaskEnd::Failed, Some(error.message.clone()), None, Some(error));
            }
        }
    }

    /// Whether a task's only trouble is that the run ended first.
    fn is_cut_short(&self, task: u32) -> bool {
        let hosts = self.plan.hosts_of(&self.plan.tasks[task as usize]).len() as u32;
        let failed =
            |status| matches!(status, Some(Status::Failed | Status::Unreachable | Status::Cancelled));
        (0..hosts).all(|host| self.state.steps_on(task, host).iter().all(|run| !failed(run.status())))
    }

    fn first_reason(&self, task: u32) -> Option<String> {
        let runs = self.state.steps_on(task, 0);
        let reason = runs.first()?.detail.as_ref()?.reason.clone()?;
        Some(
            reason
                .strip_prefix(CONDITION)
                .map_or(reason.clone(), |c| format!("its condition is not met: {c}")),
        )
    }

    fn finish_task(
        &mut self,
        task: u32,
        end: TaskEnd,
        reason: Option<String>,
        outputs: Option<Json>,
        error: Option<Failure>,
    ) {
        let (outputs, error) = (outputs.map(Arc::new), error.map(Box::new));
        self.emit(Event::TaskFinished { task, end, reason, outputs, error });
        self.open_tasks -= 1;
        self.publish(task);
        self.ended.push(task);
        if end == TaskEnd::Failed {
            self.task_fail_fast(task);
        }
    }

    fn task_fail_fast(&mut self, task: u32) {
        if self.plan.policy.fail_fast == Some(true) && self.course == Course::Going {
            let id = self.plan.tasks[task as usize].id.clone();
            let failure = task_failed(&id, self.failure_of(task).as_ref());
            self.close(RunStatus::Failed, failure);
        }
    }

    /// Makes a task's results known to expressions.
    pub(super) fn publish(&mut self, task: u32) {
        let id = &self.plan.tasks[task as usize].id;
        if !self.world.results.wants(id.as_str()) {
            return;
        }
        let run = &self.state.tasks[task as usize];
        let state = match run.end {
            Some(TaskEnd::Completed) => "completed",
            Some(TaskEnd::Failed) => "failed",
            Some(TaskEnd::Undone) => "undone",
            _ => "skipped",
        };
        let hosts = self.plan.hosts_of(&self.plan.tasks[task as usize]).len() as u32;
        let changed = (0..hosts)
            .any(|host| self.state.steps_on(task, host).iter().any(|s| s.status() == Some(Status::Changed)));
        let outputs = run.detail.as_ref().and_then(|detail| detail.outputs.as_deref().cloned());
        let result = json!({
            "state": state,
            "changed": changed,
            "output": projection::task_output(&self.state, task),
            "outputs": outputs.unwrap_or_else(|| json!({})),
        });
        self.world.results.put(id.as_str(), &result);
    }

    /// What a task hands on: its `outputs` over the fields of its last result; for several hosts by host.
    fn outputs(&mut self, task: u32, strands: &[super::Strand]) -> Result<Option<Json>, Failure> {
        let plan = self.plan.clone();
        let spec = &plan.tasks[task as usize];
        let wanted = &spec.more().outputs;
        if wanted.is_empty() {
            return Ok(None);
        }
        let mut by_host = Map::new();
        for strand in strands {
            let last = strand.last.and_then(|step| {
                let at = At { step, ..strand.at().whole() };
                self.state.step(at)?.outcome()
            });
            let result = last.map_or(Json::Null, |outcome| result_of(&outcome));
            self.strands.insert(strand.key, strand.clone());
            let scope = self.scope_of(strand.key, None, BTreeMap::new(), Some(&result));
            self.strands.remove(&strand.key);
            let mut outputs = Map::new();
            for (name, template) in wanted {
                let mut value = render_tree(template, &scope).map_err(|error| output_failed(name, &error))?;
                self.config.redactor.value(&mut value);
                outputs.insert(name.clone(), value);
            }
            by_host.insert(self.host_of(strand.key).to_string(), Json::Object(outputs));
        }
        if strands.len() == 1 {
            return Ok(by_host.into_iter().next().map(|(_, outputs)| outputs));
        }
        Ok(Some(Json::Object(by_host)))
    }

    /// Tells the dependents of tasks that ended. A list, not a recursion: chains may be a million long.
    pub(super) fn tell_dependents(&mut self) {
        while let Some(task) = self.ended.pop() {
            if self.batch_open > 0 && self.batch.binary_search(&task).is_ok() {
                self.batch_open -= 1;
            }
            let dependents: Vec<u32> = self.dependents.of(task).to_vec();
            for next in dependents {
                self.waiting[next as usize] -= 1;
                if self.waiting[next as usize] == 0 && self.state.tasks[next as usize].end.is_none() {
                    self.admit(next);
                }
            }
            if self.ended.is_empty() {
                self.next_batch();
            }
        }
    }

    /// Why a task cannot run: the first of its needs that failed or was blocked itself.
    pub(super) fn blocked_by(&self, task: u32) -> Option<String> {
        let needs = self.plan.tasks[task as usize].needs.iter();
        let bad = |&&need: &&u32| self.state.tasks[need as usize].end.is_some_and(Self::is_blocking);
        needs.into_iter().find(bad).map(|&need| {
            let word = if self.state.tasks[need as usize].end == Some(TaskEnd::Failed) {
                "failed"
            } else {
                "was skipped"
            };
            format!("task {} {word}", self.plan.tasks[need as usize].id)
        })
    }

    /// Skips a task that will not run.
    pub(super) fn block(&mut self, task: u32, why: &str) {
        let plan = self.plan.clone();
        let spec = &plan.tasks[task as usize];
        for host in 0..plan.hosts_of(spec).len() as u32 {
            self.strands.remove(&(task, host));
            for step in 0..spec.steps.len() as u32 {
                let at = At { task, step, host, item: None };
                if self.state.step(at).is_some_and(|run| run.status().is_none()) {
                    self.emit(Event::StepFinished { at, outcome: Outcome::blocked(why) });
                }
            }
        }
        self.finish_task(task, TaskEnd::Blocked, Some(why.to_owned()), None, None);
    }

    /// Stops the run on the way.
    pub(super) fn stop(&mut self, stop: Stop, reason: String) {
        let hard = stop == Stop::Cancel;
        match &mut self.course {
            Course::Going => self.course = Course::Interrupting { reason, hard },
            Course::Interrupting { hard: now, .. } => *now |= hard,
            // It ends anyway; what runs was told so.
            Course::Closing { .. } | Course::Ended => return,
        }
        self.halt(hard);
    }

    /// Ends the run before its time: what runs is ended, what did not start is skipped.
    pub(super) fn close(&mut self, status: RunStatus, failure: Failure) {
        match &self.course {
            Course::Going | Course::Interrupting { .. } => {}
            Course::Closing { .. } if status == RunStatus::Aborted => {}
            Course::Closing { .. } | Course::Ended => return,
        }
        self.course = Course::Closing { status, failure };
        self.halt(true);
    }

    /// Lets nothing new begin. Strands that were begun come to `work` once more, which parks or abandons them.
    fn halt(&mut self, hard: bool) {
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
        let strands: Vec<(StrandKey, Doing)> = self.strands.iter().map(|(key, s)| (*key, s.doing)).collect();
        for (key, doing) in strands {
            match doing {
                Doing::Running if hard => {
                    let at = self.strand(key).at();
                    self.orders.push(Order::Cancel(at));
                }
                Doing::Running | Doing::Ready => {}
                Doing::Parked if self.hosts_left[key.0 as usize] > 0 && self.is_unfinished(key) => {
                    self.wake_for_end(key);
                }
                Doing::Parked => {}
                Doing::Sleeping | Doing::Asking | Doing::Held | Doing::Wanting => self.wake_for_end(key),
            }
        }
    }

    fn is_unfinished(&self, key: StrandKey) -> bool {
        self.state.steps_on(key.0, key.1).iter().any(|step| step.status().is_none())
    }

    fn wake_for_end(&mut self, key: StrandKey) {
        let stage = self.plan.tasks[key.0 as usize].stage;
        let strand = self.strand(key);
        strand.doing = Doing::Ready;
        if strand.early && matches!(self.course, Course::Closing { .. }) {
            // It parked to be resumed, and will not be: back to where it stood, to be ended there.
            let task = &self.plan.tasks[key.0 as usize];
            let fresh = super::Strand::restore(key, task, &self.state);
            self.strands.insert(key, fresh);
        }
        self.ready.push(key, stage);
    }

    /// Ends a strand's body before its time; what always runs is next.
    pub(super) fn abandon(&mut self, key: StrandKey) {
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        let reason = self.closing_reason();
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

    /// Ends the tasks of a stage before their time.
    pub(super) fn close_stage(&mut self, stage: u32, why: &str) {
        let tasks: Vec<u32> = (0..self.plan.tasks.len() as u32)
            .filter(|&t| self.plan.tasks[t as usize].stage == Some(stage))
            .filter(|&t| self.state.tasks[t as usize].end.is_none())
            .collect();
        for task in tasks {
            let active: Vec<(StrandKey, Doing)> =
                self.strands.range((task, 0)..=(task, u32::MAX)).map(|(key, s)| (*key, s.doing)).collect();
            if active.is_empty() {
                self.ready.forget(task);
                self.block(task, why);
                continue;
            }
            for (key, doing) in active {
                if doing == Doing::Running {
                    let at = self.strand(key).at();
                    self.orders.push(Order::Cancel(at));
                }
            }
        }
    }

    pub(super) fn stage_expired(&mut self, stage: u32) {
        let spec = &self.plan.stages[stage as usize];
        let limit = duration(spec.policy.timeout_ms.unwrap_or_default());
        let why = format!("stage {} took longer than {limit}", spec.name);
        let open = |t: &windlass_model::Task, run: &windlass_model::TaskRun| {
            t.stage == Some(stage) && run.end.is_none()
        };
        if self.plan.tasks.iter().zip(&self.state.tasks).any(|(task, run)| open(task, run)) {
            self.close(
                RunStatus::Failed,
                Failure::new(Code::StageTimeout, why).hint("raise the stage's timeout"),
            );
        }
    }

    /// Nothing runs and nothing is ready: the run is over, waits for somebody, or is stuck. True when that
    /// made something ready.
    pub(super) fn idle(&mut self) -> bool {
        match self.course.clone() {
            Course::Ended => return false,
            Course::Interrupting { reason, .. } => {
                self.emit(Event::RunInterrupted { reason });
                self.course = Course::Ended;
                return false;
            }
            Course::Closing { status, failure } => {
                self.block_the_rest();
                self.emit(Event::RunFinished { status, error: Some(failure) });
                self.course = Course::Ended;
                return false;
            }
            Course::Going => {}
        }
        if self.open_tasks == 0 {
            self.complete();
            return false;
        }
        let doing = |what: Doing| self.strands.values().any(|strand| strand.doing == what);
        if doing(Doing::Sleeping) || doing(Doing::Asking) {
            return false;
        }
        if doing(Doing::Held) {
            self.stop(Stop::Drain, self.held_reason());
            return true;
        }
        let failure = self.deadlock();
        self.close(RunStatus::Failed, failure);
        true
    }

    fn held_reason(&self) -> String {
        let held = self.strands.values().filter(|strand| strand.doing == Doing::Held);
        let names: Vec<String> = held.map(|strand| self.name_of(strand.at())).collect();
        format!("in doubt, and waiting for a decision: {}", names.join(", "))
    }

    fn name_of(&self, at: At) -> String {
        let task = &self.plan.tasks[at.task as usize];
        format!("{}/{}", task.id, task.steps[at.step as usize].id)
    }

    /// No progress is possible with work left: who waits, and what for.
    fn deadlock(&self) -> Failure {
        let mut waits: Vec<String> = Vec::new();
        for strand in self.strands.values().filter(|strand| strand.doing == Doing::Wanting) {
            let at = strand.at();
            let step = &self.plan.tasks[at.task as usize].steps[at.step as usize];
            let keys = self.missing_keys(strand.key, step).join(", ");
            waits.push(format!("{} waits for state {keys}", self.name_of(at)));
        }
        if waits.is_empty() {
            let open = self.plan.tasks.iter().zip(&self.state.tasks).filter(|(_, run)| run.end.is_none());
            for (task, _) in open.take(20) {
                let needs: Vec<&str> = task
                    .needs
                    .iter()
                    .filter(|&&n| self.state.tasks[n as usize].end.is_none())
                    .map(|&n| self.plan.tasks[n as usize].id.as_str())
                    .collect();
                waits.push(format!("{} waits for {}", task.id, needs.join(", ")));
            }
        }
        Failure::new(Code::Deadlock, format!("no progress is possible: {}", waits.join("; ")))
            .hint("the step that was to write it was skipped, or did not write it")
            .permanent()
    }

    fn block_the_rest(&mut self) {
        let why = self.closing_reason();
        for task in 0..self.plan.tasks.len() as u32 {
            if self.state.tasks[task as usize].end.is_none() {
                self.block(task, &why);
            }
        }
        self.ended.clear();
    }

    fn complete(&mut self) {
        self.next_batch();
        let failed = (0..self.plan.tasks.len() as u32)
            .find(|&task| self.state.tasks[task as usize].end == Some(TaskEnd::Failed));
        let error = failed.map(|task| {
            let id = &self.plan.tasks[task as usize].id;
            let error =
                self.state.tasks[task as usize].detail.as_ref().and_then(|detail| detail.error.clone());
            task_failed(id, error.as_ref())
        });
        let status = if error.is_some() { RunStatus::Failed } else { RunStatus::Completed };
        self.emit(Event::RunFinished { status, error });
        self.course = Course::Ended;
    }
}

/// The run's error when a task failed.
pub(super) fn task_failed(task: &TaskId, error: Option<&Failure>) -> Failure {
    let why = error.map_or("a step failed", |error| &error.message);
    Failure::new(Code::TaskFailed, format!("task {task} failed: {why}"))
}

/// A person ended the run.
pub(super) fn aborted(by: &str) -> Failure {
    Failure::new(Code::Aborted, format!("aborted by {by}")).permanent()
}

/// The run's time is over.
pub(super) fn run_expired(limit_ms: u64) -> Failure {
    Failure::new(Code::RunTimeout, format!("the run took longer than {}", duration(limit_ms)))
        .hint("raise policy.timeout, or look at what was slow with `windlass runs show`")
}

/// A task's time is over.
pub(super) fn task_expired_failure(limit_ms: Option<u64>) -> Failure {
    let limit = duration(limit_ms.unwrap_or_default());
    Failure::new(Code::TaskTimeout, format!("the task took longer than {limit}"))
        .hint("raise the task's timeout, or look at which step is slow")
        .permanent()
}

/// A duration as people write it.
pub(super) fn duration(ms: u64) -> String {
    match ms {
        ms if ms > 0 && ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms > 0 && ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms > 0 && ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        ms => format!("{ms}ms"),
    }
}
