//! Who is next: strands that could go on, in the order of their ids, held back by the limits of their stages.
//!
//! Limits count what this machine does. What a strand does on a host of a fleet is bounded by its task's
//! window, so those strands pass every limit here.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::strand::StrandKey;

/// What bounds a strand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// It works here, under the limit of its stage, if it has one.
    Here(Option<u32>),
    /// It works on a host of a fleet.
    There,
}

/// A strand and what bounds it.
type Entry = (StrandKey, Lane);

/// A queue by the order of ids. Most strands come in that order, and cost nothing to keep in it.
#[derive(Debug, Default)]
struct Queue {
    in_order: VecDeque<Entry>,
    others: BinaryHeap<Reverse<Entry>>,
}

impl Queue {
    fn push(&mut self, entry: Entry) {
        if self.in_order.back().is_none_or(|last| *last <= entry) {
            self.in_order.push_back(entry);
        } else {
            self.others.push(Reverse(entry));
        }
    }

    fn peek(&self) -> Option<&Entry> {
        let other = self.others.peek().map(|Reverse(entry)| entry);
        self.in_order.front().into_iter().chain(other).min()
    }

    fn pop(&mut self) -> Option<Entry> {
        let other = self.others.peek().map(|Reverse(entry)| entry);
        if self.in_order.front().is_none_or(|first| other.is_some_and(|other| other < first)) {
            return self.others.pop().map(|Reverse(entry)| entry);
        }
        self.in_order.pop_front()
    }

    fn forget(&mut self, task: u32) {
        self.in_order.retain(|(key, _)| key.0 != task);
        self.others.retain(|Reverse((key, _))| key.0 != task);
    }

    fn into_keys(self) -> impl Iterator<Item = StrandKey> {
        let others = self.others.into_iter().map(|Reverse(entry)| entry);
        self.in_order.into_iter().chain(others).map(|(key, _)| key)
    }
}

/// Strands that could go on.
#[derive(Debug)]
pub(crate) struct Ready {
    here: Queue,
    there: Queue,
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
        Self {
            here: Queue::default(),
            there: Queue::default(),
            stages: limits.into_iter().map(stage).collect(),
        }
    }

    pub(crate) fn push(&mut self, key: StrandKey, lane: Lane) {
        let queue = if lane == Lane::There { &mut self.there } else { &mut self.here };
        queue.push((key, lane));
    }

    /// The first by id that its stage lets through; where this machine has no room, of those that need none.
    pub(crate) fn pop(&mut self, room_here: bool) -> Option<StrandKey> {
        loop {
            let there_first = match (self.there.peek(), self.here.peek()) {
                (Some((there, _)), Some((here, _))) => !room_here || there < here,
                (there, _) => there.is_some(),
            };
            if there_first {
                return self.there.pop().map(|(key, _)| key);
            }
            if !room_here {
                return None;
            }
            let (key, lane) = self.here.pop()?;
            match self.stage(lane) {
                Some(stage) if stage.running >= stage.limit => stage.held_back.push(key),
                _ => return Some(key),
            }
        }
    }

    fn stage(&mut self, lane: Lane) -> Option<&mut Stage> {
        match lane {
            Lane::Here(stage) => stage.map(|stage| &mut self.stages[stage as usize]),
            Lane::There => None,
        }
    }

    /// A step begins to run.
    pub(crate) fn started(&mut self, lane: Lane) {
        if let Some(stage) = self.stage(lane) {
            stage.running += 1;
        }
    }

    /// A step has ended: one that its stage held back may try again.
    pub(crate) fn stopped(&mut self, lane: Lane) {
        let Some(stage) = self.stage(lane) else { return };
        stage.running -= 1;
        for key in std::mem::take(&mut stage.held_back) {
            self.here.push((key, lane));
        }
    }

    /// Forgets one task.
    pub(crate) fn forget(&mut self, task: u32) {
        self.here.forget(task);
        self.there.forget(task);
        self.stages.iter_mut().for_each(|stage| stage.held_back.retain(|key| key.0 != task));
    }

    /// Forgets everyone.
    pub(crate) fn clear(&mut self) -> Vec<StrandKey> {
        let held = self.stages.iter_mut().flat_map(|stage| std::mem::take(&mut stage.held_back));
        let mut keys: Vec<StrandKey> = held.collect();
        keys.extend(std::mem::take(&mut self.here).into_keys());
        keys.extend(std::mem::take(&mut self.there).into_keys());
        keys.sort_unstable();
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_machine_lets_through_who_works_elsewhere() {
        let mut ready = Ready::new(vec![Some(1)]);
        ready.push((1, 0), Lane::Here(None));
        ready.push((2, 0), Lane::There);
        ready.push((0, 0), Lane::Here(Some(0)));
        assert_eq!(ready.pop(false), Some((2, 0)));
        assert_eq!(ready.pop(false), None);
        assert_eq!((ready.pop(true), ready.pop(true), ready.pop(true)), (Some((0, 0)), Some((1, 0)), None));
    }

    #[test]
    fn who_comes_late_is_first_by_id_all_the_same() {
        let mut ready = Ready::new(vec![]);
        [5, 7, 2, 9, 6, 2].into_iter().for_each(|task| ready.push((task, 0), Lane::Here(None)));
        ready.forget(9);
        let order: Vec<u32> = std::iter::from_fn(|| ready.pop(true)).map(|key| key.0).collect();
        assert_eq!(order, [2, 2, 5, 6, 7]);
        assert_eq!(ready.clear(), []);
    }

    #[test]
    fn a_stage_holds_back_who_passes_its_limit() {
        let mut ready = Ready::new(vec![Some(1)]);
        ready.started(Lane::Here(Some(0)));
        ready.push((0, 0), Lane::Here(Some(0)));
        assert_eq!(ready.pop(true), None);
        ready.stopped(Lane::Here(Some(0)));
        assert_eq!(ready.pop(true), Some((0, 0)));
    }
}
