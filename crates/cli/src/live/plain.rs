//! Progress as plain lines, for a pipe, a file or a CI system: one for each finished step.

use windlass_engine::Observer;
use windlass_model::projection::RunMeta;
use windlass_model::{Record, RunState};

use super::narrate::{Manner, narrate};
use crate::ui::Ui;

/// Says what happens in plain lines.
pub(crate) struct Plain {
    ui: Ui,
    manner: Manner,
}

impl Plain {
    /// Plain lines in this manner.
    pub(crate) fn new(ui: Ui, manner: Manner) -> Self {
        Self { ui, manner }
    }
}

impl Observer for Plain {
    fn begin(&mut self, meta: &RunMeta, _: &RunState) {
        self.manner.run = meta.run_id.to_string();
    }

    fn records(&mut self, state: &RunState, records: &[Record]) {
        let lines: Vec<String> =
            records.iter().flat_map(|record| narrate(state, record, &self.manner)).collect();
        if !lines.is_empty() {
            self.ui.say(&lines.join("\n"));
        }
    }
}
