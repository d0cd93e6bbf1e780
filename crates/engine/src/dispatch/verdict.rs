//! An attempt's result on its way to an outcome.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use windlass_model::{Code, Detail, Failure, Outcome, Status, Usage};

use crate::action::Output;

/// What later steps, events and artifacts see of a result that says `no_log`.
pub(super) const CENSORED: &str = "the result is hidden because the step says no_log";

/// An attempt's result on its way to an outcome.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) result: Json,
    pub(super) changed: bool,
    pub(super) skipped: Option<String>,
    pub(super) unreachable: bool,
    /// Nobody can know before a real run what it would do and tell.
    pub(super) unknown: bool,
    pub(super) error: Option<Failure>,
    pub(super) usage: Option<Usage>,
}

impl Attempt {
    pub(super) fn of(result: Result<Output, Failure>, no_log: bool) -> Self {
        let output = match result {
            Ok(output) => output,
            Err(error) => Output { failed: true, error: Some(error), ..Output::default() },
        };
        let msg = output.result.get("msg").and_then(Json::as_str).map(str::to_owned);
        let mut error = output.failed.then(|| {
            let told =
                || Failure::new(Code::StepFailed, msg.clone().unwrap_or_else(|| "the step failed".into()));
            output.error.unwrap_or_else(told)
        });
        let mut result = if output.result.is_empty() { Json::Null } else { Json::Object(output.result) };
        if no_log {
            result = json!({ "censored": CENSORED, "changed": output.changed });
            error = error.map(|error| Failure { message: CENSORED.into(), hint: None, ..error });
        }
        Self {
            result,
            changed: output.changed,
            skipped: output.skipped.then(|| msg.unwrap_or_else(|| "there was nothing to do".into())),
            unreachable: output.unreachable,
            unknown: output.unknown,
            error,
            usage: output.usage,
        }
    }

    pub(super) fn change(&mut self, changed: bool) {
        self.changed = changed;
        if let Json::Object(fields) = &mut self.result {
            fields.insert("changed".into(), json!(changed));
        }
    }

    /// `failed_when` says that it did not fail.
    pub(super) fn pardon(&mut self) {
        self.error = None;
        self.unreachable = false;
        if let Json::Object(fields) = &mut self.result {
            fields.insert("failed".into(), json!(false));
        }
    }

    pub(super) fn broken(mut self, error: Failure) -> Outcome {
        self.error = Some(error);
        self.outcome()
    }

    pub(super) fn outcome(&self) -> Outcome {
        let status = match (&self.error, &self.skipped) {
            (Some(_), _) if self.unreachable => Status::Unreachable,
            (Some(_), _) => Status::Failed,
            (None, Some(_)) => Status::Skipped,
            (None, None) if self.changed => Status::Changed,
            (None, None) => Status::Ok,
        };
        let mut result = self.result.clone();
        if let (Json::Object(fields), Some(_)) = (&mut result, &self.error) {
            fields.insert("failed".into(), json!(true));
        }
        let detail = Detail {
            result,
            error: self.error.clone(),
            reason: self.skipped.clone().filter(|_| status == Status::Skipped),
            usage: self.usage.clone(),
            blocked: false,
            unknown: self.unknown,
        };
        let detail = (detail != Detail::default()).then(|| Arc::new(detail));
        Outcome { status, duration_ms: 0, detail }
    }
}
