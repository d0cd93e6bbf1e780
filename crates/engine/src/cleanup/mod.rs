//! What is taken back however a run ends: last in, first out, each entry under its own deadline.
//!
//! * `stack`: the [`CleanupStack`] itself; `item`: one entry of it and how it is run.
//! * `handler`: who takes back entries that are data, so that another process can do it after a crash.
//! * `builtin`: the handlers that every program has.
//! * `report`: what could not be taken back.

mod builtin;
mod handler;
mod item;
mod report;
mod stack;

pub use builtin::{REMOVE_PATH, RemovePath};
pub use handler::{CleanupFuture, CleanupHandler, CleanupHandlers, CleanupJournal, JournalFuture};
pub use report::{CleanupFailure, CleanupReport};
pub use stack::{CleanupStack, ENTRY_TIMEOUT, TOTAL_TIMEOUT, Ticket};
