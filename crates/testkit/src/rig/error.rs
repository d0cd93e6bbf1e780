//! What can go wrong with test hosts.

use std::error::Error as _;
use std::io;

/// What can go wrong with test hosts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The machine lacks something that no installing brings.
    #[error("this machine cannot hold test hosts: {}", .0.join("; "))]
    Machine(Vec<String>),
    /// A program of the machine failed.
    #[error("{command}: {said}")]
    Tool {
        /// What was run.
        command: String,
        /// How it ended, and what it said.
        said: String,
    },
    /// A file or folder could not be used.
    #[error("{what}")]
    Io {
        /// What was done, with the path.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// All numbers are taken.
    #[error("no free network for test hosts")]
    NoNetwork,
    /// A host is off, and was to do something.
    #[error("{0} is off")]
    Off(String),
    /// A host did not come up in time.
    #[error("{host} {what}; it said: {log}")]
    Boot {
        /// Which host.
        host: String,
        /// What did not happen.
        what: &'static str,
        /// What was said while it booted.
        log: String,
    },
    /// Processes of a host did not go.
    #[error("processes in {0} do not end")]
    Immortal(String),
}

impl Error {
    /// What was done, for an error of the operating system.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |source| Self::Io { what, source }
    }

    /// The message with its cause.
    pub fn whole(&self) -> String {
        match self.source() {
            Some(source) => format!("{self}: {source}"),
            None => self.to_string(),
        }
    }
}
