//! What can go wrong at the command line, and what class of failure each error is: decided once, here.

use std::io;
use std::path::PathBuf;

use windlass_model::{Code, Diagnostic, Diagnostics};

/// An error of a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What was typed makes no sense.
    #[error("{message}")]
    Usage {
        /// The stable code.
        code: Code,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Something that was named is wrong, with places.
    #[error("{0}")]
    Problems(Diagnostics),
    /// A file or folder cannot be used.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Standard output cannot be written, and not because its reader left.
    #[error("standard output cannot be written: {0}")]
    Output(#[source] io::Error),
    /// The asynchronous runtime could not be started.
    #[error("the program's threads cannot be started: {0}")]
    Threads(#[source] io::Error),
}

impl Error {
    /// A usage error.
    pub(crate) fn usage(code: Code, message: impl Into<String>) -> Self {
        Error::Usage { code, message: message.into(), hint: None }
    }

    /// A usage error that says what to do.
    pub(crate) fn usage_hint(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Error::Usage { code, message: message.into(), hint: Some(hint.into()) }
    }

    /// A file error at `path`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Error::File { path, source }
    }

    /// What to show: every problem with its place, where there are any.
    pub(crate) fn diagnostics(&self) -> Diagnostics {
        match self {
            Error::Problems(problems) => problems.clone(),
            Error::Usage { code, message, hint } => {
                let problem = Diagnostic::new(*code, message.clone());
                match hint {
                    Some(hint) => problem.hint(hint.clone()).into(),
                    None => problem.into(),
                }
            }
            Error::File { .. } => Diagnostic::new(Code::FileUnusable, self.to_string()).into(),
            Error::Output(_) => Diagnostic::new(Code::OutputFailed, self.to_string()).into(),
            Error::Threads(_) => Diagnostic::new(Code::OutputFailed, self.to_string()).into(),
        }
    }
}

impl From<Diagnostics> for Error {
    fn from(problems: Diagnostics) -> Self {
        Error::Problems(problems)
    }
}
