//! What a task hands on as its output.

use serde_json::{Map, Value};

use super::view::{host_count, host_name};
use crate::{At, Plan, RunState, Status};

/// The last step of the task's body that ran on this host, with its result. Steps that were skipped, such as
/// those of a rescue that nobody needed, do not count.
pub fn last_result(state: &RunState, task: u32, host: u32) -> Option<(At, &Value)> {
    let body = state.plan().tasks[task as usize].cleanup as usize;
    let runs = state.steps_on(task, host)[..body].iter().enumerate().rev();
    let mut ran = runs.filter(|(_, run)| run.status().is_some_and(|status| status != Status::Skipped));
    let (step, run) = ran.next()?;
    let result = run.detail.as_ref().map_or(&Value::Null, |detail| &detail.result);
    Some((At { task, step: step as u32, host, item: None }, result))
}

/// What `tasks.<id>.output` is: of its last step the standard output (`run`, `command`, `shell`), the text
/// (`prompt`), otherwise the result; for several hosts a map by host.
pub fn task_output(state: &RunState, task: u32) -> Value {
    let plan = state.plan();
    match host_count(plan, task) {
        1 => host_output(state, task, 0).clone(),
        count => {
            let named = |host| {
                Some((host_name(plan, task, host)?.to_owned(), host_output(state, task, host).clone()))
            };
            Value::Object((0..count).filter_map(named).collect::<Map<_, _>>())
        }
    }
}

/// The output of a task on one host.
pub(super) fn host_output(state: &RunState, task: u32, host: u32) -> &Value {
    match last_result(state, task, host) {
        Some((at, result)) => said(state.plan(), at, result),
        None => &Value::Null,
    }
}

/// The part of a result that its action is run for. A loop's result has a list of them and is left whole.
fn said<'a>(plan: &Plan, at: At, result: &'a Value) -> &'a Value {
    let field = match &*plan.tasks[at.task as usize].steps[at.step as usize].action {
        "run" | "command" | "shell" => "stdout",
        "prompt" => "text",
        _ => return result,
    };
    result.get(field).unwrap_or(result)
}
