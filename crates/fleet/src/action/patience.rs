//! How long the work of a step waits for what its expressions ask outside: until the step is ended or out of time.

use std::sync::Arc;
use std::time::Instant;

use windlass_expr::with_patience;
use windlass_model::Failure;

use crate::failure;

/// The time of a step.
pub(super) struct Time {
    cancelled: Arc<dyn Fn() -> bool + Send + Sync>,
    deadline: Option<Instant>,
}

impl Time {
    /// The time of a step that may be ended, and has a deadline.
    pub(super) fn new(
        cancelled: impl Fn() -> bool + Send + Sync + 'static,
        deadline: Option<Instant>,
    ) -> Self {
        Self { cancelled: Arc::new(cancelled), deadline }
    }

    /// Evaluates on this thread. What is asked on the way is given up soon after the step is over.
    pub(super) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        let (cancelled, deadline) = (self.cancelled.clone(), self.deadline);
        with_patience(Arc::new(move || !cancelled() && !is_past(deadline)), work)
    }

    /// Where the step is over, that is why its expressions failed.
    pub(super) fn judge<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        match result {
            Err(_) if (self.cancelled)() => Err(failure::cancelled()),
            Err(_) if is_past(self.deadline) => Err(failure::late()),
            result => result,
        }
    }
}

fn is_past(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}
