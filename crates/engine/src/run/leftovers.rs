//! Takes back what a dead driver left, without going on with its run.

use std::sync::{Arc, Mutex, PoisonError};

use windlass_model::{CleanupEntry, Code, Event, Failure, Record, RunId};
use windlass_store::Store;

use super::clock::now_ms;
use super::runtime::Runtime;
use crate::Error;
use crate::cleanup::{CleanupJournal, CleanupReport, CleanupStack, JournalFuture, TOTAL_TIMEOUT};

impl Runtime {
    /// Takes back what the last driver of a run registered for that and died before it did, and writes down what
    /// came of it. A resume does so first; this is for runs that nobody resumes. One that is driven is busy.
    pub async fn take_back(&self, id: &RunId) -> Result<CleanupReport, Error> {
        let lease = self.store().lease(id)?;
        let (stored, state) = self.load(id)?;
        stored.row.check_own()?;
        let stack = CleanupStack::restore(self.cleanup_handlers(), &state.cleanups);
        let journal = Closing { store: self.store().clone(), run: id.clone(), last: Mutex::new(state.seq) };
        stack.connect(Arc::new(journal));
        let report = stack.run_all(TOTAL_TIMEOUT).await;
        self.store().flush()?;
        drop(lease);
        Ok(report)
    }
}

/// Writes down what was taken back, behind the last record of a run that nobody drives.
struct Closing {
    store: Store,
    run: RunId,
    last: Mutex<u64>,
}

impl CleanupJournal for Closing {
    fn added<'a>(&'a self, _: &'a CleanupEntry) -> JournalFuture<'a, Result<u64, Failure>> {
        let refused = Failure::new(Code::JournalLost, "the run is over");
        Box::pin(std::future::ready(Err(refused)))
    }

    fn done<'a>(&'a self, id: u64, error: Option<String>) -> JournalFuture<'a, ()> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let event = Event::CleanupDone { id, error };
        let record = Record { seq: *last + 1, time: now_ms(), event };
        // What cannot be written down is taken back once more some day, which does no harm.
        if self.store.append(&self.run, vec![record]).is_ok() {
            *last += 1;
        }
        Box::pin(std::future::ready(()))
    }
}
