//! SSH behind one trait: connections in this process, and by the `ssh` program where it has to be.
//!
//! Begin at [`Client::connect`]: the names are checked, `ssh -G` says what the configuration means, a pure
//! decision picks the client, and the way is gone hop by hop, each host key looked at.

mod auth;
mod choice;
mod client;
mod config;
mod dial;
mod endpoint;
mod error;
#[doc(hidden)]
pub mod hostile;
mod interest;
pub mod keep;
mod known;
mod opener;
mod options;
mod program;
mod ramp;
mod retry;
mod route;
mod secret;
mod session;
mod transport;

pub use choice::Choice;
pub use client::Client;
pub use endpoint::{Endpoint, HostKeys};
pub use error::{Error, HostKeyError};
pub use keep::Keep;
pub use known::Place;
pub use options::{ConfigFile, Options, Passphrase};
pub use secret::Secret;
pub use transport::{Again, Ahead, Back, BoxFuture, Channel, Exit, Transport};
