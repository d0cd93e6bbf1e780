//! What tests need: a hermetic environment for the real program, faults on purpose, and sweeps that every
//! action inherits. For tests only.
//!
//! Start at [`TestEnv`]; [`sweep`] holds what is shown of every document.

mod env;
mod fault;
mod output;
mod process;
mod runs;
pub mod sweep;

pub use env::{Call, TestEnv};
pub use fault::Fault;
pub use output::Output;
pub use process::{Running, Signal};
pub use runs::{events, normalised, settled, steps};

/// The README's program is compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
