//! Taking back what a module did with files: how a place was before, and putting it back.
//!
//! * [`before`] says what a run of a module would touch, and keeps how that is.
//! * [`capture`] keeps how one path is: content, mode, owner, time of change, where a link leads, or that nothing
//!   is there. Contents go to the caller, who gives a name for each; the rest is plain data.
//! * [`restore`] makes it so again. It may be called again after a crash, and finds its own work done.
//!
//! Extended attributes and the times of folders are not kept.

mod capture;
mod entry;
mod restore;
mod targets;

pub use capture::{Keep, MAX_BYTES, MAX_ENTRIES, Reach, capture};
pub use entry::Before;
pub use restore::{Fetch, restore};
pub use targets::{before, undoes};
