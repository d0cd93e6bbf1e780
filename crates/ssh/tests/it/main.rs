//! Everything against real `sshd`s on this machine: keys, host keys, ways, streams, faults.

#![allow(clippy::print_stdout, reason = "a failing test shows what its server said")]

mod auth;
mod faults;
mod sshd;
