//! Which tasks can start next: the scheduler.

use std::collections::BTreeSet;

use super::{Error, Graph, RunState, TaskState};

/// Says which tasks can start. One is made for each run. A caller may bring its own.
pub trait Scheduler: Send {
    /// The tasks that can start now, in the order of their ids. A task is named until it is started, that is, until
    /// its state is another.
    fn ready(&mut self, run: RunState, tasks: &dyn Fn(usize) -> TaskState) -> Result<Vec<usize>, Error>;

    /// Hears that a task was started, or will never be.
    fn taken(&mut self, task: usize);

    /// Hears that a task is done; `state` is the one before.
    fn done(&mut self, task: usize, state: TaskState) -> Result<(), Error>;
}

/// Makes the scheduler of a run.
pub type MakeScheduler = dyn Fn(&Graph) -> Box<dyn Scheduler> + Send + Sync;

/// Knows what is ready without looking at the rest: the work for a graph grows with its tasks and needs alone.
#[derive(Clone, Debug)]
pub struct Frontier {
    graph: Graph,
    open: Vec<usize>,
    ready: BTreeSet<usize>,
}

impl Frontier {
    /// The scheduler of a graph.
    pub fn new(graph: &Graph) -> Self {
        let open = graph.pending();
        let ready = (0..open.len()).filter(|at| open[*at] == 0).collect();
        Self { graph: graph.clone(), open, ready }
    }
}

impl Scheduler for Frontier {
    fn ready(&mut self, run: RunState, _: &dyn Fn(usize) -> TaskState) -> Result<Vec<usize>, Error> {
        if run != RunState::Running {
            return Err(Error::NotRunning);
        }
        Ok(self.ready.iter().copied().collect())
    }

    fn taken(&mut self, task: usize) {
        self.ready.remove(&task);
    }

    fn done(&mut self, task: usize, state: TaskState) -> Result<(), Error> {
        not_ended(&self.graph, task, state)?;
        for &next in &self.graph.next[task] {
            self.open[next] = self.open[next].saturating_sub(1);
            if self.open[next] == 0 {
                self.ready.insert(next);
            }
        }
        Ok(())
    }
}

/// As claude-workflow has it: looks at every task each time.
#[derive(Clone, Debug)]
pub struct Scan {
    graph: Graph,
    open: Vec<usize>,
}

impl Scan {
    /// The scheduler of a graph.
    pub fn new(graph: &Graph) -> Self {
        Self { open: graph.pending(), graph: graph.clone() }
    }
}

impl Scheduler for Scan {
    fn ready(&mut self, run: RunState, tasks: &dyn Fn(usize) -> TaskState) -> Result<Vec<usize>, Error> {
        if run != RunState::Running {
            return Err(Error::NotRunning);
        }
        let waits = |at: &usize| matches!(tasks(*at), TaskState::Pending | TaskState::Ready);
        Ok((0..self.open.len()).filter(|at| self.open[*at] == 0 && waits(at)).collect())
    }

    fn taken(&mut self, _: usize) {}

    fn done(&mut self, task: usize, state: TaskState) -> Result<(), Error> {
        not_ended(&self.graph, task, state)?;
        for &next in &self.graph.next[task] {
            self.open[next] = self.open[next].saturating_sub(1);
        }
        Ok(())
    }
}

/// A task that has ended cannot be completed.
fn not_ended(graph: &Graph, task: usize, state: TaskState) -> Result<(), Error> {
    if state.terminal() { Err(Error::NotReady(graph.ids[task].clone())) } else { Ok(()) }
}
