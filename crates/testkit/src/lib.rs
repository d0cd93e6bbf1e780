//! What tests need: a hermetic environment for the real program, faults on purpose, and sweeps that every
//! action inherits, and hosts to reach. For tests only.
//!
//! Start at [`TestEnv`]; [`sweep`] holds what is shown of every document; [`Rig`] is a fleet on one machine.

mod env;
mod fault;
pub mod goals;
mod output;
mod process;
pub mod rig;
mod runs;
pub mod sweep;

pub use env::{Call, TestEnv};
pub use fault::Fault;
pub use output::Output;
pub use process::{Running, Signal};
pub use rig::Rig;
pub use runs::{events, normalised, settled, steps};

/// The README's program is compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
