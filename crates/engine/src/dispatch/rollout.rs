//! How a task goes over many hosts: in a window, in batches that wait for each other, without those it lost.

use std::collections::BTreeSet;

use windlass_model::{At, Event, Outcome, Rollout, TaskEnd};

use super::strand::{Strand, StrandKey};
use super::{Course, Dispatcher};

/// A task on its way over its hosts. A resume begins again at the first host: those that are done pass at once.
#[derive(Clone, Debug)]
pub(super) struct Roll {
    /// The next host to begin.
    next: u32,
    /// How many hosts have begun and are not done.
    active: u32,
    /// Where the batch under way began, and where it ends.
    batch: (u32, u32),
    /// How many batches began before it.
    batches: usize,
    /// How many hosts of the batch failed.
    failed: u32,
}

impl Roll {
    fn new(rollout: &Rollout, hosts: u32) -> Self {
        let end = size(rollout, 0).min(hosts);
        Self { next: 0, active: 0, batch: (0, end), batches: 0, failed: 0 }
    }

    fn has_room(&self, rollout: &Rollout) -> bool {
        self.next < self.batch.1 && self.active < rollout.window.unwrap_or(u32::MAX).max(1)
    }

    /// Why no further host may begin: too many of the batch failed.
    fn stop(&self, rollout: &Rollout) -> Option<String> {
        let hosts = self.batch.1 - self.batch.0;
        match rollout.max_fail_percentage {
            Some(most) if u64::from(self.failed) * 100 > u64::from(most) * u64::from(hosts) => {
                Some(format!("{} of {hosts} hosts failed, and {most} % may", self.failed))
            }
            // As in Ansible: where a whole batch failed, the next would too.
            None if !rollout.serial.is_empty() && self.failed == hosts => {
                Some(format!("all {hosts} hosts of the batch before failed"))
            }
            _ => None,
        }
    }
}

/// How many hosts the batch with this number has.
fn size(rollout: &Rollout, batch: usize) -> u32 {
    let last = rollout.serial.last().copied().unwrap_or(u32::MAX);
    rollout.serial.get(batch).copied().unwrap_or(last).max(1)
}

impl Dispatcher {
    /// Begins a task on its hosts: on all at once, unless its document says otherwise.
    pub(super) fn roll_out(&mut self, task: u32) {
        let hosts = self.hosts_left[task as usize];
        let rollout = &self.plan.tasks[task as usize].more().rollout;
        if *rollout == Rollout::default() {
            (0..hosts).for_each(|host| self.queue((task, host)));
        } else {
            self.rolls.insert(task, Roll::new(rollout, hosts));
            self.roll_on(task);
        }
    }

    /// Begins as many hosts as the window has room for.
    fn roll_on(&mut self, task: u32) {
        let plan = self.plan.clone();
        let rollout = &plan.tasks[task as usize].more().rollout;
        while self.course == Course::Going
            && let Some(roll) = self.rolls.get_mut(&task).filter(|roll| roll.has_room(rollout))
        {
            let host = roll.next;
            roll.next += 1;
            roll.active += 1;
            self.queue((task, host));
        }
    }

    /// A host of a task is done: the next may begin, or the next batch.
    pub(super) fn rolled(&mut self, key: StrandKey, failed: bool) {
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        let rollout = &task.more().rollout;
        if failed {
            self.lost.insert((key.0, plan.hosts_of(task)[key.1 as usize]));
        }
        let Some(roll) = self.rolls.get_mut(&key.0) else { return };
        roll.active -= 1;
        roll.failed += u32::from(failed);
        if let Some(why) = roll.stop(rollout) {
            let next = roll.next;
            self.rolls.remove(&key.0);
            return self.give_up(key.0, next, &why);
        }
        let hosts = plan.hosts_of(task).len() as u32;
        if roll.active == 0 && roll.next == roll.batch.1 && roll.next < hosts {
            roll.batches += 1;
            roll.batch = (roll.next, roll.next.saturating_add(size(rollout, roll.batches)).min(hosts));
            roll.failed = 0;
        }
        self.roll_on(key.0);
    }

    /// Leaves out the hosts of a task that have not begun.
    pub(super) fn give_up(&mut self, task: u32, from: u32, why: &str) {
        let plan = self.plan.clone();
        let spec = &plan.tasks[task as usize];
        for host in from..plan.hosts_of(spec).len() as u32 {
            self.block_host((task, host), why);
            self.hosts_left[task as usize] -= 1;
        }
        self.too_many.insert(task);
    }

    /// Skips all steps of a task on one host, which is lost to the tasks that need it.
    pub(super) fn block_host(&mut self, key: StrandKey, why: &str) {
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        for step in 0..task.steps.len() as u32 {
            let at = At { task: key.0, host: key.1, step, item: None };
            if self.state.step(at).is_some_and(|run| run.status().is_none()) {
                self.emit(Event::StepFinished { at, outcome: Outcome::blocked(why) });
            }
        }
        self.lost.insert((key.0, plan.hosts_of(task)[key.1 as usize]));
        self.wake_followers(key);
    }

    /// Stops a task from going on to further hosts, for good.
    pub(super) fn stop_rolling(&mut self, task: u32, why: &str) {
        if let Some(roll) = self.rolls.remove(&task) {
            self.give_up(task, roll.next, why);
        }
    }

    /// Why a host is left out of a task: it was lost in one that the task needs.
    pub(super) fn lost_before(&self, key: StrandKey) -> Option<String> {
        if self.lost.is_empty() {
            return None;
        }
        let task = &self.plan.tasks[key.0 as usize];
        let host = self.plan.hosts_of(task)[key.1 as usize];
        let need = task.needs.iter().find(|&&need| self.lost.contains(&(need, host)))?;
        Some(format!("the host failed in task {}", self.plan.tasks[*need as usize].id))
    }

    /// Whether a task may end well although hosts failed: fewer did than its document lets.
    pub(super) fn is_tolerated(&self, task: u32, failed: usize) -> bool {
        let spec = &self.plan.tasks[task as usize];
        let hosts = self.plan.hosts_of(spec).len();
        let most = spec.more().rollout.max_fail_percentage;
        most.is_some_and(|most| failed * 100 <= most as usize * hosts)
            && failed < hosts
            && !self.too_many.contains(&task)
    }

    /// The hosts that tasks lost before this driver came.
    pub(super) fn find_lost(&self) -> BTreeSet<(u32, u32)> {
        let plan = &self.plan;
        if plan.tasks.iter().all(|task| task.more().rollout.max_fail_percentage.is_none()) {
            return BTreeSet::new();
        }
        let ended = |task: &u32| self.state.tasks[*task as usize].end == Some(TaskEnd::Completed);
        let hosts = |task: u32| {
            let hosts = plan.hosts_of(&plan.tasks[task as usize]).iter().enumerate();
            hosts.map(move |(at, &host)| (task, at as u32, host))
        };
        let lost = |task: u32, at: u32| {
            let blocked = self.state.steps_on(task, at).first().and_then(|run| run.detail.as_ref());
            blocked.is_some_and(|detail| detail.blocked)
                || Strand::restore((task, at), &plan.tasks[task as usize], &self.state).walk.failed
        };
        (0..plan.tasks.len() as u32)
            .filter(ended)
            .flat_map(hosts)
            .filter(|&(task, at, _)| lost(task, at))
            .map(|(task, _, host)| (task, host))
            .collect()
    }
}
