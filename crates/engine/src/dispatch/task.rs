//! How tasks end, what they hand on, and who may begin because of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use windlass_expr::{Lookup, Vars, from_json};
use windlass_model::{
    At, Code, Event, Failure, Intent, Outcome, RunStatus, Scope, Status, Step, StepRun, Strategy, TaskEnd,
    projection,
};

use super::message::{Matter, Order, Timer};
use super::strand::{Doing, Strand, StrandKey, fields_of};
use super::unforeseen::fields;
use super::{Course, Dispatcher, failures};

/// How the reason of a step begins whose task's own condition is not met.
pub(super) const CONDITION: &str = "the task's condition is not met: ";

/// The reason of a step that failed because nobody can tell whether its task's own condition is met.
pub(super) const UNJUDGED: &str = "the task's condition cannot be judged";

impl Dispatcher {
    /// Lets a task begin whose needs are met.
    pub(super) fn admit(&mut self, task: u32) {
        if self.course != Course::Going {
            return;
        }
        if let Some(why) = self.blocked_by(task) {
            self.block(task, &why);
        } else if self.plan.policy.strategy == Strategy::Batched {
            self.next_batch.insert(task);
        } else {
            self.enqueue(task);
        }
    }

    pub(super) fn enqueue(&mut self, task: u32) {
        if self.hosts_left[task as usize] == 0 {
            self.end_task(task);
        }
        self.roll_out(task);
        self.start_stage(task);
    }

    pub(super) fn start_stage(&mut self, task: u32) {
        let Some(stage) = self.plan.tasks[task as usize].stage else { return };
        let began = &mut self.stage_began[stage as usize];
        if let (None, Some(timeout)) = (*began, self.plan.stages[stage as usize].policy.timeout_ms) {
            *began = Some(self.now);
            self.orders.push(Order::Wake { at: self.now + timeout, timer: Timer::Stage(stage) });
        }
    }

    /// Begins the next batch, if the one under way is done.
    pub(super) fn next_batch(&mut self) {
        if self.batch_open > 0 {
            return;
        }
        if !self.batch.is_empty() {
            let tasks = std::mem::take(&mut self.batch);
            self.emit(Event::BatchMerged { batch: self.state.batches + 1, tasks });
        }
        // Not before the batch is merged: a round opens tasks again that are in it.
        self.end_rounds();
        if self.plan.policy.strategy != Strategy::Batched {
            return;
        }
        if self.course != Course::Going {
            return;
        }
        self.batch = std::mem::take(&mut self.next_batch).into_iter().collect();
        self.batch_open = self.batch.len();
        self.begin_batch();
    }

    /// A strand has come to the end of its steps.
    pub(super) fn strand_done(&mut self, key: StrandKey) {
        if self.strands.get(&key).is_some_and(|strand| strand.early) {
            self.strand(key).doing = Doing::Parked;
            return;
        }
        // The last step that ran tells what `outputs` are evaluated over.
        let strand = self.strands.get_mut(&key).expect("a strand that is done was worked on");
        strand.doing = Doing::Parked;
        let failed = strand.walk.failed;
        self.hosts_left[key.0 as usize] -= 1;
        self.rolled(key, failed);
        if self.hosts_left[key.0 as usize] == 0 {
            self.end_task(key.0);
        }
    }

    /// All hosts of a task are done.
    pub(super) fn end_task(&mut self, task: u32) {
        let hosts = self.plan.hosts_of(&self.plan.tasks[task as usize]).len() as u32;
        let strands: Vec<_> = (0..hosts).filter_map(|host| self.strands.remove(&(task, host))).collect();
        let left_out = |strand: &Strand| !strand.walk.failed && self.lost_before(strand.key).is_some();
        if !strands.is_empty() && strands.iter().all(|strand| left_out(strand)) {
            let why = self.lost_before(strands[0].key);
            return self.finish_task(task, TaskEnd::Blocked, why, None, None);
        }
        self.rolls.remove(&task);
        if self.ends_undone(task) {
            // However its hosts count today: an earlier driver has begun to take it back.
            return;
        }
        let lost = strands.iter().filter(|strand| strand.walk.failed).count();
        let failed = self.too_many.contains(&task) || lost > 0 && !self.is_tolerated(task, lost);
        if failed && self.is_transaction(task) && self.begin_undo(Scope::Task(task), self.failure_of(task)) {
            return;
        }
        let closing = matches!(self.course, Course::Closing { .. }) || self.is_closed(task);
        let cut_short = closing && failed && self.is_cut_short(task);
        if cut_short {
            let why = self.ending_reason(task);
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
        let told = (lost > 0).then(|| format!("{lost} of {hosts} hosts failed"));
        if strands.iter().any(|strand| self.told_a_part(strand)) {
            self.gaps.entry(task).or_default().output = true;
        }
        match self.outputs(task, &strands) {
            // It ends when that is known.
            None => self.strands.extend(strands.into_iter().map(|strand| (strand.key, strand))),
            Some(Ok(outputs)) => self.finish_task(task, end, told, outputs, None),
            Some(Err(error)) => {
                self.finish_task(task, TaskEnd::Failed, Some(error.message.clone()), None, Some(error));
            }
        }
    }

    /// How a task with this many failures ends.
    pub(super) fn end_of(&self, task: u32) -> TaskEnd {
        let spec = &self.plan.tasks[task as usize];
        let hosts = self.plan.hosts_of(spec).len() as u32;
        let all = |test: &dyn Fn(&StepRun) -> bool| {
            (0..hosts).all(|host| self.state.steps_on(task, host).iter().all(test))
        };
        let by_condition = |run: &StepRun| run.outcome().is_some_and(|o| is_by_condition(&o));
        let left_out = |step: &Step| step.intent != Intent::Run;
        let nothing_to_run = !spec.steps.is_empty() && spec.steps.iter().all(left_out);
        if hosts == 0 || nothing_to_run || (!spec.more().when.is_empty() && all(&by_condition)) {
            return TaskEnd::Skipped;
        }
        TaskEnd::Completed
    }

    /// The error of a task's first step that failed.
    pub(super) fn failure_of(&self, task: u32) -> Option<Failure> {
        let hosts = self.plan.hosts_of(&self.plan.tasks[task as usize]).len() as u32;
        let bad = |status| matches!(status, Status::Failed | Status::Unreachable | Status::Cancelled);
        (0..hosts)
            .flat_map(|host| self.state.steps_on(task, host))
            .filter(|run| run.status().is_some_and(bad))
            .find_map(|run| run.detail.as_ref()?.error.clone())
            .or_else(|| self.state.tasks[task as usize].detail.as_ref()?.error.clone())
    }

    /// Whether a task's only trouble is that the run ended first.
    pub(super) fn is_cut_short(&self, task: u32) -> bool {
        let hosts = self.plan.hosts_of(&self.plan.tasks[task as usize]).len() as u32;
        let failed =
            |status| matches!(status, Some(Status::Failed | Status::Unreachable | Status::Cancelled));
        (0..hosts).all(|host| self.state.steps_on(task, host).iter().all(|run| !failed(run.status())))
    }

    pub(super) fn first_reason(&self, task: u32) -> Option<String> {
        let runs = self.state.steps_on(task, 0);
        let reason = runs.first()?.detail.as_ref()?.reason.clone()?;
        Some(
            reason
                .strip_prefix(CONDITION)
                .map_or(reason.clone(), |c| format!("its condition is not met: {c}")),
        )
    }

    pub(super) fn finish_task(
        &mut self,
        task: u32,
        end: TaskEnd,
        reason: Option<String>,
        outputs: Option<Json>,
        error: Option<Failure>,
    ) {
        self.inquiries.forget_task(task);
        let (outputs, error) = (outputs.map(Arc::new), error.map(Box::new));
        self.emit(Event::TaskFinished { task, end, reason, outputs, error });
        self.open_tasks -= 1;
        self.publish(task);
        self.ended.push(task);
        if matches!(end, TaskEnd::Failed | TaskEnd::Undone) {
            self.stage_failed(task);
            self.task_fail_fast(task);
        }
        self.undo_stage(task);
    }

    pub(super) fn task_fail_fast(&mut self, task: u32) {
        if self.plan.policy.fail_fast == Some(true) && self.course == Course::Going {
            let id = self.plan.tasks[task as usize].id.clone();
            let failure = failures::task_failed(&id, self.failure_of(task).as_ref());
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
        let value = match (self.gaps.get(&task), result) {
            (Some(gaps), Json::Object(result)) => gaps.leave_out(result, &format!("what {id} does")),
            (_, result) => from_json(&result),
        };
        self.world.results.put(id.as_str(), value);
    }

    /// What a task hands on: its `outputs` over the fields of its last result; for several hosts by host. `None`
    /// while an executor asks.
    pub(super) fn outputs(
        &mut self,
        task: u32,
        strands: &[Box<Strand>],
    ) -> Option<Result<Option<Json>, Failure>> {
        let plan = self.plan.clone();
        if plan.tasks[task as usize].more().outputs.is_empty() {
            return Some(Ok(None));
        }
        // Of a pattern it is not known how many hosts it means today: what they hand on is always by host.
        let here = strands.len() == 1 && &**self.host_of(strands[0].key) == windlass_model::LOCALHOST;
        let good = || strands.iter().filter(|strand| !strand.walk.failed);
        // All hosts are asked for at once.
        let found: Vec<_> = good().map(|strand| self.outputs_on(strand, here)).collect();
        let found: Vec<_> = found.into_iter().collect::<Option<_>>()?;
        let mut by_host = Map::new();
        for (strand, outputs) in good().zip(found) {
            match outputs {
                Ok(outputs) => by_host.insert(self.host_of(strand.key).to_string(), Json::Object(outputs)),
                Err(error) => return Some(Err(error)),
            };
        }
        if here {
            return Some(Ok(by_host.into_iter().next().map(|(_, outputs)| outputs)));
        }
        Some(Ok(Some(Json::Object(by_host))))
    }

    /// What a task hands on from one host, but for what a check cannot know.
    fn outputs_on(&mut self, strand: &Strand, here: bool) -> Option<Result<Map<String, Json>, Failure>> {
        let plan = self.plan.clone();
        let (task, at) = (strand.key.0, strand.at());
        let wanted = &plan.tasks[task as usize].more().outputs;
        let (last, unknown) = self.last_told(strand);
        let names: Vec<String> = wanted.keys().map(|name| format!("output {name}")).collect();
        let texts: Vec<(&str, &Json)> = names.iter().map(String::as_str).zip(wanted.values()).collect();
        self.strands.insert(strand.key, Box::new(strand.clone()));
        let scope = |this: &Self| this.scope_of(strand.key, None, BTreeMap::new(), last);
        let values = self.each_value(at, Matter::Outputs, &texts, unknown, scope);
        self.strands.remove(&strand.key);
        let values = match values? {
            Ok(values) => values,
            Err(error) => return Some(Err(error)),
        };
        let mut outputs = Map::new();
        for (name, value) in wanted.keys().zip(values) {
            match value {
                Ok(mut value) => {
                    self.config.redactor.value(&mut value);
                    outputs.insert(name.clone(), value);
                }
                Err(error) if error.code == Code::Unforeseen => {
                    let gap = if here { name.clone() } else { self.host_of(strand.key).to_string() };
                    self.gaps.entry(task).or_default().outputs.insert(gap);
                }
                Err(error) => return Some(Err(error)),
            }
        }
        Some(Ok(outputs))
    }

    /// Whether a check knows only a part of what the last step of a task's body told on a host.
    fn told_a_part(&self, strand: &Strand) -> bool {
        let last = strand.last.and_then(|step| self.state.step(At { step, ..strand.at().whole() }));
        last.is_some_and(|run| run.status().is_some() && run.is_unknown())
    }

    /// What the last step of a task's body told on a host, as names, and whether a check knows only a part of it.
    fn last_told(&self, strand: &Strand) -> (Option<Arc<dyn Lookup>>, bool) {
        let spec = &self.plan.tasks[strand.key.0 as usize];
        let last = strand.last.and_then(|step| {
            let at = At { step, ..strand.at().whole() };
            Some((&spec.steps[step as usize], self.state.step(at)?.outcome()?))
        });
        match last {
            Some((step, outcome)) if outcome.is_unknown() => (Some(fields(spec, step, &outcome)), true),
            Some((_, outcome)) => (Some(Arc::new(Vars::new(fields_of(&outcome)))), false),
            None => (None, false),
        }
    }

    /// Tells the dependents of tasks that ended. A list, not a recursion: chains may be a million long.
    pub(super) fn tell_dependents(&mut self) {
        while let Some(task) = self.ended.pop() {
            if self.batch_open > 0 && self.batch.binary_search(&task).is_ok() {
                self.batch_open -= 1;
            }
            for nth in 0..self.dependents.of(task).len() {
                let next = self.dependents.of(task)[nth];
                if !self.waits_for_rounds(next, task) {
                    self.met(next);
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
        if let Some(stage) = self.lost_stage(task) {
            return Some(format!("stage {} failed", self.plan.stages[stage as usize].name));
        }
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
        if self.ends_undone(task) {
            return;
        }
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

    pub(super) fn is_blocking(end: TaskEnd) -> bool {
        matches!(end, TaskEnd::Failed | TaskEnd::Blocked | TaskEnd::Undone)
    }
}

/// Whether a step was skipped because its task's own condition is not met.
pub(super) fn is_by_condition(outcome: &Outcome) -> bool {
    outcome.status == Status::Skipped && outcome.reason().is_some_and(|reason| reason.starts_with(CONDITION))
}

/// Whether a step failed because nobody can tell whether its task's own condition is met.
pub(super) fn is_unjudged(outcome: &Outcome) -> bool {
    outcome.status == Status::Failed && outcome.reason() == Some(UNJUDGED)
}
