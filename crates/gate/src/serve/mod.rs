//! The gate itself: takes orders from one stream, runs modules on threads, and answers on another.
//!
//! * [`serve`] is the whole of it; the program `windlass-gate` only calls it.
//! * The caller's thread reads (`session`); each request runs on a thread of a bounded pool (`pool`, `run`);
//!   one thread writes (`out`).
//! * Contents that requests stand on lie in a private folder (`spool`) and are laid out for modules (`stage`).
//! * How things were before a module, and putting them back, goes over the same connection (`keep`).
//! * A second process ends what is left if the gate itself is killed (`guard`).
//! * A panic in a module is told as what came of it (`broken`).
//! * Another controller may follow the one that is done, and finds nothing of it (`reset`).
//!
//! It ends with its input: what runs is cancelled, children are ended, the folder is removed.

mod batch;
mod broken;
mod guard;
mod info;
mod keep;
mod out;
mod pool;
mod reset;
mod run;
mod send;
mod session;
mod spool;
mod stage;

use std::{
    io::{self, Read, Write},
    os::fd::AsFd,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

pub use broken::broken;
pub use guard::guard;

/// How a gate was started.
#[derive(Debug, Clone)]
pub struct Options {
    /// What it calls the hash of its program.
    pub hash: String,
    /// Where commands start and relative paths begin.
    pub cwd: PathBuf,
    /// A folder of this user's own where contents may lie; without one, or if it cannot be written, they lie
    /// in a new folder among the system's temporary ones.
    pub dir: Option<PathBuf>,
    /// The program that, called with the one word `guard`, cleans up after a gate that was killed. None: nobody
    /// does.
    pub guard: Option<PathBuf>,
}

/// Why a connection ended other than by its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Ended {
    /// The controller sent what is no order.
    #[error("{0}")]
    Frame(#[from] crate::wire::FrameError),
    /// The streams failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// Nothing was heard for as long as the controller had said.
    #[error("nothing was heard from the controller for {0} ms")]
    Quiet(u64),
    /// The controller does not take its answers.
    #[error("the controller does not read its answers")]
    Deaf,
    /// It was to be handed on, and something of the controller before would be left.
    #[error("it cannot be handed on: {0}")]
    Unclean(&'static str),
    /// The controller speaks another version.
    #[error("the controller speaks version {0} of the protocol, this gate version {ours}", ours = crate::wire::VERSION)]
    Version(u32),
}

/// Serves one connection until its input ends or the controller says so. Returns when nothing of it is left:
/// no thread at work, no child, no file.
pub fn serve(
    input: impl Read + AsFd,
    output: impl Write + Send + 'static,
    options: Options,
) -> Result<(), Ended> {
    session::Session::start(output, options)?.run(input)
}

/// A lock that a panicking module cannot spoil: what it guards is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
