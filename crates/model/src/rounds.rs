//! Repeated stages, as a part of the fold: their tasks open again for each round, and what came of a round is kept.

use std::sync::Arc;

use crate::{At, Failure, RunState, Stage, StepRun, TaskDetail, TaskEnd, TaskRun, Usage};

/// What came of a task in a round that another round followed.
#[derive(Clone, Debug, PartialEq)]
pub struct PastRound {
    /// How the task ended.
    pub end: Option<TaskEnd>,
    /// What it handed on.
    pub detail: Option<Arc<TaskDetail>>,
    /// Its steps, by host and then by step.
    pub steps: Vec<StepRun>,
    /// What the task had used when the round ended, all rounds so far together.
    pub used: Usage,
}

impl RunState {
    /// The round that a stage is in, from 1.
    pub fn round(&self, stage: u32) -> u32 {
        self.rounds.get(&stage).copied().unwrap_or(1)
    }

    /// The id of a task with the round that it is in, where that is not the first: `draft~2`.
    pub fn round_id(&self, task: u32) -> String {
        let spec = &self.plan().tasks[task as usize];
        match spec.stage.map_or(1, |stage| self.round(stage)) {
            1 => spec.id.to_string(),
            round => format!("{}~{round}", spec.id),
        }
    }

    /// The tasks of a stage, by index.
    pub fn tasks_of(&self, stage: u32) -> impl Iterator<Item = u32> + '_ {
        let tasks = (0u32..).zip(&self.plan().tasks);
        tasks.filter(move |(_, task)| task.stage == Some(stage)).map(|(index, _)| index)
    }

    /// Whether a task of a stage failed, or could not run.
    pub fn is_lost(&self, stage: u32) -> bool {
        let bad = |end| matches!(end, TaskEnd::Failed | TaskEnd::Blocked | TaskEnd::Undone);
        self.tasks_of(stage).any(|task| self.tasks[task as usize].end.is_some_and(bad))
    }

    /// A repeated stage whose tasks have all ended well.
    fn repeated(&self, stage: u32) -> Result<&Stage, String> {
        let spec = self.plan().stages.get(stage as usize).ok_or("there is no such stage")?;
        if spec.repeat.is_none() {
            return Err(format!("stage {} is not repeated", spec.name));
        }
        if let Some(open) = self.tasks_of(stage).find(|task| self.tasks[*task as usize].end.is_none()) {
            return Err(format!("task {} has not ended", self.plan().tasks[open as usize].id));
        }
        if self.is_lost(stage) {
            return Err("a task of it failed".into());
        }
        Ok(spec)
    }

    pub(crate) fn round_begun(&mut self, stage: u32, round: u32) -> Result<(), String> {
        let most = self.repeated(stage)?.repeat.as_ref().map_or(1, |repeat| repeat.max_rounds);
        let last = self.round(stage);
        if round != last + 1 || round > most {
            return Err(format!("round {} of {most} was due", last + 1));
        }
        for task in self.tasks_of(stage).collect::<Vec<_>>() {
            self.archive(task, last);
        }
        self.rounds.insert(stage, round);
        Ok(())
    }

    /// Keeps what came of a task in a round, and opens the task again.
    fn archive(&mut self, task: u32, round: u32) {
        let run = std::mem::take(&mut self.tasks[task as usize]);
        let used = self.used_by(task);
        let range = self.steps_of(task);
        let fresh = |run: &mut StepRun| {
            // Attempts go on counting, so that each has a number of its own in the run.
            let next = StepRun { attempts: run.attempts, ..StepRun::default() };
            std::mem::replace(run, next)
        };
        let steps = self.steps[range].iter_mut().map(fresh).collect();
        self.past.insert((task, round), PastRound { end: run.end, detail: run.detail, steps, used });
        self.expansions.retain(|at, _| at.task != task);
        self.approvals.retain(|at, _| at.task != task);
        self.forget_notes(task);
    }

    /// What a task used: all its steps, hosts, rounds and attempts together.
    pub fn used_by(&self, task: u32) -> Usage {
        let first = At { task, step: 0, host: 0, item: None };
        let mut sum = Usage::default();
        let own = self.spent.range(first..).take_while(|(at, _)| at.task == task);
        own.for_each(|(_, used)| sum.add(used));
        sum
    }

    /// The last tasks of a stage carry its error: those that no other task of it needs.
    pub(crate) fn stage_failed(&mut self, stage: u32, error: &Failure) -> Result<(), String> {
        self.repeated(stage)?;
        for task in self.last_tasks(stage) {
            let run = &mut self.tasks[task as usize];
            let outputs = run.detail.as_ref().and_then(|detail| detail.outputs.clone());
            let (reason, error) = (Some(error.message.clone()), Some(error.clone()));
            let detail = Some(Arc::new(TaskDetail { reason, outputs, error }));
            *run = TaskRun { started: run.started, end: Some(TaskEnd::Failed), detail };
        }
        Ok(())
    }

    /// The tasks of a stage that no other task of it needs.
    pub fn last_tasks(&self, stage: u32) -> Vec<u32> {
        let needed = |task: u32| {
            self.tasks_of(stage).any(|other| self.plan().tasks[other as usize].needs.contains(&task))
        };
        self.tasks_of(stage).filter(|task| !needed(*task)).collect()
    }
}
