//! What a run of a module is given besides its parameters.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{Cancel, Error, Forecast, expand};

/// The surroundings of one run.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// In check mode, what the steps before would have made of the host: say what would happen, note it there,
    /// and change nothing.
    pub check: Option<&'a Forecast>,
    /// Report differences in the reply.
    pub diff: bool,
    /// Relative paths are relative to this, and commands start in it.
    pub cwd: &'a Path,
    /// Added to the environment of children, and seen by `$NAME` in parameters.
    pub env: &'a BTreeMap<String, String>,
    /// Ends the run early.
    pub cancel: &'a Cancel,
    /// When the run ends whether it is done or not.
    pub deadline: Option<Instant>,
    /// Hears live output.
    pub progress: &'a dyn Progress,
    /// How many bytes of each output stream are kept; the rest is counted and dropped.
    pub capture_limit: usize,
}

/// Listens to a run. It is called on the run's own thread, which waits for it: a listener that is slow slows
/// the command down, and one that cares drops lines by itself.
pub trait Progress {
    /// One line of live output, without its end. A line longer than 8 KiB arrives in pieces.
    fn output(&self, stream: Stream, line: &str);

    /// A child has started as the leader of this process group.
    fn started(&self, group: i32) {
        let _ = group;
    }
}

/// Which of a child's streams a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A listener that does nothing.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn output(&self, _: Stream, _: &str) {}
}

impl Context<'_> {
    /// The path that a parameter means: `~` and `$NAME` expanded, relative to `cwd`.
    pub(crate) fn path(&self, text: &str) -> PathBuf {
        self.cwd.join(self.expand(text))
    }

    /// A path with `~` and `$NAME` expanded, and still relative if it is.
    pub(crate) fn expand(&self, text: &str) -> String {
        expand::path(text, self.env, self.fs())
    }

    /// Sleeps, but not past the moment at which the run has to end.
    pub(crate) fn sleep(&self, length: Duration) -> Result<(), Error> {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        self.cancel.wait_timeout(left.map_or(length, |left| left.min(length)));
        self.alive()
    }

    /// Ends the run where it has to end; loops over many files ask before each.
    pub(crate) fn alive(&self) -> Result<(), Error> {
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(Error::Deadline);
        }
        Ok(())
    }
}
