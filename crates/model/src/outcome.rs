//! What came of one step on one host.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Code, Usage};

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It did its work and found nothing to change.
    Ok,
    /// It changed something.
    Changed,
    /// It was not to run, by its condition or because something it stands on failed.
    Skipped,
    /// It failed.
    Failed,
    /// Its host could not be reached.
    Unreachable,
    /// It was ended before it could finish.
    Cancelled,
    /// What it did was taken back.
    Undone,
}

impl Status {
    /// Whether later steps of the same host may count on it.
    pub fn is_success(self) -> bool {
        matches!(self, Status::Ok | Status::Changed | Status::Skipped)
    }

    /// The word for it in artifacts.
    pub fn word(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Changed => "changed",
            Status::Skipped => "skipped",
            Status::Failed => "failed",
            Status::Unreachable => "unreachable",
            Status::Cancelled => "cancelled",
            Status::Undone => "undone",
        }
    }
}

/// An error as data: it survives a restart, and a person can act on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The stable code.
    pub code: Code,
    /// What went wrong, as a lower-case fragment.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether trying again may help by itself (a lost connection, not a bad parameter).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transient: bool,
    /// Whether trying again cannot help: the request itself is wrong or refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub permanent: bool,
}

impl Failure {
    /// A failure of which nothing is known about trying again.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, transient: false, permanent: false }
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says that trying again cannot help.
    #[must_use]
    pub fn permanent(mut self) -> Self {
        self.permanent = true;
        self
    }

    /// Says that trying again may help.
    #[must_use]
    pub fn transient(mut self) -> Self {
        self.transient = true;
        self
    }
}

/// What a step says beyond how it ended. Most no-op steps have none, which keeps large runs small.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    /// The result, redacted, as later steps see it: Ansible's fields for a module.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub result: Value,
    /// Why it failed, even where the failure is ignored or rescued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// Why it was skipped, or was let through though it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Whether it was skipped only because something else failed or ended: a resume opens it again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blocked: bool,
    /// Whether nobody can know what it would do and tell before it really runs (check mode).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
}

/// What came of one step on one host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// From its first start to its end, waits between attempts included.
    #[serde(rename = "ms", default)]
    pub duration_ms: u64,
    /// The rest, where there is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Arc<Detail>>,
}

impl Outcome {
    /// An outcome with nothing more to say.
    pub fn bare(status: Status) -> Self {
        Self { status, duration_ms: 0, detail: None }
    }

    /// A step that was not to run, and why.
    pub fn skipped(reason: impl Into<String>) -> Self {
        let detail = Detail { reason: Some(reason.into()), ..Detail::default() };
        Self { status: Status::Skipped, duration_ms: 0, detail: Some(Arc::new(detail)) }
    }

    /// A step that did not come to run because something else failed or ended.
    pub fn blocked(reason: impl Into<String>) -> Self {
        let detail = Detail { reason: Some(reason.into()), blocked: true, ..Detail::default() };
        Self { status: Status::Skipped, duration_ms: 0, detail: Some(Arc::new(detail)) }
    }

    /// A step of which a check cannot know what it would do, and why.
    pub fn unknown(reason: impl Into<String>) -> Self {
        let result = serde_json::json!({ "unknown": true });
        let detail = Detail { result, reason: Some(reason.into()), unknown: true, ..Detail::default() };
        Self { status: Status::Skipped, duration_ms: 0, detail: Some(Arc::new(detail)) }
    }

    /// A failure.
    pub fn failed(error: Failure) -> Self {
        let detail = Detail { error: Some(error), ..Detail::default() };
        Self { status: Status::Failed, duration_ms: 0, detail: Some(Arc::new(detail)) }
    }

    /// The same with a result.
    #[must_use]
    pub fn with_result(mut self, result: Value) -> Self {
        Arc::make_mut(self.detail.get_or_insert_default()).result = result;
        self
    }

    /// The same with a reason.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
        Arc::make_mut(self.detail.get_or_insert_default()).reason = Some(reason.into());
        self
    }

    /// The same with an error.
    #[must_use]
    pub fn with_error(mut self, error: Failure) -> Self {
        Arc::make_mut(self.detail.get_or_insert_default()).error = Some(error);
        self
    }

    /// The same, of which nobody can know all before it really runs.
    #[must_use]
    pub fn but_unknown(mut self) -> Self {
        Arc::make_mut(self.detail.get_or_insert_default()).unknown = true;
        self
    }

    /// The result, or null.
    pub fn result(&self) -> &Value {
        self.detail.as_ref().map_or(&Value::Null, |d| &d.result)
    }

    /// Why it failed.
    pub fn error(&self) -> Option<&Failure> {
        self.detail.as_ref()?.error.as_ref()
    }

    /// Why it was skipped or let through.
    pub fn reason(&self) -> Option<&str> {
        self.detail.as_ref()?.reason.as_deref()
    }

    /// Whether nobody can know what it would do and tell before it really runs.
    pub fn is_unknown(&self) -> bool {
        self.detail.as_ref().is_some_and(|detail| detail.unknown)
    }

    /// What it used.
    pub fn usage(&self) -> Option<&Usage> {
        self.detail.as_ref()?.usage.as_ref()
    }
}
