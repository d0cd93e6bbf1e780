//! Everything against real `sshd`s on this machine: keys, host keys, ways, streams, faults.

mod auth;
mod faults;
mod hosts;
mod names;
mod sshd;
mod streams;
