//! Everything against real `sshd`s on this machine: keys, host keys, ways, streams, faults.

mod auth;
mod faults;
mod sshd;
