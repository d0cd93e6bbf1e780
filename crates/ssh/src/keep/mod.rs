//! Connections that outlive the process that made them: a small process of the user's own keeps them for later runs.
//!
//! * [`Keeper`](client::Keeper) is the client's side. It starts that process when it is first needed, and goes without
//!   where it cannot be had.
//! * [`serve`] is that process. It opens connections by a route that a client has worked out (`table`), hands out
//!   those that are the same in everything that decides what they may do (`key`), and looks at the host's key again
//!   each time. It keeps one command of each kind started ahead (`spare`), so that a later run need not wait for it.
//! * Both meet at a socket in a private folder (`place`) and speak frames (`wire`).
//!
//! No secret is in a name, an argument, an environment or a log: passwords cross the socket once, and what is kept of
//! them is a digest under a random key.

mod client;
mod kept;
mod key;
mod list;
mod place;
mod serve;
mod session;
mod spare;
mod table;
mod wire;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use client::{Keeper, Unkept};
pub use list::{Connection, connections, end};
pub use serve::serve;

/// Hears why connections are not kept, once for each reason.
pub type Complaints = Arc<dyn Fn(&str) + Send + Sync>;

/// How connections are kept for later runs.
#[derive(Clone)]
pub struct Keep {
    /// Where the process that keeps them is met. It is made for this user alone, or has to be.
    pub folder: PathBuf,
    /// The program and its arguments that end up in [`serve`] with the socket's path, which is one more argument.
    pub command: Vec<OsString>,
    /// How long a connection is kept after its last use. None: those that are made end with this process, and those
    /// that are kept already are only listed and ended.
    pub persist: Option<Duration>,
    /// Who hears why connections are not kept.
    pub complaints: Option<Complaints>,
}

impl std::fmt::Debug for Keep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keep").field("folder", &self.folder).finish_non_exhaustive()
    }
}
