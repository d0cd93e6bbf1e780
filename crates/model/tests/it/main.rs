//! The vocabulary held against anything.

// In a test a panic is how a failure is told.
#![allow(clippy::unwrap_used)]

mod fold;
mod notes;
mod trace;
mod undo;
