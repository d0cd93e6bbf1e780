//! Nothing runs and nothing is ready: the run is over, waits for somebody, or is stuck.

use windlass_model::{At, Code, Event, Failure, RunStatus, TaskEnd};

use super::message::Stop;
use super::strand::Doing;
use super::{Course, Dispatcher, failures};

impl Dispatcher {
    /// Nothing runs and nothing is ready: the run is over, waits for somebody, or is stuck. True when that
    /// made something ready.
    pub(super) fn idle(&mut self) -> bool {
        match self.course.clone() {
            Course::Leaving(_) | Course::Ended => return false,
            // What is being taken back goes on, whatever becomes of the run; it is running work.
            Course::Going | Course::Closing { .. } if self.advance_undo() => return true,
            Course::Interrupting { reason, .. } => {
                self.course = Course::Leaving(Event::RunInterrupted { reason });
                return false;
            }
            Course::Closing { status, failure } => {
                self.block_the_rest();
                if !self.passes.is_empty() {
                    return true;
                }
                self.course = Course::Leaving(Event::RunFinished { status, error: Some(failure.into()) });
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

    pub(super) fn held_reason(&self) -> String {
        let held = self.strands.values().filter(|strand| strand.doing == Doing::Held);
        let names: Vec<String> = held.map(|strand| self.name_of(strand.at())).collect();
        format!("in doubt, and waiting for a decision: {}", names.join(", "))
    }

    pub(super) fn name_of(&self, at: At) -> String {
        let task = &self.plan.tasks[at.task as usize];
        format!("{}/{}", task.id, task.steps[at.step as usize].id)
    }

    /// No progress is possible with work left: who waits, and what for.
    pub(super) fn deadlock(&self) -> Failure {
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

    pub(super) fn block_the_rest(&mut self) {
        let why = self.closing_reason();
        for task in 0..self.plan.tasks.len() as u32 {
            if self.state.tasks[task as usize].end.is_none() {
                self.block(task, &why);
            }
        }
        self.ended.clear();
    }

    pub(super) fn complete(&mut self) {
        self.next_batch();
        let failed = (0..self.plan.tasks.len() as u32).find(|&task| {
            matches!(self.state.tasks[task as usize].end, Some(TaskEnd::Failed | TaskEnd::Undone))
        });
        let error = failed.map(|task| {
            let id = &self.plan.tasks[task as usize].id;
            let error =
                self.state.tasks[task as usize].detail.as_ref().and_then(|detail| detail.error.clone());
            failures::task_failed(id, error.as_ref()).into()
        });
        let status = if error.is_some() { RunStatus::Failed } else { RunStatus::Completed };
        self.course = Course::Leaving(Event::RunFinished { status, error });
    }
}
