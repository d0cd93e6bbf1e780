//! What the modules do to a host, tried on this one.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod accounts;
mod archives;
mod calls;
mod command;
mod contents;
mod copy;
mod edits;
mod env;
mod everywhere;
mod faults;
mod file;
mod find;
mod forecast;
mod get_url;
mod handing;
mod keeping;
mod making;
mod peer;
mod props;
mod serve;
#[path = "../../../http/tests/it/server.rs"]
mod server;
mod setup;
mod stat;
mod sweep;
mod talk;
mod undo;
mod uri;
mod wait_for;
