//! Taking back what was done, as a part of the fold.

use std::sync::Arc;

use serde_json::Value;

use crate::{At, Detail, Failure, Phase, RunState, RunStatus, Scope, Status, TaskEnd};

impl RunState {
    /// Whether a task lies in a scope.
    pub fn is_within(&self, task: u32, scope: Scope) -> bool {
        match scope {
            Scope::Global | Scope::Pipeline => true,
            Scope::Stage(stage) => {
                self.plan().tasks.get(task as usize).is_some_and(|task| task.stage == Some(stage))
            }
            Scope::Task(only) => task == only,
        }
    }

    /// The steps of a scope that can be taken back, in the order in which that is done: the last one first.
    pub fn undoable(&self, scope: Scope) -> Vec<At> {
        let done = |at: &At| self.step(*at).and_then(|run| run.status()).is_some_and(|s| s != Status::Undone);
        let mut steps: Vec<(u64, At)> = self
            .undo
            .iter()
            .filter(|(at, _)| self.is_within(at.task, scope) && done(at))
            .map(|(at, (seq, _))| (*seq, *at))
            .collect();
        steps.sort_unstable_by(|a, b| b.cmp(a));
        steps.into_iter().map(|(_, at)| at).collect()
    }

    /// The steps of a scope that changed something and cannot be taken back.
    pub fn not_undoable(&self, scope: Scope) -> Vec<At> {
        let tasks = (0..self.tasks.len() as u32).filter(|task| self.is_within(*task, scope));
        let mut steps = Vec::new();
        for task in tasks {
            let spec = &self.plan().tasks[task as usize];
            for host in 0..self.plan().hosts_of(spec).len() as u32 {
                for (step, run) in self.steps_on(task, host).iter().enumerate() {
                    let at = At { task, host, step: step as u32, item: None };
                    let known = self.undo.keys().any(|kept| kept.whole() == at);
                    if run.status() == Some(Status::Changed) && !known {
                        steps.push(at);
                    }
                }
            }
        }
        steps
    }

    pub(crate) fn undo_kept(&mut self, at: At, before: &Arc<Value>) -> Result<(), String> {
        let phase = self.step(at).ok_or("there is no such step")?.phase;
        if phase != Phase::Running {
            return Err(format!("the step is {phase:?}"));
        }
        let seq = self.seq + 1;
        self.undo.entry(at).or_insert((seq, before.clone()));
        Ok(())
    }

    pub(crate) fn undo_started(&mut self, scope: Scope) -> Result<(), String> {
        if self.undoing.contains(&scope) {
            return Err("it is being taken back".into());
        }
        let finished = matches!(self.status, RunStatus::Completed | RunStatus::Failed);
        match (self.status, scope) {
            (RunStatus::Running, Scope::Stage(_) | Scope::Task(_)) => {}
            (_, Scope::Global) if finished => {
                self.status = RunStatus::Running;
                self.finished_at = None;
                self.error = None;
            }
            (status, _) => return Err(format!("the run is {}", status.word())),
        }
        self.undoing.insert(scope);
        Ok(())
    }

    pub(crate) fn step_undone(&mut self, at: At, error: Option<&Failure>) -> Result<(), String> {
        if !self.undoing.iter().any(|scope| self.is_within(at.task, *scope)) {
            return Err("nobody takes it back".into());
        }
        if !self.undo.contains_key(&at) {
            return Err("it is not known how".into());
        }
        let step = self.step_mut(at).ok_or("there is no such step")?;
        if !matches!(step.phase, Phase::Done(status) if status != Status::Undone) {
            return Err(format!("the step is {:?}", step.phase));
        }
        match error {
            None => {
                step.phase = Phase::Done(Status::Undone);
                self.undo.remove(&at);
            }
            Some(error) => {
                let mut detail = step.detail.as_deref().cloned().unwrap_or_else(Detail::default);
                detail.reason = Some(format!("it could not be taken back: {}", error.message));
                step.detail = Some(Arc::new(detail));
            }
        }
        Ok(())
    }

    pub(crate) fn undo_finished(&mut self, scope: Scope, whole: bool) -> Result<(), String> {
        if !self.undoing.contains(&scope) {
            return Err("it is not being taken back".into());
        }
        // A whole run is being taken back until its end is told: a resume before that goes on with it.
        if scope != Scope::Global {
            self.undoing.remove(&scope);
        }
        for task in 0..self.tasks.len() as u32 {
            let ran = matches!(self.tasks[task as usize].end, Some(TaskEnd::Completed | TaskEnd::Failed));
            if whole && ran && self.is_within(task, scope) {
                self.tasks[task as usize].end = Some(TaskEnd::Undone);
            }
        }
        Ok(())
    }
}
