//! How many hosts of a task ended how.

use serde::Serialize;

use super::view::host_count;
use crate::{LOCALHOST, RunState, Status};

/// How many hosts ended how. `failed` counts those that were unreachable too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Hosts on which the task succeeded, whether it changed them or not.
    pub successful: u32,
    /// Hosts on which it failed, and nothing rescued it.
    pub failed: u32,
    /// Hosts that it changed.
    pub changed: u32,
    /// Hosts that could not be reached.
    pub unreachable: u32,
    /// Hosts on which nothing was done.
    pub skipped: u32,
}

/// The totals of a task over hosts; none for one that is for this machine alone, or has not ended.
pub fn totals(state: &RunState, task: u32) -> Option<Totals> {
    let plan = state.plan();
    let spec = &plan.tasks[task as usize];
    let alone = matches!(plan.hosts_of(spec), [only] if &*plan.hosts[*only as usize] == LOCALHOST);
    if alone || state.tasks[task as usize].end.is_none() {
        return None;
    }
    let rescued = |step: usize| {
        let step = step as u32;
        spec.blocks.iter().any(|b| b.start <= step && step < b.rescue && b.rescue < b.always)
    };
    let mut totals = Totals::default();
    for host in 0..host_count(plan, task) {
        let runs = state.steps_on(task, host);
        let any = |wanted: &[Status]| {
            let found = |(step, status): (usize, Status)| wanted.contains(&status) && !rescued(step);
            runs.iter().enumerate().filter_map(|(step, run)| Some((step, run.status()?))).any(found)
        };
        let unreachable = any(&[Status::Unreachable]);
        let failed = unreachable || any(&[Status::Failed, Status::Cancelled, Status::Undone]);
        let skipped = !failed && runs.iter().all(|run| run.status() == Some(Status::Skipped));
        totals.unreachable += u32::from(unreachable);
        totals.failed += u32::from(failed);
        totals.skipped += u32::from(skipped);
        totals.successful += u32::from(!failed && !skipped);
        totals.changed += u32::from(runs.iter().any(|run| run.status() == Some(Status::Changed)));
    }
    Some(totals)
}
