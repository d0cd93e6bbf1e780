//! Why a request has no reply, as data that the controller turns back into the error that it was.

use std::{io, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, ParamError};

/// Why a request has no reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// The parameters are wrong.
    BadParams {
        /// Every problem.
        problems: Vec<Problem>,
    },
    /// It was cancelled.
    Cancelled,
    /// It took longer than it may.
    Deadline,
    /// The module refuses or cannot go on.
    Failed {
        /// Why.
        message: String,
    },
    /// The system refused.
    Io {
        /// What it was about.
        path: String,
        /// What was tried.
        op: String,
        /// The system's number, where it is the system's own error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        errno: Option<i32>,
        /// The system's words.
        message: String,
    },
    /// The module panicked: a mistake of the program.
    Panicked {
        /// What it said.
        message: String,
    },
    /// The gate has no such module.
    UnknownModule {
        /// Its name.
        name: String,
    },
    /// It never began, because a module before it in its batch failed or was cancelled.
    NotStarted,
}

/// One problem with parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The parameter, unless the problem is with all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to write in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::BadParams(problems) => {
                Self::BadParams { problems: problems.into_iter().map(Problem::from).collect() }
            }
            Error::Cancelled => Self::Cancelled,
            Error::Deadline => Self::Deadline,
            Error::Failed(message) => Self::Failed { message },
            Error::Io { path, op, source } => Self::Io {
                path: path.to_string_lossy().into_owned(),
                op: op.into_owned(),
                errno: source.raw_os_error(),
                message: source.to_string(),
            },
        }
    }
}

/// Errors of modules; what else can go wrong comes back as it is.
impl TryFrom<Fault> for Error {
    type Error = Fault;

    fn try_from(fault: Fault) -> Result<Self, Fault> {
        Ok(match fault {
            Fault::BadParams { problems } => Self::BadParams(problems.into_iter().map(Into::into).collect()),
            Fault::Cancelled => Self::Cancelled,
            Fault::Deadline => Self::Deadline,
            Fault::Failed { message } => Self::Failed(message),
            Fault::Io { path, op, errno, message } => Self::Io {
                path: PathBuf::from(path),
                op: op.into(),
                source: errno.map_or_else(|| io::Error::other(message), io::Error::from_raw_os_error),
            },
            other => return Err(other),
        })
    }
}

impl From<ParamError> for Problem {
    fn from(ParamError { param, message, hint }: ParamError) -> Self {
        Self { param, message, hint }
    }
}

impl From<Problem> for ParamError {
    fn from(Problem { param, message, hint }: Problem) -> Self {
        Self { param, message, hint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_the_same_on_the_other_side() {
        let problem = ParamError { param: Some("p".into()), message: "m".into(), hint: None };
        for error in [
            Error::BadParams(vec![problem]),
            Error::Cancelled,
            Error::Deadline,
            Error::Failed("why".into()),
            Error::io("open", "/x")(io::Error::from_raw_os_error(26)),
            Error::io("read", "/x")(io::Error::other("odd")),
        ] {
            let (said, transient) = (error.to_string(), error.is_transient());
            let json = serde_json::to_string(&Fault::from(error)).unwrap();
            let back = Error::try_from(serde_json::from_str::<Fault>(&json).unwrap()).unwrap();
            assert_eq!((back.to_string(), back.is_transient()), (said, transient), "{json}");
        }
    }
}
