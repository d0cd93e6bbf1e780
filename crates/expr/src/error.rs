//! What can go wrong with an expression: one error type that says what, where in the text, and what to do.

use std::fmt;

/// The class of a failure, for callers that map it to a code of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is no valid Jinja, or uses a part of it that is not supported.
    Syntax,
    /// The text names a filter, test, function or method that does not exist.
    Unknown,
    /// A variable, or a part of one, does not exist in the scope.
    Undefined,
    /// A value does not fit the operation: wrong type, bad argument, failed conversion.
    Value,
    /// The value is not known before something has run that a check does not run.
    Unforeseen,
    /// The evaluation would cost more time or memory than one expression may.
    Limit,
}

/// Why a text could not be parsed or evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The class of the failure.
    pub kind: ErrorKind,
    /// A lower-case fragment that says what is wrong.
    pub message: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
    /// The byte offset in the source text where the problem starts, where that is known.
    pub offset: Option<usize>,
    /// Where in a JSON tree the text stands (`steps[2].name`); set by the functions over trees.
    pub path: Option<String>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), hint: None, offset: None, path: None }
    }

    pub(crate) fn syntax(message: impl Into<String>, offset: usize) -> Error {
        Error::new(ErrorKind::Syntax, message).at(offset)
    }

    pub(crate) fn limit(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Limit, message)
    }

    pub(crate) fn at(mut self, offset: usize) -> Error {
        self.offset = Some(offset);
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// Moves the offset, for a text that was cut out of a longer one.
    pub(crate) fn shift(mut self, by: usize) -> Error {
        self.offset = self.offset.map(|offset| offset + by);
        self
    }

    /// Says where in a tree the text stands.
    pub(crate) fn in_path(mut self, path: &str) -> Error {
        self.path = Some(path.to_owned());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_deref() {
            Some(path) if !path.is_empty() => write!(f, "{path}: {}", self.message),
            _ => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}
