//! Events as JSON lines on standard output, while they happen.

use std::sync::Arc;

use windlass_engine::Observer;
use windlass_model::projection::{Attempts, RunMeta, event_line};
use windlass_model::{Record, RunId, RunState};

use crate::out::Out;

/// Writes each event as it becomes durable.
pub(crate) struct Events {
    out: Arc<Out>,
    run: Option<RunId>,
    attempts: Attempts,
}

impl Events {
    /// Events go to `out`.
    pub(crate) fn new(out: Arc<Out>) -> Self {
        Self { out, run: None, attempts: Attempts::default() }
    }
}

impl Observer for Events {
    fn begin(&mut self, meta: &RunMeta, _: &RunState) {
        self.run = Some(meta.run_id.clone());
    }

    fn records(&mut self, state: &RunState, records: &[Record]) {
        let Some(run) = &self.run else { return };
        for record in records {
            let line = event_line(state.plan(), run, record).told(self.attempts.note(state.plan(), record));
            // The run goes on whoever listens: what cannot be written is in the journal all the same.
            let _ = self.out.json_line(&line);
        }
    }
}
