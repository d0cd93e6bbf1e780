//! The one trait behind which SSH lies: a connection that runs commands.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::Error;

/// A future in a box, for traits that are used as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One connection to one host, on which commands run side by side.
///
/// The connection ends when it is closed, or when it and all its channels are dropped.
pub trait Transport: Send + Sync {
    /// Starts a command under the user's login shell. Returns when the channel is open; whether the command
    /// could be started is known from [`Channel::exit`].
    fn exec<'a>(&'a self, command: &'a str) -> BoxFuture<'a, Result<Channel, Error>>;

    /// The same for a command of a kind that a kept connection starts one of ahead: the one that is ready is taken
    /// where there is one, and the command is started otherwise.
    fn exec_ahead<'a>(&'a self, command: &'a str, kind: &'a Ahead) -> BoxFuture<'a, Result<Channel, Error>> {
        let _ = kind;
        self.exec(command)
    }

    /// Says good-bye and ends the connection. Commands that still run lose it.
    fn close(&self) -> BoxFuture<'_, ()>;

    /// Whether the connection was alive when something was last heard of it.
    fn is_open(&self) -> bool;

    /// `russh` for the connection in this process, `kept` for one in the process that keeps connections, `ssh` for a
    /// child process.
    fn kind(&self) -> &'static str;

    /// How the connection came about, for the log: algorithms and key, or why a child process has it.
    fn note(&self) -> &str;
}

/// A kind of command that one may be started of ahead, for whoever comes next.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ahead {
    /// Commands of the same name can stand for each other.
    pub name: String,
    /// What starts the next one.
    pub next: String,
    /// What the next one is told at once.
    pub opening: String,
    /// How one that was used may be given back ([`Channel::back`]) and taken again; nothing where each ends with
    /// its use.
    pub again: Option<Again>,
}

/// How a command that was used is made ready for somebody else.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Again {
    /// What it is told when it was given back, and once more before it is taken.
    pub ask: String,
    /// What it says when it has forgotten whoever used it; then it says nothing until it is spoken to. One that says
    /// anything else in its place is ended. It has to be something that it cannot say by accident.
    pub answer: String,
    /// What whoever takes it reads before anything that it says.
    pub greeting: String,
}

/// Gives a command back to the connection, for somebody else.
#[derive(Debug)]
pub struct Back(pub(crate) Arc<AtomicBool>);

impl Back {
    /// The end of its input, which has to come next, is not told to the command, and the command is not ended.
    pub fn give(self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A running command: its three streams and its end.
///
/// Read both outputs: a full one holds back everything on its connection. Dropping `stdin` is the end of input;
/// dropping all of the channel ends it on the other side.
pub struct Channel {
    /// Goes to the command.
    pub stdin: Box<dyn AsyncWrite + Send + Unpin>,
    /// Comes from the command.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// Comes from the command's other output.
    pub stderr: Box<dyn AsyncRead + Send + Unpin>,
    /// How it ended. An error of kind [`Error::Lost`] where nobody knows.
    pub exit: BoxFuture<'static, Result<Exit, Error>>,
    /// Gives it back, where it is of a kind that may be used again.
    pub back: Option<Back>,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Channel")
    }
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(u32),
    /// By a signal, named without `SIG`: `TERM`, `KILL`.
    Signal(String),
}

impl Exit {
    /// Whether the command says that all went well.
    #[must_use]
    pub fn success(&self) -> bool {
        *self == Self::Code(0)
    }
}
