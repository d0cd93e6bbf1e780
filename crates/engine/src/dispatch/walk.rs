//! The way through a task's steps: one after another, with blocks, rescues, what always runs, and cleanup.

use std::ops::Range;

use windlass_model::{Block, Task};

/// Why steps on the way are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Omission {
    /// A rescue for which there was no failure.
    NothingToRescue,
    /// Steps after one that failed.
    AfterFailure,
}

/// Steps that are left out, and why.
pub(crate) type Omitted = (Range<u32>, Omission);

/// A place on the way through one task on one host. It depends on nothing but the results of the steps so far,
/// so that a resume finds it again by walking through them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Walk {
    /// The step that is next; the number of steps when there is none.
    pub cursor: u32,
    /// Blocks that failed and whose last part is running all the same.
    broken: Vec<u32>,
    /// Whether the task failed: a step failed and nothing rescued it.
    pub failed: bool,
}

/// The part of a block that a step is in.
enum Part {
    Body,
    Rescue,
    Always,
}

fn part(block: &Block, step: u32) -> Part {
    match step {
        s if s < block.rescue => Part::Body,
        s if s < block.always => Part::Rescue,
        _ => Part::Always,
    }
}

impl Walk {
    /// Goes on from the step under the cursor, which went well or not. Steps that this leaves out are added to
    /// `omitted`.
    pub(crate) fn advance(&mut self, task: &Task, ok: bool, omitted: &mut Vec<Omitted>) {
        if self.cursor >= task.cleanup {
            self.failed |= !ok;
            self.cursor += 1;
            return;
        }
        // The unit that just ended: a step at first, then each block that ends with it.
        let (mut unit, mut ok, mut below) = (self.cursor..self.cursor + 1, ok, task.blocks.len());
        while let Some((index, block)) = enclosing(task, &unit, below) {
            if let Some(next) = self.within(index as u32, &block, &unit, ok, omitted) {
                self.cursor = next;
                return;
            }
            below = index;
            let index = index as u32;
            ok = !self.broken.contains(&index);
            self.broken.retain(|&b| b != index);
            unit = block.start..block.end;
        }
        if !ok {
            self.failed = true;
            omit(omitted, unit.end..task.cleanup, Omission::AfterFailure);
        }
        self.cursor = if ok && unit.end < task.cleanup { unit.end } else { task.cleanup };
    }

    /// The next step inside `block` after `unit`; `None` when the block is done.
    fn within(
        &mut self,
        index: u32,
        block: &Block,
        unit: &Range<u32>,
        ok: bool,
        omitted: &mut Vec<Omitted>,
    ) -> Option<u32> {
        match part(block, unit.start) {
            Part::Body if ok && unit.end < block.rescue => return Some(unit.end),
            Part::Body if ok => omit(omitted, block.rescue..block.always, Omission::NothingToRescue),
            Part::Body => {
                omit(omitted, unit.end..block.rescue, Omission::AfterFailure);
                if block.rescue < block.always {
                    return Some(block.rescue);
                }
                self.broken.push(index);
            }
            Part::Rescue if ok && unit.end < block.always => return Some(unit.end),
            Part::Rescue if ok => {}
            Part::Rescue => {
                omit(omitted, unit.end..block.always, Omission::AfterFailure);
                self.broken.push(index);
            }
            Part::Always if ok && unit.end < block.end => return Some(unit.end),
            Part::Always if ok => return None,
            Part::Always => {
                omit(omitted, unit.end..block.end, Omission::AfterFailure);
                self.broken.push(index);
                return None;
            }
        }
        (block.always < block.end).then_some(block.always)
    }

    /// The end of a way that failed.
    pub(crate) fn over(task: &Task) -> Self {
        Self { cursor: task.steps.len() as u32, broken: Vec::new(), failed: true }
    }

    /// Leaves the body for good, past every rescue: the task's time is over, or the run's.
    pub(crate) fn abandon(&mut self, task: &Task, from: u32, omitted: &mut Vec<Omitted>) {
        if self.cursor < task.cleanup {
            omit(omitted, from..task.cleanup, Omission::AfterFailure);
            self.cursor = task.cleanup;
        }
        self.failed = true;
    }
}

/// The innermost block around `unit` of those before `below`. Outer blocks come before inner ones, so that a
/// block's own index as `below` leads outwards.
fn enclosing(task: &Task, unit: &Range<u32>, below: usize) -> Option<(usize, Block)> {
    let around = |b: &Block| b.start <= unit.start && unit.end <= b.end;
    task.blocks[..below].iter().rposition(around).map(|index| (index, task.blocks[index]))
}

fn omit(omitted: &mut Vec<Omitted>, range: Range<u32>, why: Omission) {
    if !range.is_empty() {
        omitted.push((range, why));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use windlass_model::{Step, StepId, TaskId};

    fn task(steps: u32, cleanup: u32, blocks: &[[u32; 4]]) -> Task {
        let step = |n| Step::new(StepId::new(format!("s{n}")).expect("a good id"), "noop", Value::Null);
        Task {
            id: TaskId::new("t").expect("a good id"),
            stage: None,
            hosts: 0,
            needs: [].into(),
            steps: (0..steps).map(step).collect(),
            cleanup,
            blocks: blocks
                .iter()
                .map(|&[start, rescue, always, end]| Block { start, rescue, always, end })
                .collect(),
            more: None,
        }
    }

    /// Walks a task of which `bad` steps fail: what ran, in order, and whether the task failed.
    fn walk(task: &Task, bad: &[u32]) -> (Vec<u32>, bool) {
        let (mut walk, mut ran, mut omitted) = (Walk::default(), Vec::new(), Vec::new());
        while (walk.cursor as usize) < task.steps.len() {
            ran.push(walk.cursor);
            walk.advance(task, !bad.contains(&walk.cursor), &mut omitted);
        }
        let left_out: u32 = omitted.iter().map(|(range, _)| range.len() as u32).sum();
        assert_eq!(
            ran.len() as u32 + left_out,
            task.steps.len() as u32,
            "each step ran or was left out once"
        );
        (ran, walk.failed)
    }

    #[test]
    fn steps_follow_each_other_and_cleanup_always_runs() {
        let plain = task(5, 3, &[]);
        assert_eq!(walk(&plain, &[]), (vec![0, 1, 2, 3, 4], false));
        assert_eq!(walk(&plain, &[1]), (vec![0, 1, 3, 4], true));
        assert_eq!(walk(&plain, &[3]), (vec![0, 1, 2, 3, 4], true));
    }

    #[test]
    fn a_rescue_takes_a_failure_away_and_always_runs_either_way() {
        // 0, block { 1 2 } rescue { 3 } always { 4 }, 5
        let rescued = task(6, 6, &[[1, 3, 4, 5]]);
        assert_eq!(walk(&rescued, &[]), (vec![0, 1, 2, 4, 5], false));
        assert_eq!(walk(&rescued, &[1]), (vec![0, 1, 3, 4, 5], false));
        assert_eq!(walk(&rescued, &[2]), (vec![0, 1, 2, 3, 4, 5], false));
        assert_eq!(walk(&rescued, &[1, 3]), (vec![0, 1, 3, 4], true));
        assert_eq!(walk(&rescued, &[4]), (vec![0, 1, 2, 4], true));
    }

    #[test]
    fn without_a_rescue_what_always_runs_does_not_take_the_failure_away() {
        let unrescued = task(4, 4, &[[0, 2, 2, 3]]);
        assert_eq!(walk(&unrescued, &[0]), (vec![0, 2], true));
        assert_eq!(walk(&unrescued, &[]), (vec![0, 1, 2, 3], false));
    }

    #[test]
    fn inner_blocks_hand_their_failure_to_outer_ones() {
        // block { block { 0 } always { 1 } ; 2 } rescue { 3 } ; 4
        let nested = task(5, 5, &[[0, 3, 4, 4], [0, 1, 1, 2]]);
        assert_eq!(walk(&nested, &[0]), (vec![0, 1, 3, 4], false));
        assert_eq!(walk(&nested, &[]), (vec![0, 1, 2, 4], false));
        // Blocks of one and the same step.
        let same = task(3, 3, &[[0, 1, 2, 2], [0, 1, 1, 1]]);
        assert_eq!(walk(&same, &[0]), (vec![0, 1, 2], false));
    }
}
