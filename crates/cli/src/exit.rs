//! How the program ends, as other programs see it.

use std::process::ExitCode;

use windlass_model::RunStatus;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went well: status 0.
    Done,
    /// Something failed that a person can act on, usage errors included: status 1.
    Failed,
    /// It was stopped on the way, in order: status 2.
    Stopped,
    /// There is something to do, where a command was asked whether there is: status 2.
    Pending,
    /// It was stopped, where status 2 has another meaning: status 130, as of a program that SIGINT ended.
    Interrupted,
}

impl Exit {
    /// How a command ends whose run ended so.
    pub(crate) fn of(status: RunStatus) -> Self {
        match status {
            RunStatus::Completed => Exit::Done,
            RunStatus::Failed | RunStatus::Aborted => Exit::Failed,
            RunStatus::Pending | RunStatus::Running | RunStatus::Interrupted => Exit::Stopped,
        }
    }

    /// The status, as a number.
    pub(crate) fn status(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Stopped | Exit::Pending => 2,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.status())
    }
}
