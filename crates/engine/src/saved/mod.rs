//! Saved plans: what was planned is kept in a file, looked at, and applied later, once, while it still holds.
//!
//! [`plan`] makes one. [`SavedPlan::write`] puts it into a file, [`SavedPlan::read`] takes it from there, whoever
//! wrote it. [`apply`] plans again from what the file says it was made from, refuses where that has changed, and
//! runs it, once for each [`PlanId`](windlass_model::PlanId) in a store. [`changes`] only says what has changed.
//!
//! * `envelope`: what such a file holds; `file`: how it gets onto a disk and from there.
//! * `provenance`: what a plan was made from, and how to make it again.
//! * `observe`: what its steps found on their hosts, by a run that changes nothing.
//! * `compare`: how two plans differ, in words; `stale`: why a plan is not applied.
//! * `make`, `apply`: the way there and the way back; `secret`: what must not be in the file.

mod apply;
mod compare;
mod envelope;
mod file;
mod make;
mod observe;
mod provenance;
mod secret;
mod stale;

pub(crate) use apply::{Verified, verified};
pub use apply::{apply, changes};
pub use envelope::{BadFile, FORMAT, SavedPlan};
pub use file::MAX_FILE;
pub use make::{Made, plan};
pub use observe::{Observed, Predicted, Seen};
pub use provenance::{Asked, Caller, Home, Provenance};
pub use stale::{Change, Part, Stale, Turn};
