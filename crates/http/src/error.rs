//! Why a request came to nothing. No message holds credentials: places are named without them.

use std::io;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be used; the text says why.
    #[error("{0}")]
    BadUrl(String),
    /// A header or the method has letters that must not be there.
    #[error("{0}")]
    BadRequest(String),
    /// The name of the host is not known.
    #[error("the name {host} is not known")]
    Unknown {
        /// The host.
        host: String,
    },
    /// No connection could be made.
    #[error("cannot connect to {to}: {source}")]
    Connect {
        /// Where to.
        to: String,
        /// What the system said.
        source: io::Error,
    },
    /// The other side did not answer in time.
    #[error("no answer within {seconds} s")]
    TimedOut {
        /// The limit.
        seconds: f64,
    },
    /// The caller has to stop.
    #[error("stopped")]
    Stopped,
    /// The certificate of the server, or what was given for TLS, is no good; the text says why.
    #[error("{0}")]
    Tls(String),
    /// The proxy refused.
    #[error("the proxy answered {0}")]
    Proxy(String),
    /// The server sends one from place to place.
    #[error("more than {0} redirects")]
    Redirects(usize),
    /// The connection ended in the middle.
    #[error("the connection ended before the answer was complete")]
    Cut,
    /// The answer is not HTTP.
    #[error("the answer is not HTTP: {0}")]
    Protocol(String),
    /// Reading or writing failed.
    #[error("{0}")]
    Io(io::Error),
}

impl Error {
    /// Whether the same request may well succeed a moment later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::TimedOut { .. } | Self::Cut)
    }

    /// What an error of a body's reader was.
    pub fn from_io(error: io::Error) -> Self {
        if error.get_ref().is_some_and(|inner| inner.is::<Self>()) {
            let inner = error.into_inner().and_then(|inner| inner.downcast::<Self>().ok());
            return inner.map_or(Self::Cut, |inner| *inner);
        }
        if error.get_ref().is_some_and(|inner| inner.is::<ureq::Error>()) {
            let inner = error.into_inner().and_then(|inner| inner.downcast::<ureq::Error>().ok());
            return inner.map_or(Self::Cut, |inner| (*inner).into());
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Cut,
            _ => Self::Io(error),
        }
    }
}

/// Ours come back out of what they were wrapped in on their way through ureq.
impl From<ureq::Error> for Error {
    fn from(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Other(inner) => match inner.downcast::<Self>() {
                Ok(ours) => *ours,
                Err(other) => Self::Protocol(other.to_string()),
            },
            ureq::Error::Io(error) => Self::from_io(error),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => Self::BadUrl(error.to_string()),
            other => Self::Protocol(other.to_string()),
        }
    }
}

/// On its way through ureq.
impl From<Error> for ureq::Error {
    fn from(error: Error) -> Self {
        Self::Other(Box::new(error))
    }
}
