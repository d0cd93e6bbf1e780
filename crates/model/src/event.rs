//! What happened: the facts that the journal keeps, and of which a run's state is the sum.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Failure, Note, Outcome, Usage};

/// One execution of a step: which step, on which host, and for a loop on which item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct At {
    /// Index of the task in the plan.
    #[serde(rename = "t")]
    pub task: u32,
    /// Index of the step in the task.
    #[serde(rename = "s")]
    pub step: u32,
    /// Position of the host in the task's host set.
    #[serde(rename = "h")]
    pub host: u32,
    /// Index of the loop's item; none for the step itself.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
}

impl At {
    /// The step itself, where this is one of its items.
    #[must_use]
    pub fn whole(self) -> At {
        At { item: None, ..self }
    }

    /// One item of this step.
    #[must_use]
    pub fn item(self, item: u32) -> At {
        At { item: Some(item), ..self }
    }
}

/// One fact with its place in the order of its run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number in the run, from 1, without gaps.
    pub seq: u64,
    /// When it was written, in milliseconds since 1970.
    pub time: u64,
    /// The fact.
    pub event: Event,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It is written down and was never started.
    #[default]
    Pending,
    /// A driver works on it, or did until it died.
    Running,
    /// It was stopped on the way, and can be resumed.
    Interrupted,
    /// Everything is done.
    Completed,
    /// Something failed; resuming tries it again.
    Failed,
    /// A person ended it for good.
    Aborted,
}

impl RunStatus {
    /// The word for it in artifacts.
    pub fn word(self) -> &'static str {
        match self {
            RunStatus::Pending => "pending",
            RunStatus::Running => "running",
            RunStatus::Interrupted => "interrupted",
            RunStatus::Completed => "completed",
            RunStatus::Failed => "failed",
            RunStatus::Aborted => "aborted",
        }
    }

    /// Whether nothing more can happen without a resume.
    pub fn is_finished(self) -> bool {
        matches!(self, RunStatus::Completed | RunStatus::Failed | RunStatus::Aborted)
    }

    /// Whether `resume` has something to go on with.
    pub fn is_resumable(self) -> bool {
        matches!(self, RunStatus::Pending | RunStatus::Running | RunStatus::Interrupted | RunStatus::Failed)
    }
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskEnd {
    /// All that had to be done was done.
    Completed,
    /// A step failed and nothing rescued it.
    Failed,
    /// Its own condition was not met; what needs it goes on.
    Skipped,
    /// Something that it needs failed, or the run ended first; what needs it is skipped too.
    Blocked,
    /// What it did was taken back.
    Undone,
}

/// What a person, or `on_doubt`, decided about a step of which it is not known whether it ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Run it again.
    Rerun,
    /// Take it as done without a result.
    Skip,
    /// Take it as failed.
    Fail,
}

/// Which store of state a key lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The run's.
    Global,
    /// The pipeline's.
    Pipeline,
    /// A stage's, by its index.
    Stage(u32),
    /// A task's, by its index.
    Task(u32),
}

/// What is added to a plan while it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fragment {
    /// The items that a loop turned out to have; each becomes a child step `step[n]`.
    Items(Arc<Vec<Value>>),
    /// The tasks of a stage once more: what they do now is `task~round`.
    Round {
        /// Index of the stage.
        stage: u32,
        /// The number of the round, from 2.
        round: u32,
    },
}

/// Something to take back however the run ends, as data, so that another process can do it after a crash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CleanupEntry {
    /// What kind it is: which handler takes it back.
    pub kind: String,
    /// What people read.
    pub label: String,
    /// What the handler needs to know. Never a secret.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

/// One fact. A run has millions of them, so what is large in the rare ones lies behind a pointer: 56 bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A driver took the run up: for the first time, or after an interruption, a crash or a failure.
    RunStarted {
        /// The driver's process id.
        pid: u32,
        /// Whether it goes on with an earlier driver's work.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        resumed: bool,
    },
    /// A run in check mode was taken up again, and foresees everything anew: what was foreseen is in no journal, and
    /// asking once more changes nothing.
    CheckRenewed,
    /// The run stopped on the way.
    RunInterrupted {
        /// By what.
        reason: String,
    },
    /// The run ended.
    RunFinished {
        /// How: completed, failed or aborted.
        status: RunStatus,
        /// Why, where it did not complete.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Box<Failure>>,
    },
    /// A task ended.
    TaskFinished {
        /// Index of the task.
        task: u32,
        /// How.
        end: TaskEnd,
        /// Why, where it did not complete.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// What it hands on: its outputs by name, for several hosts by host.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outputs: Option<Arc<Value>>,
        /// Its error, where it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Box<Failure>>,
    },
    /// An attempt at a step begins. For an action with effects this is durable before the effect.
    StepStarted {
        /// Which.
        #[serde(flatten)]
        at: At,
        /// The attempt's number, from 1.
        #[serde(rename = "n")]
        attempt: u32,
        /// What the budget holds back for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reserved: Option<Box<Usage>>,
    },
    /// Steps were handed over together, to be done one after another without asking: the ones up to `last` after
    /// the one that begins now. The first failure ends that, and what comes after it never began.
    StepsSent {
        /// The first of them.
        #[serde(flatten)]
        at: At,
        /// The index of the last one in its task.
        last: u32,
    },
    /// An attempt writes down how far it is. This is durable before it goes on.
    StepNoted {
        /// Which.
        #[serde(flatten)]
        at: At,
        /// The attempt.
        #[serde(rename = "n")]
        attempt: u32,
        /// What it says.
        note: Arc<Note>,
    },
    /// An attempt failed and there will be another.
    StepRetried {
        /// Which.
        #[serde(flatten)]
        at: At,
        /// The attempt that failed.
        #[serde(rename = "n")]
        attempt: u32,
        /// Why it failed.
        error: Box<Failure>,
        /// The wait before the next attempt, in milliseconds.
        delay_ms: u64,
        /// What the attempt used: what is spent stays spent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        used: Option<Box<Usage>>,
    },
    /// A step ended on a host. Exactly one of these stands for each, however often it was tried.
    StepFinished {
        /// Which.
        #[serde(flatten)]
        at: At,
        /// What came of it.
        #[serde(rename = "o")]
        outcome: Outcome,
    },
    /// The plan grew.
    PlanExtended {
        /// Where.
        #[serde(flatten)]
        at: At,
        /// By what.
        fragment: Fragment,
        /// The fragment's digest.
        digest: Box<str>,
    },
    /// A step waits for a person's yes or no.
    ApprovalAsked {
        /// Which.
        #[serde(flatten)]
        at: At,
        /// The question.
        prompt: String,
    },
    /// A person answered. The step's own end follows.
    ApprovalGiven {
        /// Which.
        #[serde(flatten)]
        at: At,
        /// Yes or no.
        approved: bool,
        /// Who said so.
        by: Box<str>,
        /// What they added.
        #[serde(default, skip_serializing_if = "str::is_empty")]
        note: Box<str>,
    },
    /// A step in doubt waits for a person.
    StepHeld {
        /// Which.
        #[serde(flatten)]
        at: At,
    },
    /// What was decided about a step in doubt.
    DoubtResolved {
        /// Which.
        #[serde(flatten)]
        at: At,
        /// The decision.
        verdict: Verdict,
    },
    /// The rounds of a repeated stage are used up, or it cannot be told whether another is due.
    StageFailed {
        /// Index of the stage.
        stage: u32,
        /// Why.
        error: Box<Failure>,
    },
    /// A value was written to a scope of the run's state.
    StateSet {
        /// Where.
        scope: Scope,
        /// The key.
        key: String,
        /// The value; `None` deletes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<Arc<Value>>,
    },
    /// A batch is done; its results count in this order.
    BatchMerged {
        /// The batch's number, from 1.
        batch: u32,
        /// Its tasks, by index, sorted.
        tasks: Vec<u32>,
    },
    /// What it takes to take a step back; durable before the step begins to change anything.
    UndoKept {
        /// Which.
        #[serde(flatten)]
        at: At,
        /// How it was before, as its action knows it. Never a secret.
        before: Arc<Value>,
    },
    /// What was done in a scope is to be taken back: a task or a stage that failed as a transaction, or the
    /// whole run, which goes on with that after its end.
    UndoStarted {
        /// The scope.
        scope: Scope,
    },
    /// A step was taken back, or could not be.
    StepUndone {
        /// Which.
        #[serde(flatten)]
        at: At,
        /// Why it could not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Box<Failure>>,
    },
    /// Everything in a scope was taken back, as far as it could be.
    UndoFinished {
        /// The scope.
        scope: Scope,
        /// The first reason why something could not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Box<Failure>>,
    },
    /// Something is to be taken back however the run ends.
    CleanupAdded {
        /// Its number, from 1.
        id: u64,
        /// What it is.
        entry: Box<CleanupEntry>,
    },
    /// It was taken back, or could not be.
    CleanupDone {
        /// Its number.
        id: u64,
        /// Why it could not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
}

impl Event {
    /// The word for it in `events.jsonl`.
    pub fn word(&self) -> &'static str {
        match self {
            Event::RunStarted { .. } => "run_started",
            Event::CheckRenewed => "check_renewed",
            Event::RunInterrupted { .. } => "run_interrupted",
            Event::RunFinished { .. } => "run_finished",
            Event::TaskFinished { .. } => "task_finished",
            Event::StepStarted { .. } => "step_started",
            Event::StepsSent { .. } => "steps_sent",
            Event::StepNoted { .. } => "step_noted",
            Event::StepRetried { .. } => "step_retried",
            Event::StepFinished { .. } => "step_finished",
            Event::PlanExtended { .. } => "plan_extended",
            Event::ApprovalAsked { .. } => "approval_asked",
            Event::ApprovalGiven { .. } => "approval_given",
            Event::StepHeld { .. } => "step_held",
            Event::DoubtResolved { .. } => "doubt_resolved",
            Event::StageFailed { .. } => "stage_failed",
            Event::StateSet { .. } => "state_set",
            Event::BatchMerged { .. } => "batch_merged",
            Event::UndoKept { .. } => "undo_kept",
            Event::UndoStarted { .. } => "undo_started",
            Event::StepUndone { .. } => "step_undone",
            Event::UndoFinished { .. } => "undo_finished",
            Event::CleanupAdded { .. } => "cleanup_added",
            Event::CleanupDone { .. } => "cleanup_done",
        }
    }

    /// The execution of a step that it is about.
    pub fn at(&self) -> Option<At> {
        match self {
            Event::StepStarted { at, .. }
            | Event::StepsSent { at, .. }
            | Event::StepNoted { at, .. }
            | Event::StepRetried { at, .. }
            | Event::StepFinished { at, .. }
            | Event::PlanExtended { at, fragment: Fragment::Items(_), .. }
            | Event::ApprovalAsked { at, .. }
            | Event::ApprovalGiven { at, .. }
            | Event::StepHeld { at }
            | Event::UndoKept { at, .. }
            | Event::StepUndone { at, .. }
            | Event::DoubtResolved { at, .. } => Some(*at),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_small() {
        assert!(size_of::<Record>() <= 72, "a record has {} bytes", size_of::<Record>());
    }
}
