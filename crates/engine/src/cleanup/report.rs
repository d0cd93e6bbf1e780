//! What came of a cleanup.

use std::fmt;

use windlass_model::{Code, Failure};

/// What came of a cleanup: how much was taken back, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanupReport {
    /// How many entries were taken back.
    pub done: usize,
    /// The entries that were not, in the order in which they were tried.
    pub failures: Vec<CleanupFailure>,
}

/// An entry that could not be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanupFailure {
    /// What people call it.
    pub label: String,
    /// Why.
    pub why: String,
}

impl CleanupReport {
    /// Whether everything was taken back.
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty()
    }

    /// Adds another report.
    pub fn merge(&mut self, other: CleanupReport) {
        self.done += other.done;
        self.failures.extend(other.failures);
    }

    /// The failures as one error, where there are any. It never stands in for the error that ended the run.
    pub fn failure(&self) -> Option<Failure> {
        let what: Vec<String> = self.failures.iter().map(CleanupFailure::to_string).collect();
        (!what.is_empty()).then(|| {
            Failure::new(Code::CleanupFailed, format!("could not take back {}", what.join("; ")))
                .hint("`windlass doctor` lists what is left behind")
        })
    }

    pub(crate) fn note(&mut self, label: &str, result: Result<(), String>) {
        match result {
            Ok(()) => self.done += 1,
            Err(why) => self.failures.push(CleanupFailure { label: label.to_owned(), why }),
        }
    }
}

impl fmt::Display for CleanupFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.label, self.why)
    }
}
