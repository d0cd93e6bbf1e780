//! What can go wrong between here and a host, and which of it is worth another attempt.

use std::time::Duration;

use crate::known::Place;

/// Why there is no connection, or no longer one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that could be read as an option or by a shell.
    #[error("{kind} {name} is refused: {why}")]
    Name {
        /// `host`, `user`, `identity file`, `ssh argument`, `jump host`.
        kind: &'static str,
        /// The name, made printable.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The configuration cannot be read, or asks for what does not go together.
    #[error("ssh configuration: {0}")]
    Config(String),
    /// The host's name has no address.
    #[error("cannot resolve {host}: {why}")]
    Resolve {
        /// The name.
        host: String,
        /// The resolver's words.
        why: String,
    },
    /// No connection to the address: refused, no route, network down.
    #[error("cannot connect to {address}: {source}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// The system's words.
        source: std::io::Error,
    },
    /// It took too long.
    #[error("{address} did not {what} within {after:?}")]
    TimedOut {
        /// Host and port.
        address: String,
        /// `answer`, `finish the authentication`, `open a channel`.
        what: &'static str,
        /// The limit.
        after: Duration,
    },
    /// The server ended the connection before it was one: too many at once, or a port that is no SSH server's.
    #[error("{address} closed the connection early: {why}")]
    Closed {
        /// Host and port.
        address: String,
        /// What the server or the library says.
        why: String,
    },
    /// The server is not, or not surely, who it should be.
    #[error(transparent)]
    HostKey(Box<HostKeyError>),
    /// The server takes none of what we have.
    #[error("{user}@{address}: permission denied{detail}")]
    Auth {
        /// The user.
        user: String,
        /// Host and port.
        address: String,
        /// ` (server takes …; tried …; skipped …)`.
        detail: String,
        /// What the `ssh` program could try that this process cannot.
        beyond: Option<String>,
    },
    /// The two sides do not understand each other: no common algorithm, a broken packet.
    #[error("{address}: {why}")]
    Protocol {
        /// Host and port.
        address: String,
        /// What is wrong.
        why: String,
    },
    /// The way to the host leads over another, and that one failed.
    #[error("jump host {hop}: {source}")]
    Jump {
        /// The other host.
        hop: String,
        /// What went wrong there.
        source: Box<Error>,
    },
    /// The connection was there and is gone.
    #[error("{address}: connection lost: {why}")]
    Lost {
        /// Host and port.
        address: String,
        /// What is known of the reason.
        why: String,
    },
    /// The server runs no commands for us, or not this one.
    #[error("{address}: the server refused to run the command: {why}")]
    Exec {
        /// Host and port.
        address: String,
        /// What it says.
        why: String,
    },
    /// The `ssh` program cannot be started or does not do its work.
    #[error("ssh program: {0}")]
    Program(String),
    /// Connections cannot be kept for later runs.
    #[error("kept connections: {0}")]
    Keep(String),
    /// What went wrong in the process that keeps connections, in its words.
    #[error("{text}")]
    Kept {
        /// The whole of it.
        text: String,
        /// Whether another attempt may go better.
        transient: bool,
        /// What the `ssh` program could try that this process cannot.
        beyond: Option<String>,
    },
    /// All attempts were used up; the last one failed like this.
    #[error("max retries exceeded: {source}")]
    Retries {
        /// How many there were.
        attempts: u32,
        /// The last failure.
        source: Box<Error>,
    },
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// Whether another attempt may go better: time-outs, refused and early closed connections, unreachable
    /// hosts. Host keys, authentication and configuration stay as they are.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Closed { .. } | Self::Lost { .. } => {
                true
            }
            // The resolver tells a missing name from a missing answer only by its words.
            Self::Resolve { why, .. } => why.contains("emporary failure") || why.contains("ry again"),
            Self::Jump { source, .. } | Self::Retries { source, .. } => source.is_transient(),
            Self::Kept { transient, .. } => *transient,
            Self::Name { .. }
            | Self::Config(_)
            | Self::HostKey(_)
            | Self::Auth { .. }
            | Self::Protocol { .. }
            | Self::Exec { .. }
            | Self::Program(_)
            | Self::Keep(_)
            | Self::Cancelled => false,
        }
    }
}

impl From<HostKeyError> for Error {
    fn from(error: HostKeyError) -> Self {
        Self::HostKey(Box::new(error))
    }
}

/// Why a host key is not taken. Fingerprints are `TYPE SHA256:…`, as `ssh-keygen -l` prints them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostKeyError {
    /// No line for this host.
    #[error(
        "the host key of {host} is not known: the server shows {shown}, and no line for {host} is in {files}"
    )]
    Unknown {
        /// The host as `known_hosts` names it.
        host: String,
        /// The key.
        shown: String,
        /// Where we looked.
        files: String,
    },
    /// A line for this host has another key.
    #[error("the host key of {host} has changed: the server shows {shown}, known is {known} ({place})")]
    Changed {
        /// The host as `known_hosts` names it.
        host: String,
        /// The key that the server shows.
        shown: String,
        /// The key that was expected.
        known: String,
        /// The line that has it.
        place: Place,
    },
    /// The key, or the authority that signed it, is revoked.
    #[error("the host key of {host} is revoked: {shown} ({place})")]
    Revoked {
        /// The host as `known_hosts` names it.
        host: String,
        /// The key.
        shown: String,
        /// The line that revokes it.
        place: Place,
    },
    /// A trusted authority signed the key, but not for this host or not for now.
    #[error("the host certificate of {host} does not hold: {why}")]
    Certificate {
        /// The host as `known_hosts` names it.
        host: String,
        /// What is wrong.
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_go_better_is_transient() {
        let closed = || Error::Closed { address: "a:22".into(), why: "eof".into() };
        let auth =
            Error::Auth { user: "u".into(), address: "a:22".into(), detail: String::new(), beyond: None };
        assert!(closed().is_transient());
        assert!(Error::Jump { hop: "b".into(), source: Box::new(closed()) }.is_transient());
        assert!(!Error::Jump { hop: "b".into(), source: Box::new(auth) }.is_transient());
        assert!(!Error::Cancelled.is_transient());
        let resolve = |why: &str| Error::Resolve { host: "a".into(), why: why.into() }.is_transient();
        assert!(resolve("failed to lookup address information: Temporary failure in name resolution"));
        assert!(!resolve("failed to lookup address information: Name or service not known"));
    }
}
