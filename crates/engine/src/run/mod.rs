//! Runs: the runtime that starts and resumes them, the driver behind each, and the handle in front of it.

mod bank;
mod cleanup;
mod clock;
mod command;
mod driver;
mod executor;
mod explain;
mod handle;
mod launch;
mod leftovers;
mod options;
mod publisher;
mod runtime;

pub(crate) use clock::{now_ms, random};
pub use command::Command;
pub use handle::{Finished, Run};
pub use options::{Limits, Observer, RunOptions};
pub use runtime::{Runtime, RuntimeBuilder};
