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
const TICK: Duration = Duration::from_millis(10);

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
        if !self.gone(child, GRACE, wait) {
            self.signal(Signal::KILL);
            self.gone(child, KILL, wait);
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // It fails only when the group is gone, which is what is wanted.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Waits until the child is reaped and no process of its group is left.
    fn gone(&self, child: &mut Child, limit: Duration, wait: &mut dyn FnMut(Duration)) -> bool {
        let end = Instant::now() + limit;
        loop {
            let reaped = !matches!(child.try_wait(), Ok(None));
            if reaped && self.0.is_none_or(|group| test_kill_process_group(group).is_err()) {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            wait(TICK);
        }
    }
}
