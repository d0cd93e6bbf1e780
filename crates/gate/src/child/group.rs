//! A child's process group: ending it, politely at first.

use std::{
    process::Child,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// How long a group may take to end after SIGTERM, before SIGKILL.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// How long SIGKILL is waited for. Only a process that hangs in the kernel takes longer; it is left to itself,
/// so that nothing hangs with it.
const KILL: Duration = Duration::from_secs(5);

/// How often the group is looked at while it ends.
const TICK: Duration = Duration::from_millis(20);

/// The group that a child leads. Its number stays taken while any process of it lives.
pub(super) struct Group(Option<Pid>);

impl Group {
    pub(super) fn of(child: &Child) -> Self {
        Self(i32::try_from(child.id()).ok().and_then(Pid::from_raw))
    }

    pub(super) fn id(&self) -> i32 {
        self.0.map_or(0, Pid::as_raw_pid)
    }

    /// Ends every process of the group and reaps the child: SIGTERM, up to [`GRACE`] of waiting, SIGKILL. The
    /// waiting itself is the caller's, so that output can be read on: a process that cleans up may write.
    pub(super) fn end(&self, child: &mut Child, wait: &mut dyn FnMut(Duration)) {
        self.signal(Signal::TERM);
        // A stopped process takes its SIGTERM only once it goes on.
        self.signal(Signal::CONT);
        self.gone(child, GRACE, wait);
        self.signal(Signal::KILL);
        self.gone(child, KILL, wait);
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // It fails only when the group is gone, which is what is wanted.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Waits until the child is reaped and no process of its group runs.
    pub(super) fn gone(&self, child: &mut Child, limit: Duration, wait: &mut dyn FnMut(Duration)) {
        let end = Instant::now() + limit;
        while Instant::now() < end && (matches!(child.try_wait(), Ok(None)) || self.runs()) {
            wait(TICK);
        }
    }

    fn runs(&self) -> bool {
        self.0.is_some_and(|group| test_kill_process_group(group).is_ok() && runs(group))
    }
}

/// Whether a process of the group runs, and does not only wait to be reaped. Orphans wait for the first
/// process of the system, which in many containers never reaps.
#[cfg(target_os = "linux")]
fn runs(group: Pid) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else { return true };
    processes.flatten().any(|process| {
        let stat = std::fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        // The name before it may hold anything, spaces and parentheses too.
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let (state, pgrp) = (fields.next(), fields.nth(1));
        pgrp.and_then(|pgrp| pgrp.parse().ok()) == Some(group.as_raw_pid())
            && !matches!(state, Some("Z" | "X"))
    })
}

#[cfg(not(target_os = "linux"))]
fn runs(_: Pid) -> bool {
    true
}
