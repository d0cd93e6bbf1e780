//! Who is next: strands that could go on, in the order of their ids, held back by the limits of their stages.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::strand::StrandKey;

/// Strands that could go on.
#[derive(Debug)]
pub(crate) struct Ready {
    queue: BinaryHeap<Reverse<(StrandKey, Option<u32>)>>,
    stages: Vec<Stage>,
}

/// A stage's limit: how many of its steps may run, how many do, and who is held back.
#[derive(Debug)]
struct Stage {
    limit: u32,
    running: u32,
    held_back: Vec<StrandKey>,
}

impl Ready {
    /// An empty queue with the limits of the stages.
    pub(crate) fn new(limits: Vec<Option<u32>>) -> Self {
        let stage =
            |limit: Option<u32>| Stage { limit: limit.unwrap_or(u32::MAX), running: 0, held_back: vec![] };
        Self { queue: BinaryHeap::new(), stages: limits.into_iter().map(stage).collect() }
    }

    pub(crate) fn push(&mut self, key: StrandKey, stage: Option<u32>) {
        self.queue.push(Reverse((key, stage)));
    }

    /// The first by id that its stage lets through.
    pub(crate) fn pop(&mut self) -> Option<StrandKey> {
        while let Some(Reverse((key, stage))) = self.queue.pop() {
            match stage.map(|s| &mut self.stages[s as usize]) {
                Some(stage) if stage.running >= stage.limit => stage.held_back.push(key),
                _ => return Some(key),
            }
        }
        None
    }

    /// A step of a stage begins to run.
    pub(crate) fn started(&mut self, stage: Option<u32>) {
        if let Some(stage) = stage {
            self.stages[stage as usize].running += 1;
        }
    }

    /// A step of a stage has ended: one that was held back may try again.
    pub(crate) fn stopped(&mut self, stage: Option<u32>) {
        let Some(index) = stage else { return };
        let stage = &mut self.stages[index as usize];
        stage.running -= 1;
        for key in std::mem::take(&mut stage.held_back) {
            self.queue.push(Reverse((key, Some(index))));
        }
    }

    /// Forgets one task.
    pub(crate) fn forget(&mut self, task: u32) {
        self.queue.retain(|Reverse((key, _))| key.0 != task);
        self.stages.iter_mut().for_each(|stage| stage.held_back.retain(|key| key.0 != task));
    }

    /// Forgets everyone.
    pub(crate) fn clear(&mut self) -> Vec<StrandKey> {
        let held = self.stages.iter_mut().flat_map(|stage| std::mem::take(&mut stage.held_back));
        let mut keys: Vec<StrandKey> = held.collect();
        keys.extend(std::mem::take(&mut self.queue).into_iter().map(|Reverse((key, _))| key));
        keys.sort_unstable();
        keys
    }
}
