//! What a person may tell a run, from this process or through the store from another one.

use serde::{Deserialize, Serialize};
use windlass_model::{At, Verdict};

use crate::dispatch::{Input, Stop};

/// What a person may tell a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Say yes or no to a step that asks.
    Answer {
        /// The step.
        at: At,
        /// Yes or no.
        approved: bool,
        /// Who says so.
        by: String,
        /// What they add.
        #[serde(default)]
        note: String,
    },
    /// Decide about a step in doubt.
    Resolve {
        /// The step.
        at: At,
        /// The decision.
        verdict: Verdict,
    },
    /// Stop the run on the way; it can be resumed.
    Stop {
        /// Whether to end what runs, too.
        #[serde(default)]
        cancel: bool,
        /// Why.
        reason: String,
    },
    /// End the run for good.
    Abort {
        /// Who says so.
        by: String,
    },
}

impl From<Command> for Input {
    fn from(command: Command) -> Self {
        match command {
            Command::Answer { at, approved, by, note } => Input::Answer { at, approved, by, note },
            Command::Resolve { at, verdict } => Input::Resolve { at, verdict },
            Command::Stop { cancel, reason } => {
                Input::Stop { stop: if cancel { Stop::Cancel } else { Stop::Drain }, reason }
            }
            Command::Abort { by } => Input::Abort { by },
        }
    }
}
