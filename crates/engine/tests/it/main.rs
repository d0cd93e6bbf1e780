//! The engine as its callers see it.
// In a test a panic is how a failure is told.
#![allow(clippy::unwrap_used)]

mod budgets;
mod cleanup;
mod determinism;
mod dying;
mod graphs;
mod leftovers;
mod lifecycle;
mod regression_engine;
mod regression_state;
mod rollout;
mod saved;
