//! Live output of steps: what a person may watch, and what nobody has to keep.

use std::sync::Arc;

use windlass_model::At;

/// Which of a process's streams a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Hears live lines of all steps, redacted. It is called by the step's own thread and must not wait: a watcher
/// that is slow drops lines.
pub trait Watch: Send + Sync {
    /// One line without its end.
    fn line(&self, at: At, stream: Stream, line: &str);

    /// Whether anybody looks right now. Where nobody does, lines of hosts need not travel.
    fn looks(&self) -> bool {
        true
    }
}

/// A step's way to tell what it is doing.
#[derive(Clone)]
pub struct Progress {
    at: At,
    watch: Option<Arc<dyn Watch>>,
    redactor: Arc<crate::redact::Redactor>,
}

impl Progress {
    /// A way that leads to `watch`.
    pub fn new(at: At, watch: Option<Arc<dyn Watch>>, redactor: Arc<crate::redact::Redactor>) -> Self {
        Self { at, watch, redactor }
    }

    /// Whether anybody looks at it.
    pub fn is_watched(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.looks())
    }

    /// Tells one line of output.
    pub fn line(&self, stream: Stream, line: &str) {
        if let Some(watch) = self.watch.as_ref().filter(|watch| watch.looks()) {
            watch.line(self.at, stream, &self.redactor.text(line));
        }
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Progress({:?})", self.at)
    }
}
