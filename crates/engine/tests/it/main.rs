//! The engine as its callers see it.
// In a test a panic is how a failure is told.
#![allow(clippy::unwrap_used)]

mod determinism;
mod cleanup;
mod graphs;
mod lifecycle;
mod regression_state;
