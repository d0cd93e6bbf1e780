//! How a module can fail, beyond a reply that says so.

use std::{borrow::Cow, io, path::PathBuf};

/// Why a module could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The parameters are wrong; every problem is named.
    #[error("{}", join(.0))]
    BadParams(Vec<ParamError>),
    /// The cancel token was pulled.
    #[error("cancelled")]
    Cancelled,
    /// The deadline passed.
    #[error("deadline passed")]
    Deadline,
    /// The module refuses or cannot go on; the text says why.
    #[error("{0}")]
    Failed(String),
    /// The operating system refused.
    #[error("cannot {op} {}: {}", .path.display(), reason(.source))]
    Io {
        /// What it was about.
        path: PathBuf,
        /// What was tried, as a verb.
        op: Cow<'static, str>,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// Whether the same run may well succeed a moment later with nothing else changed.
    pub fn is_transient(&self) -> bool {
        use io::ErrorKind as K;
        match self {
            Self::Io { source, .. } => matches!(
                source.kind(),
                K::Interrupted
                    | K::WouldBlock
                    | K::TimedOut
                    | K::ResourceBusy
                    | K::ExecutableFileBusy
                    | K::StaleNetworkFileHandle
                    | K::ConnectionRefused
                    | K::ConnectionReset
                    | K::ConnectionAborted
                    | K::OutOfMemory
            ),
            Self::BadParams(_) | Self::Cancelled | Self::Deadline | Self::Failed(_) => false,
        }
    }

    /// Gives an I/O error its place: `.map_err(Error::io("open", path))`.
    pub(crate) fn io(op: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, op: op.into(), source }
    }
}

/// One problem with the parameters of a module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", .hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
pub struct ParamError {
    /// The parameter as it was written, unless the problem is with all of them.
    pub param: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to write in its place, where that is known.
    pub hint: Option<String>,
}

impl ParamError {
    pub(crate) fn of(param: &str, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), message: message.into(), hint: None }
    }

    pub(crate) fn whole(message: impl Into<String>) -> Self {
        Self { param: None, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

fn join(problems: &[ParamError]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The system's words without Rust's "(os error 13)", in lower case as the rest of a message.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_io_error_says_what_where_and_why() {
        let error = Error::io("open", "/x")(io::Error::from_raw_os_error(13));
        assert_eq!(error.to_string(), "cannot open /x: permission denied");
    }

    #[test]
    fn only_what_may_pass_by_itself_is_transient() {
        let io = |raw| Error::io("open", "/x")(io::Error::from_raw_os_error(raw));
        for (raw, expected) in [(11, true), (16, true), (26, true), (2, false), (13, false), (28, false)] {
            assert_eq!(io(raw).is_transient(), expected, "errno {raw}");
        }
        assert!(!Error::Cancelled.is_transient() && !Error::Deadline.is_transient());
    }
}
