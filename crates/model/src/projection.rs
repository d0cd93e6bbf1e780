//! What people and programs see of a run and its plan: pure functions of plan, records and state.
//!
//! Runs have up to a million steps, so every projection is a view that serialises as it is walked; the
//! functions that return a [`Value`](serde_json::Value) are for small ones and for tests.

mod audit;
mod costs;
mod events;
mod output;
mod plan;
mod report;
mod run;
#[cfg(test)]
mod tests;
mod totals;
mod trace;
mod view;

pub use audit::{Audit, has_audit};
pub use costs::{Costs, StageCosts, StepCosts, TaskCosts, costs};
pub use events::{Attempts, EventLine, Told, event_line};
pub use output::{last_result, task_output};
pub use plan::{PlanView, plan_view};
pub use report::{ErrorReport, error_report, last_lines};
pub use run::{RunView, TaskState, attempts, changed, run_state, step_word, task_state, usage};
pub use totals::{Totals, totals};
pub use trace::Trace;

use crate::{BlobId, RunId};

/// The version of `run_state.json`, `plan.json` and `error_report.json`.
pub const SCHEMA_VERSION: u32 = 1;

/// What a run's state does not say about the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunMeta {
    /// The run's id.
    pub run_id: RunId,
    /// Who started it: `ci`, `local` or `api`.
    pub invoker: String,
    /// The digest of its plan.
    pub plan_digest: BlobId,
}

impl RunMeta {
    /// What is known of a run besides its state.
    pub fn new(run_id: RunId, invoker: impl Into<String>, plan_digest: BlobId) -> Self {
        Self { run_id, invoker: invoker.into(), plan_digest }
    }
}
