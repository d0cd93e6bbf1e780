//! Keeps a run's files current, and traces its events.

use windlass_engine::Observer;
use windlass_model::projection::RunMeta;
use windlass_model::{Record, RunState};
use windlass_store::{Store, artifacts};

use crate::args::Level;
use crate::render::step_name;
use crate::ui::Ui;

fn trace(ui: &Ui, state: &RunState, record: &Record) {
    let step = record.event.at().map(|at| step_name(state.plan(), at)).unwrap_or_default();
    ui.log(Level::Trace, record.event.word(), &[("seq", &record.seq), ("step", &step)]);
}

/// Keeps the artifacts of the run current.
pub(super) struct Artifacts {
    store: Store,
    writer: Option<artifacts::Writer>,
    ui: Ui,
}

impl Artifacts {
    /// The artifacts of a run of this store.
    pub(super) fn new(store: Store, ui: Ui) -> Self {
        Self { store, writer: None, ui }
    }

    /// That an artifact cannot be written is not the run's failure.
    fn told(&self, written: windlass_store::Result<()>) {
        if let Err(error) = written {
            self.ui.warn(&format!("the run's files cannot be written: {error}"));
        }
    }
}

impl Observer for Artifacts {
    fn begin(&mut self, meta: &RunMeta, state: &RunState) {
        if let Some((writer, first)) = artifacts::Writer::open(&self.store, meta, state) {
            self.told(first);
            self.writer = Some(writer);
        }
    }

    fn records(&mut self, state: &RunState, records: &[Record]) {
        if self.ui.logs(Level::Trace) {
            records.iter().for_each(|record| trace(&self.ui, state, record));
        }
        if let Some(writer) = &mut self.writer {
            let written = writer.records(state, records);
            self.told(written);
        }
    }

    fn tick(&mut self, state: &RunState) {
        if let Some(writer) = &mut self.writer {
            let written = writer.tick(state);
            self.told(written);
        }
    }

    fn end(&mut self, state: &RunState) {
        if let Some(writer) = &mut self.writer {
            let written = writer.end(state);
            self.told(written);
        }
    }
}
