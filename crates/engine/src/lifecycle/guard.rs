//! Runs the cleanup when a lifecycle goes, by whatever way it goes.

use std::panic::AssertUnwindSafe;

use crate::cleanup::{CleanupStack, TOTAL_TIMEOUT};
use crate::error::panic_text;
use crate::{BackendKey, Error, Phase};

/// Owns the cleanup of a lifecycle. Where nobody awaited it, the destructor runs it: after an early return, an
/// error, a panic, or when the caller just lets go.
#[derive(Debug)]
pub(super) struct Guard(pub(super) CleanupStack);

impl Drop for Guard {
    fn drop(&mut self) {
        // What could not be taken back has nobody left to be told.
        self.0.run_blocking(TOTAL_TIMEOUT);
    }
}

/// Does a part of a phase: its error says where it happened, and a panic in it is an error like others.
pub(super) fn guarded<T>(
    phase: Phase,
    backend: Option<&BackendKey>,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    std::panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(Error::Panic(panic_text(panic))))
        .map_err(|error| error.during(phase, backend))
}
