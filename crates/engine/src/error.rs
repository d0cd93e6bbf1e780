//! What can go wrong in the engine, each with its phase and its cause.

use std::path::PathBuf;

use windlass_model::{BadPlan, Code, Diagnostics, Failure, RunId};

/// An error of the engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A document, a variable or a request has problems.
    #[error("{0}")]
    Document(Diagnostics),
    /// A phase of the lifecycle failed.
    #[error("{}: {source}", phase_name(*phase, backend.as_deref()))]
    Phase {
        /// Which phase.
        phase: crate::Phase,
        /// The backend, as `mode/name`, once it is known.
        backend: Option<String>,
        /// Why.
        #[source]
        source: Box<Error>,
    },
    /// The mode is not registered.
    #[error("unknown mode {mode:?} (registered modes: {})", known.join(", "))]
    UnknownMode {
        /// The mode that was asked for.
        mode: String,
        /// The modes that are there.
        known: Vec<String>,
    },
    /// The mode is registered, the backend is not.
    #[error("unknown backend {name:?} for mode {mode:?} (registered backends: {})", known.join(", "))]
    UnknownBackend {
        /// The mode.
        mode: String,
        /// The backend that was asked for.
        name: String,
        /// The backends of the mode that are there.
        known: Vec<String>,
    },
    /// No backend recognises the document.
    #[error("{document} is no document that a registered backend knows")]
    Unrecognised {
        /// What the document is called.
        document: String,
    },
    /// The backend cannot do what the request needs.
    #[error("backend {backend:?} is missing required capabilities: {}", missing.join(", "))]
    Incapable {
        /// The backend, as `mode/name`.
        backend: String,
        /// The capabilities that it does not have.
        missing: Vec<String>,
    },
    /// The program registers one name twice.
    #[error("{what} {name:?} is registered twice")]
    Duplicate {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The plan is no plan.
    #[error(transparent)]
    Plan(#[from] BadPlan),
    /// The plan has an action that this program does not know.
    #[error("step {step} does {action:?}, which this program does not know")]
    UnknownAction {
        /// The step, as `task/step`.
        step: String,
        /// The action.
        action: String,
    },
    /// There is nothing to resume.
    #[error("run {run} is {status}: there is nothing to resume")]
    NotResumable {
        /// The run.
        run: RunId,
        /// Its status.
        status: &'static str,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] windlass_store::Error),
    /// A file holds no saved plan that can be used.
    #[error("{} holds no saved plan that can be used: {why}", path.display())]
    BadSavedPlan {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        why: crate::saved::BadFile,
    },
    /// What a saved plan stands on has changed. Nothing was done.
    #[error("{0}")]
    Stale(crate::saved::Stale),
    /// A plan that is to be saved holds a secret.
    #[error("the plan would hold the value of secret {secret} (at {place})")]
    SecretInPlan {
        /// The secret.
        secret: String,
        /// Where in the file it would stand, as a JSON pointer.
        place: String,
    },
    /// A saved plan belongs to the runs of another folder.
    #[error("the plan belongs to the runs of {} (in {})", home.project, home.state)]
    OtherScope {
        /// Where it belongs.
        home: crate::saved::Home,
    },
    /// A plan is to be saved over a file that is something else.
    #[error("{} is there and is no saved plan: it is not overwritten", path.display())]
    NotOverwritten {
        /// The file.
        path: PathBuf,
    },
    /// The request has no document.
    #[error("the request has no document")]
    NoDocument,
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something failed, as data.
    #[error("{0}")]
    Failed(Failure),
    /// The error of a run that several wait for.
    #[error(transparent)]
    Shared(std::sync::Arc<Error>),
    /// A part of the program panicked: a bug. The cleanup has run all the same.
    #[error("internal error: {0}")]
    Panic(String),
}

fn phase_name(phase: crate::Phase, backend: Option<&str>) -> String {
    match backend {
        Some(backend) => format!("{phase}[{backend}]"),
        None => phase.to_string(),
    }
}

impl From<Diagnostics> for Error {
    fn from(problems: Diagnostics) -> Self {
        Error::Document(problems)
    }
}

impl Error {
    /// The stable code, where it has one.
    pub fn code(&self) -> Option<Code> {
        Some(match self {
            Error::Document(problems) => return problems.iter().next().map(|problem| problem.code),
            Error::Phase { source, .. } => return source.code(),
            Error::Shared(error) => return error.code(),
            Error::Failed(failure) => failure.code,
            Error::Store(error) => error.code(),
            Error::UnknownMode { .. } | Error::UnknownBackend { .. } => Code::UnknownBackend,
            Error::Unrecognised { .. } => Code::Unrecognised,
            Error::Incapable { .. } => Code::Incapable,
            Error::Plan(_) => Code::MalformedPlan,
            Error::UnknownAction { .. } => Code::UnknownAction,
            Error::NotResumable { .. } => Code::NotResumable,
            Error::BadSavedPlan { .. } => Code::BadSavedPlan,
            Error::Stale(_) => Code::StalePlan,
            Error::SecretInPlan { .. } => Code::SecretInPlan,
            Error::NotOverwritten { .. } => Code::NotOverwritten,
            Error::OtherScope { .. } => Code::OtherScope,
            Error::NoDocument => Code::NoDocument,
            Error::Io { .. } => Code::FileUnusable,
            Error::Panic(_) | Error::Duplicate { .. } => Code::Internal,
        })
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self.root() {
            Error::Document(problems) => problems.iter().next()?.hint.clone(),
            Error::Failed(failure) => failure.hint.clone(),
            Error::Store(error) => error.hint(),
            Error::Unrecognised { .. } => {
                Some("a workflow begins with `workflow: NAME`; `windlass init` writes one that works".into())
            }
            Error::BadSavedPlan { .. } => Some("`windlass plan FILE -o PLAN` makes one".into()),
            Error::Stale(_) => Some("plan again, look at the new plan, and apply that".into()),
            Error::SecretInPlan { .. } => Some("write `{{ secrets.NAME }}` where the value stands".into()),
            Error::NotOverwritten { .. } => Some("choose another name for the plan".into()),
            Error::OtherScope { home } => {
                Some(format!("apply it there: `windlass -C {} apply PLAN`", home.project))
            }
            Error::Panic(_) => Some("this is a bug; please report it. `windlass resume` goes on".into()),
            _ => None,
        }
    }

    /// The error as data: what a report shows, and what survives a restart.
    pub fn failure(&self) -> Option<Failure> {
        if let Error::Failed(failure) = self.root() {
            return Some(failure.clone());
        }
        Some(Failure { hint: self.hint(), ..Failure::new(self.code()?, self.to_string()) })
    }

    /// The error below the names of its phases.
    pub fn root(&self) -> &Error {
        match self {
            Error::Phase { source, .. } => source.root(),
            Error::Shared(error) => error.root(),
            other => other,
        }
    }

    /// Says in which phase, and once it is known for which backend, it happened. An error that says so already
    /// stays as it is.
    #[must_use]
    pub fn during(self, phase: crate::Phase, backend: Option<&crate::BackendKey>) -> Self {
        match self {
            Error::Phase { .. } => self,
            source => {
                Error::Phase { phase, backend: backend.map(ToString::to_string), source: Box::new(source) }
            }
        }
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: Box<dyn std::any::Any + Send>) -> String {
    let text = match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or("it said nothing").to_owned(),
    };
    format!("panicked: {text}")
}
