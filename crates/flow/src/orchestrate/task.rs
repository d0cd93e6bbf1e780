//! What is to be asked, and how it went.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use windlass_llm::context;
use windlass_model::{Cost, Strategy, Usage};

use super::Error;

/// One question of a graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// Its name.
    pub id: Arc<str>,
    /// What the model is asked.
    pub prompt: String,
    /// The model, or a role: flagship, balanced, fast.
    pub model: String,
    /// The tasks whose outputs it needs.
    pub deps: Vec<Arc<str>>,
    /// What the model is told before everything else.
    pub system: Option<String>,
    /// Values by name, for the executor.
    pub inputs: BTreeMap<String, Arc<str>>,
    /// Values by name, for whoever looks at the run.
    pub metadata: BTreeMap<String, String>,
    /// How many tokens the reply may have; the policy's number where nothing is said.
    pub max_output_tokens: Option<u32>,
}

impl Task {
    /// A question to a model.
    pub fn new(id: impl Into<Arc<str>>, model: impl Into<String>, prompt: impl Into<String>) -> Self {
        Self { id: id.into(), model: model.into(), prompt: prompt.into(), ..Self::default() }
    }

    /// Adds tasks that it needs.
    #[must_use]
    pub fn needs<I: Into<Arc<str>>>(mut self, deps: impl IntoIterator<Item = I>) -> Self {
        self.deps.extend(deps.into_iter().map(Into::into));
        self
    }
}

/// How a graph is run.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// How long one task may take from its start; no limit where nothing is said.
    pub timeout: Option<Duration>,
    /// How many tasks run at once; 0 is 1.
    pub max_parallelism: usize,
    /// What the run may cost.
    pub budget: Cost,
    /// What of the tasks before is sent along.
    pub context: context::Policy,
    /// Batches, so that two runs do the same in the same order, or each task as soon as it can.
    pub strategy: Strategy,
    /// How many tokens a reply may have where its task does not say.
    pub max_output_tokens: u32,
}

impl Policy {
    /// One task at a time, in batches, for at most this much.
    pub fn new(budget: Cost) -> Self {
        Self {
            timeout: None,
            max_parallelism: 1,
            budget,
            context: context::Policy::default(),
            strategy: Strategy::Batched,
            max_output_tokens: 4096,
        }
    }
}

/// The state of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// It has not begun.
    #[default]
    Pending,
    /// It goes on.
    Running,
    /// All tasks were completed.
    Completed,
    /// Something failed.
    Failed,
    /// Somebody ended it.
    Aborted,
}

/// The state of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// It waits for others.
    #[default]
    Pending,
    /// It could start.
    Ready,
    /// The model is being asked.
    Running,
    /// It has an output.
    Completed,
    /// It has none, and an error.
    Failed,
    /// It will never start.
    Skipped,
}

impl TaskState {
    /// Whether nothing more will happen.
    pub fn terminal(self) -> bool {
        matches!(self, TaskState::Completed | TaskState::Failed | TaskState::Skipped)
    }
}

/// How one task went so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TaskReport {
    /// Its state.
    pub state: TaskState,
    /// What the model answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Arc<str>>,
    /// Why it failed, or did not start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<TaskError>,
    /// What it used, failed or not.
    #[serde(skip_serializing_if = "Usage::is_zero")]
    pub usage: Usage,
    /// What of its context was left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<context::Dropped>,
}

/// Why a task has no output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskError {
    /// A word for programs: `budget_exceeded`, `execution_failed`, ….
    pub code: &'static str,
    /// A text for people.
    pub message: String,
}

impl TaskError {
    /// An error with its word.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// How a run went so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Its state.
    pub state: RunState,
    /// Its tasks.
    pub tasks: BTreeMap<Arc<str>, TaskReport>,
    /// What all of it used.
    pub usage: Usage,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

impl Report {
    /// The output of a task that was completed.
    pub fn output(&self, task: &str) -> Option<&str> {
        self.tasks.get(task)?.output.as_deref()
    }
}
