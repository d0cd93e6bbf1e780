//! What waits for a free place: the queue.

use std::collections::VecDeque;

/// Tasks that may start as soon as there is a place. One is made for each run. A caller may bring its own.
pub trait Queue: Send {
    /// Adds a task.
    fn push(&mut self, task: usize);

    /// Takes the next one out.
    fn pop(&mut self) -> Option<usize>;

    /// How many wait.
    fn len(&self) -> usize;

    /// Whether none waits.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Makes the queue of a run.
pub type MakeQueue = dyn Fn() -> Box<dyn Queue> + Send + Sync;

/// First in, first out.
#[derive(Clone, Debug, Default)]
pub struct Fifo(VecDeque<usize>);

impl Queue for Fifo {
    fn push(&mut self, task: usize) {
        self.0.push_back(task);
    }

    fn pop(&mut self) -> Option<usize> {
        self.0.pop_front()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}
