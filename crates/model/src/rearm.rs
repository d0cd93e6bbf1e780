//! What a resume takes up again, as a part of the fold: what was under way is in doubt, what failed is open.

use crate::{At, Phase, RunState, Scope, Status, StepRun, TaskEnd, TaskRun};

impl RunState {
    /// Opens again what a resume has to look at. Finished steps stay finished, but for those that come after
    /// a failed one in its task, and for a cleanup that an interruption brought forward.
    pub(crate) fn rearm(&mut self) {
        self.doubt_sent();
        for task in 0..self.tasks.len() as u32 {
            let undoing = [Some(Scope::Task(task)), self.plan().tasks[task as usize].stage.map(Scope::Stage)];
            if undoing.iter().flatten().any(|scope| self.undoing.contains(scope)) {
                // It is being taken back, and that goes on first.
                continue;
            }
            match self.tasks[task as usize].end {
                Some(TaskEnd::Undone) => self.restart(task),
                // It was taken back in part, or its end was lost.
                _ if self.has_undone(task) => self.restart(task),
                Some(TaskEnd::Completed | TaskEnd::Skipped) => {}
                Some(TaskEnd::Failed | TaskEnd::Blocked) => {
                    self.reopen(task);
                    self.tasks[task as usize] = TaskRun::default();
                }
                None => self.reopen(task),
            }
        }
    }

    /// Opens every task again, in its first round: nothing of them counts but what they used.
    pub(crate) fn renew(&mut self) {
        for task in 0..self.tasks.len() as u32 {
            self.restart(task);
        }
        self.sent.clear();
        self.rounds.clear();
        self.past.clear();
        self.values.retain(|(scope, _), _| !matches!(scope, Scope::Stage(_) | Scope::Task(_)));
    }

    fn has_undone(&self, task: u32) -> bool {
        let hosts = self.plan().hosts_of(&self.plan().tasks[task as usize]).len() as u32;
        (0..hosts)
            .any(|host| self.steps_on(task, host).iter().any(|run| run.phase == Phase::Done(Status::Undone)))
    }

    /// Steps that were handed over may have begun, whatever their driver knew of it.
    fn doubt_sent(&mut self) {
        for ((task, host), last) in std::mem::take(&mut self.sent) {
            for step in 0..=last {
                let at = At { task, host, step, item: None };
                let Some(index) = self.position(at) else { continue };
                let run = &mut self.steps[index];
                if run.phase == Phase::Pending {
                    run.phase = Phase::InDoubt;
                }
            }
        }
    }

    /// Opens a task again of which nothing is left.
    fn restart(&mut self, task: u32) {
        self.tasks[task as usize] = TaskRun::default();
        self.undo.retain(|at, _| at.task != task);
        self.forget_notes(task);
        self.expansions.retain(|at, _| at.task != task);
        self.approvals.retain(|at, _| at.task != task);
        let plan = self.plan().clone();
        let spec = &plan.tasks[task as usize];
        for host in 0..plan.hosts_of(spec).len() as u32 {
            for step in 0..spec.steps.len() as u32 {
                if let Some(index) = self.position(At { task, step, host, item: None }) {
                    self.steps[index] = StepRun::default();
                }
            }
        }
    }

    fn reopen(&mut self, task: u32) {
        let plan = self.plan().clone();
        let spec = &plan.tasks[task as usize];
        let ended = self.tasks[task as usize].end.is_some();
        for host in 0..plan.hosts_of(spec).len() as u32 {
            let failed = if ended { self.first_failure(task, host) } else { None };
            let body = |step: u32| At { task, step, host, item: None };
            // A cleanup that was brought forward comes again at the end; one that came in its turn does not.
            let early = (0..spec.cleanup)
                .map(body)
                .any(|at| self.cut_short(at) || self.step(at).is_some_and(|run| run.status().is_none()));
            for step in 0..spec.steps.len() as u32 {
                let at = At { task, step, host, item: None };
                let cleanup = step >= spec.cleanup && (early || ended);
                let again = cleanup || failed.is_some_and(|f| step >= f) || self.cut_short(at);
                self.reopen_step(at, again);
            }
        }
    }

    /// Whether a step ended only because the run was ending, which it then did not live to do.
    fn cut_short(&self, at: At) -> bool {
        self.step(at).is_some_and(|run| {
            run.status() == Some(Status::Cancelled)
                || run.detail.as_ref().is_some_and(|detail| detail.blocked)
        })
    }

    /// The first step of a task on a host that ended badly, or that a failure elsewhere kept from running.
    fn first_failure(&self, task: u32, host: u32) -> Option<u32> {
        let blocked = |run: &StepRun| run.detail.as_ref().is_some_and(|detail| detail.blocked);
        let bad = |run: &StepRun| {
            matches!(run.status(), Some(Status::Failed | Status::Unreachable | Status::Cancelled))
                || blocked(run)
        };
        self.steps_on(task, host).iter().position(bad).map(|step| step as u32)
    }

    fn reopen_step(&mut self, at: At, again: bool) {
        let Some(index) = self.position(at) else { return };
        let run = &mut self.steps[index];
        match run.phase {
            Phase::Done(_) if again => {
                // Attempts go on counting: they tell how often a step was tried in all.
                *run = StepRun { attempts: run.attempts, ..StepRun::default() };
                self.approvals.remove(&at);
                self.reopen_items(at);
            }
            Phase::Running if self.expansions.contains_key(&at) => self.doubt_items(at),
            Phase::Running if again => run.phase = Phase::Pending,
            Phase::Running => run.phase = Phase::InDoubt,
            // A wait between attempts ends with its driver; the next attempt is due at once.
            _ => {}
        }
        self.settle_at_bound(at);
    }

    /// A loop that failed goes on with the items that did not succeed.
    fn reopen_items(&mut self, at: At) {
        let Some(expansion) = self.expansions.get_mut(&at) else { return };
        for run in &mut expansion.runs {
            if !run.status().is_some_and(Status::is_success) {
                *run = StepRun { attempts: run.attempts, ..StepRun::default() };
            }
        }
        if let Some(index) = self.position(at) {
            self.steps[index].phase = Phase::Running;
        }
    }

    fn doubt_items(&mut self, at: At) {
        let Some(expansion) = self.expansions.get_mut(&at) else { return };
        let mut cut = Vec::new();
        for (item, run) in expansion.runs.iter_mut().enumerate() {
            if run.phase == Phase::Running {
                run.phase = Phase::InDoubt;
                cut.push(at.item(item as u32));
            }
        }
        cut.into_iter().for_each(|at| self.settle_at_bound(at));
    }
}
