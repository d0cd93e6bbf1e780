//! What went wrong in a run, as `error_report.json` has it.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::run::{TaskState, step_word, task_state};
use super::view::{Error, Items, executions, failed, host_name, step_id};
use super::{RunMeta, SCHEMA_VERSION};
use crate::{At, RunState, StepRun};

/// How many lines of a failed step's standard error are quoted.
const QUOTED: usize = 10;

/// `error_report.json` as a value.
pub fn error_report(meta: &RunMeta, state: &RunState) -> Value {
    serde_json::to_value(ErrorReport { meta, state }).expect("a view has string keys and finite numbers only")
}

/// `error_report.json` as something to serialise.
#[derive(Clone, Copy, Debug)]
pub struct ErrorReport<'a> {
    /// What the run is.
    pub meta: &'a RunMeta,
    /// Where it stands.
    pub state: &'a RunState,
}

impl Serialize for ErrorReport<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Report<'a, F> {
            schema_version: u32,
            run_id: &'a str,
            name: &'a str,
            state: &'a str,
            error: Option<Error<'a>>,
            failures: F,
        }
        let (meta, state) = (self.meta, self.state);
        Report {
            schema_version: SCHEMA_VERSION,
            run_id: meta.run_id.as_str(),
            name: &state.plan().name,
            state: state.status.word(),
            error: state.error.as_ref().map(Error::from),
            failures: Items(|| {
                let tasks = 0..state.plan().tasks.len() as u32;
                tasks
                    .flat_map(|task| executions(state, task))
                    .filter(|(_, run)| failed(run))
                    .map(|(at, run)| failure(state, at, run))
            }),
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
struct FailedStep<'a> {
    task: &'a str,
    step: Option<String>,
    name: &'a str,
    action: &'a str,
    host: Option<&'a str>,
    state: &'a str,
    /// Whether its task went on and completed all the same.
    rescued: bool,
    attempts: u32,
    error: Option<Error<'a>>,
    stderr: Vec<&'a str>,
    stderr_omitted: usize,
}

fn failure<'a>(state: &'a RunState, at: At, run: &'a StepRun) -> FailedStep<'a> {
    let plan = state.plan();
    let task = &plan.tasks[at.task as usize];
    let step = &task.steps[at.step as usize];
    let detail = run.detail.as_deref();
    let (stderr, stderr_omitted) = last_lines(detail.map_or(&Value::Null, |d| &d.result), QUOTED);
    FailedStep {
        task: task.id.as_str(),
        step: step_id(plan, at),
        name: step.title(),
        action: &step.action,
        host: host_name(plan, at.task, at.host),
        state: step_word(run),
        rescued: task_state(state, at.task) == TaskState::Completed,
        attempts: run.attempts,
        error: detail.and_then(|d| d.error.as_ref()).map(Error::from),
        stderr,
        stderr_omitted,
    }
}

/// The last lines of a result's standard error, and how many there are before them.
pub fn last_lines(result: &Value, count: usize) -> (Vec<&str>, usize) {
    let text = result.get("stderr").and_then(Value::as_str).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let omitted = lines.len().saturating_sub(count);
    (lines[omitted..].to_vec(), omitted)
}
