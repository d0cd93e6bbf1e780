//! The lifecycle: eight phases in their one order, with a cleanup that always runs.
//!
//! [`Lifecycle`] is in one phase at a time, and that is its type: `load` gives one that can only `resolve`, and
//! so on. A phase that is left out or comes too early does not compile:
//!
//! ```compile_fail
//! # use windlass_engine::{Request, Runtime, lifecycle::Lifecycle};
//! # fn main() -> Result<(), windlass_engine::Error> {
//! # let runtime = Runtime::builder().build()?;
//! Lifecycle::new(&runtime, Request::default()).load()?.resolve()?.plan()?; // neither validated nor prepared
//! # Ok(()) }
//! ```
//!
//! ```
//! # use windlass_engine::{Request, Runtime, lifecycle::Lifecycle};
//! # fn main() -> Result<(), windlass_engine::Error> {
//! # let runtime = Runtime::builder().build()?;
//! # let go = || {
//! Lifecycle::new(&runtime, Request::default()).load()?.resolve()?.validate()?.prepare()?.plan()?;
//! # Ok::<(), windlass_engine::Error>(()) };
//! # assert_eq!(go().unwrap_err().to_string(), "load: the request has no document");
//! # Ok(()) }
//! ```
//!
//! * `driver`: the phases; `guard`: why the cleanup always runs.
//! * `hooks`: [`run`], which takes a request through all of them.
//! * `resume`: the way of a run that goes on, which needs no document.
//! * `keys`: whether each state key that is read is written before.

mod driver;
mod guard;
mod hooks;
mod keys;
mod resume;

pub use driver::{
    Ended, Executed, Lifecycle, Loaded, New, Planned, Prepared, Report, Reported, Resolved, Running,
    Validated,
};
pub use hooks::{Hooks, run};
pub(crate) use hooks::{planned, through};
pub use keys::check_keys;
pub use resume::resume;
pub(crate) use resume::secrets;
