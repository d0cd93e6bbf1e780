//! What can go wrong at the command line, and what class of failure each error is: decided once, here.

use std::io;
use std::path::PathBuf;

use serde_json::{Value, json};
use windlass_model::{Code, Diagnostic, Diagnostics};

use crate::exit::Exit;

/// An error of a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Something that was asked for makes no sense, or cannot be done.
    #[error("{message}")]
    Told {
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
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] windlass_engine::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] windlass_store::Error),
    /// A signal ended the command before anything was begun.
    #[error("stopped by {0}")]
    Stopped(&'static str),
    /// The same, in a command whose status 2 has another meaning.
    #[error("stopped by {0}")]
    Interrupted(&'static str),
}

impl Error {
    /// An error that says what is wrong.
    pub(crate) fn told(code: Code, message: impl Into<String>) -> Self {
        Error::Told { code, message: message.into(), hint: None }
    }

    /// Says what to do about an error that has been told.
    #[must_use]
    pub(crate) fn hint(self, text: impl Into<String>) -> Self {
        match self {
            Error::Told { code, message, .. } => Error::Told { code, message, hint: Some(text.into()) },
            other => other,
        }
    }

    /// A file error at `path`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Error::File { path, source }
    }

    /// How the program ends by it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Error::Stopped(_) => Exit::Stopped,
            Error::Interrupted(_) => Exit::Interrupted,
            Error::Told { .. }
            | Error::Problems(_)
            | Error::File { .. }
            | Error::Output(_)
            | Error::Threads(_)
            | Error::Engine(_)
            | Error::Store(_) => Exit::Failed,
        }
    }

    /// What to show: every problem with its place, where there are any.
    pub(crate) fn diagnostics(&self) -> Diagnostics {
        let (code, hint) = match self {
            Error::Problems(problems) => return problems.clone(),
            Error::Engine(error) => return engine(error),
            Error::Told { code, hint, .. } => (*code, hint.clone()),
            Error::Store(error) => (error.code(), error.hint()),
            Error::File { .. } => (Code::FileUnusable, None),
            Error::Output(_) => (Code::OutputFailed, None),
            Error::Threads(_) => (Code::Internal, None),
            Error::Stopped(_) | Error::Interrupted(_) => (Code::Cancelled, None),
        };
        diagnostic(code, self.to_string(), hint).into()
    }

    /// The error as data, for programs that asked for JSON.
    pub(crate) fn to_json(&self) -> Value {
        let problems = self.diagnostics();
        let first = problems.iter().next();
        json!({
            "error": {
                "code": first.map(|problem| problem.code),
                "message": first.map(|problem| &problem.message),
                "hint": first.and_then(|problem| problem.hint.clone()),
                "problems": problems.iter().map(problem_json).collect::<Vec<_>>(),
            }
        })
    }
}

/// One problem as data.
pub(crate) fn problem_json(problem: &Diagnostic) -> Value {
    let place = problem.location.as_ref().map(|location| {
        let (line, column) = location.line_column();
        json!({ "file": location.source.name, "line": line, "column": column })
    });
    json!({
        "code": problem.code,
        "message": problem.message,
        "place": place,
        "hint": problem.hint,
    })
}

fn diagnostic(code: Code, message: String, hint: Option<String>) -> Diagnostic {
    let problem = Diagnostic::new(code, message);
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

/// An error of the engine: the problems of a document as they are, anything else under its phase.
fn engine(error: &windlass_engine::Error) -> Diagnostics {
    let root = error.root();
    match root {
        windlass_engine::Error::Document(problems) => problems.clone(),
        windlass_engine::Error::Store(root) => diagnostic(root.code(), error.to_string(), root.hint()).into(),
        windlass_engine::Error::Failed(failure) => {
            diagnostic(failure.code, error.to_string(), failure.hint.clone()).into()
        }
        windlass_engine::Error::Stale(stale) => stale_problems(stale, root.hint()),
        root => diagnostic(root.code().unwrap_or(Code::Internal), error.to_string(), root.hint()).into(),
    }
}

/// Each thing that has changed since a plan was made; the last one says what to do.
fn stale_problems(stale: &windlass_engine::saved::Stale, hint: Option<String>) -> Diagnostics {
    let last = stale.0.len().saturating_sub(1);
    let mut told = Diagnostics::default();
    for (n, change) in stale.0.iter().enumerate() {
        let message = format!("the plan is stale: {change}");
        told.extend(diagnostic(Code::StalePlan, message, hint.clone().filter(|_| n == last)).into());
    }
    told
}

impl From<Diagnostics> for Error {
    fn from(problems: Diagnostics) -> Self {
        Error::Problems(problems)
    }
}

impl From<Diagnostic> for Error {
    fn from(problem: Diagnostic) -> Self {
        Error::Problems(problem.into())
    }
}
