//! The errors that the engine itself gives to steps, tasks and runs.

use windlass_model::{Code, Failure, TaskId};

/// The run's error when a task failed.
pub(super) fn task_failed(task: &TaskId, error: Option<&Failure>) -> Failure {
    let why = error.map_or("a step failed", |error| &error.message);
    Failure::new(Code::TaskFailed, format!("task {task} failed: {why}"))
}

/// A person ended the run.
pub(super) fn aborted(by: &str) -> Failure {
    Failure::new(Code::Aborted, format!("aborted by {by}")).permanent()
}

/// The run's time is over.
pub(super) fn run_expired(limit_ms: u64) -> Failure {
    Failure::new(Code::RunTimeout, format!("the run took longer than {}", duration(limit_ms)))
        .hint("raise policy.timeout, or look at what was slow with `windlass runs show`")
}

/// A task's time is over.
pub(super) fn task_expired_failure(limit_ms: Option<u64>) -> Failure {
    let limit = duration(limit_ms.unwrap_or_default());
    Failure::new(Code::TaskTimeout, format!("the task took longer than {limit}"))
        .hint("raise the task's timeout, or look at which step is slow")
        .permanent()
}

/// A duration as people write it.
pub(super) fn duration(ms: u64) -> String {
    match ms {
        ms if ms > 0 && ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms > 0 && ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms > 0 && ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        ms => format!("{ms}ms"),
    }
}
