//! The testkit's own tests, and those of the repository as a whole.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod rig;
mod tidy;
