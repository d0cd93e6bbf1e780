//! Progress as plain lines, for a pipe, a file or a CI system: one for each finished step.

use windlass_engine::Observer;
use windlass_model::projection::RunMeta;
use windlass_model::{Event, Record, RunState};

use super::narrate::{Manner, narrate};
use crate::ui::Ui;

/// Says what happens in plain lines.
pub(crate) struct Plain {
    ui: Ui,
    manner: Manner,
    questions: bool,
}

impl Plain {
    /// Plain lines in this manner.
    pub(crate) fn new(ui: Ui, manner: Manner) -> Self {
        Self { ui, manner, questions: false }
    }

    /// Only what waits for an answer, however quiet it is to be: nobody guesses that.
    pub(crate) fn questions(ui: Ui, manner: Manner) -> Self {
        Self { ui, manner, questions: true }
    }
}

impl Observer for Plain {
    fn begin(&mut self, meta: &RunMeta, _: &RunState) {
        self.manner.run = meta.run_id.to_string();
    }

    fn records(&mut self, state: &RunState, records: &[Record]) {
        let asks = |event: &Event| matches!(event, Event::ApprovalAsked { .. } | Event::StepHeld { .. });
        let told = records.iter().filter(|record| !self.questions || asks(&record.event));
        let lines: Vec<String> = told.flat_map(|record| narrate(state, record, &self.manner)).collect();
        match lines.is_empty() {
            true => {}
            false if self.questions => self.ui.complain(&lines.join("\n")),
            false => self.ui.say(&lines.join("\n")),
        }
    }
}
