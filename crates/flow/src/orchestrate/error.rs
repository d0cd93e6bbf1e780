//! Why a run fails, or is not begun.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::SerializeStruct;
use windlass_llm::catalogue::Unknown;

/// Why a run fails, or is not begun.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// What was asked for makes no sense.
    #[error("{0}")]
    InvalidInput(String),
    /// Tasks need each other in a circle.
    #[error("the tasks need each other in a circle: {}", .0.join(" → "))]
    Cycle(Vec<Arc<str>>),
    /// A task needs one that is not there.
    #[error("{task} needs {dep}, which is not there")]
    DepNotFound {
        /// Which task.
        task: Arc<str>,
        /// What it needs.
        dep: Arc<str>,
    },
    /// No model has the name.
    #[error("{task}: {unknown}; {}", unknown.hint())]
    ModelUnknown {
        /// The task that names it.
        task: Arc<str>,
        /// The name, with those that are near.
        unknown: Unknown,
    },
    /// There is no budget.
    #[error("the budget is not set")]
    BudgetNotSet,
    /// A task does not fit into what is left.
    #[error("budget exceeded: {0}")]
    BudgetExceeded(String),
    /// More was used than the budget allows.
    #[error("budget overdrawn: {0}")]
    Overdrawn(String),
    /// A task failed.
    #[error("{task}: {message}")]
    TaskFailed {
        /// Which.
        task: Arc<str>,
        /// The word for why.
        code: &'static str,
        /// Why.
        message: String,
    },
    /// Nothing can start, and not all is done.
    #[error("no progress is possible: {} wait for ever", .0.join(", "))]
    Deadlock(Vec<Arc<str>>),
    /// The run is over.
    #[error("the run is not running")]
    NotRunning,
    /// The task cannot be marked so.
    #[error("{0} is not in a state to be completed")]
    NotReady(Arc<str>),
    /// The run was ended.
    #[error("the run was aborted")]
    Aborted,
}

impl Error {
    /// The word for it in claude-workflow's API.
    pub fn word(&self) -> &'static str {
        match self {
            Error::InvalidInput(_) => "invalid_input",
            Error::Cycle(_) => "dag_cycle",
            Error::DepNotFound { .. } => "dep_not_found",
            Error::ModelUnknown { .. } => "model_unknown",
            Error::BudgetNotSet | Error::NotReady(_) => "internal_error",
            Error::BudgetExceeded(_) | Error::Overdrawn(_) => "budget_exceeded",
            Error::TaskFailed { code: code @ ("cancelled" | "timeout"), .. } => code,
            Error::TaskFailed { .. } => "task_failed",
            Error::Deadlock(_) => "deadlock",
            Error::NotRunning => "run_completed",
            Error::Aborted => "run_aborted",
        }
    }
}

impl Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_struct("Error", 2)?;
        map.serialize_field("code", self.word())?;
        map.serialize_field("message", &self.to_string())?;
        map.end()
    }
}
