//! What the world sees of runs, as pure projections of plans, records and states.

use serde_json::{Map, Value};

use crate::{At, BlobId, RunId, RunState, Status};

/// What a run's state does not say about the run.
#[derive(Clone, Debug, PartialEq)]
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

/// What a task gives as its `output`: of its last body step that ran, the standard output (`run`, `command`,
/// `shell`), the text (`prompt`), otherwise the result; with several hosts a map by host.
pub fn task_output(state: &RunState, task: u32) -> Value {
    let plan = state.plan();
    let spec = &plan.tasks[task as usize];
    let hosts = plan.hosts_of(spec);
    if let [_] = hosts {
        return output_on(state, task, 0);
    }
    let by_host = hosts.iter().enumerate();
    let by_host =
        by_host.map(|(n, &host)| (plan.hosts[host as usize].to_string(), output_on(state, task, n as u32)));
    Value::Object(by_host.collect::<Map<_, _>>())
}

fn output_on(state: &RunState, task: u32, host: u32) -> Value {
    let spec = &state.plan().tasks[task as usize];
    let ran = |step: &u32| {
        let run = state.step(At { task, step: *step, host, item: None });
        run.and_then(|run| run.status()).is_some_and(|status| status != Status::Skipped)
    };
    let Some(step) = (0..spec.cleanup).rev().find(ran) else { return Value::Null };
    let run = state.step(At { task, step, host, item: None });
    let Some(detail) = run.and_then(|run| run.detail.clone()) else { return Value::Null };
    let field = match &*spec.steps[step as usize].action {
        "command" | "shell" => "stdout",
        "prompt" => "text",
        _ => return detail.result.clone(),
    };
    detail.result.get(field).unwrap_or(&detail.result).clone()
}
