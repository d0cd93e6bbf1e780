//! Steps from their text to what they did: compiled from YAML, rendered, and run as the engine runs them.

#![expect(clippy::unwrap_used, reason = "helpers of tests stop where something is not as it should be")]

mod carried;
mod commands;
mod context;
mod executor;
mod files;
mod inventory;
mod inventory_any;
mod lint;
mod local;
mod remote;
mod rendering;
mod runs;
mod saying;
