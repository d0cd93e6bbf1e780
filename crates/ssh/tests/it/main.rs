//! Everything against real `sshd`s on this machine: keys, host keys, ways, streams, faults.

mod auth;
mod config;
mod faults;
mod hosts;
mod jumps;
mod keep;
mod names;
mod passwords;
mod program;
mod sshd;
mod streams;
