//! Modules on other hosts: one gate per host and user, brought there, started and spoken to.
//!
//! * [`Delivery`] is the one command that starts a gate on a host, and brings it there first if it has to.
//! * [`Gate`] speaks to it: many requests at once, batches, contents, live output; it notices when the host is
//!   gone, and ends the connection when the host does what no gate does.
//! * [`RemoteRunner`] runs modules through a gate as [`LocalRunner`](crate::LocalRunner) does here.
//! * [`Become`] starts a second gate as another user.
//!
//! What carries the bytes is the caller's: anything with an input, an output and an error output.

mod becoming;
mod delivery;
mod error;
mod foreseen;
mod gate;
mod link;
mod pending;
mod preamble;
mod receive;
mod request;
mod runner;
mod source;
mod stage;
mod upload;
mod write;

pub use becoming::{Become, Method};
pub use delivery::Delivery;
pub(crate) use delivery::nonce;
pub use error::Error;
pub use gate::{Batch, Gate, Options, Said, Streams};
pub use request::Request;
pub use runner::RemoteRunner;
pub use source::Source;
