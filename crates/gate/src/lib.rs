//! The native modules: what a step does on a host, in synchronous Rust and with few dependencies.
//!
//! A [`Module`] has Ansible's name, parameters, defaults, result fields and idempotence. A caller finds one
//! ([`find`]), checks what was written ([`Args::check`]), and runs it under a [`Context`] that carries the
//! working directory, the cancel token, the deadline and a listener for live output:
//!
//! ```
//! use std::{collections::BTreeMap, path::Path};
//! use windlass_gate::{Args, Cancel, Context, Silent, find, run};
//!
//! let module = find("ansible.builtin.command").expect("command is in the table");
//! let args = Args::check(module.spec(), "echo hello".into()).expect("the parameters are good");
//! let (env, cancel) = (BTreeMap::new(), Cancel::new());
//! let cx = Context {
//!     check: None,
//!     diff: false,
//!     cwd: Path::new("/"),
//!     env: &env,
//!     cancel: &cancel,
//!     deadline: None,
//!     progress: &Silent,
//!     capture_limit: 1 << 20,
//! };
//! let reply = run(module, &args, &cx)?;
//! assert_eq!(reply.fields["stdout"], "hello");
//! # Ok::<(), windlass_gate::Error>(())
//! ```
//!
//! The same modules on another host are those of the program `windlass-gate`, which is [`serve`] and speaks
//! [`wire`].

mod accounts;
mod args;
mod cancel;
mod child;
mod clock;
mod context;
mod error;
mod exec;
mod expand;
mod facts;
mod fetch;
mod forecast;
mod fsops;
mod glob;
mod json;
mod modules;
mod pack;
mod pattern;
mod reply;
pub mod serve;
mod spec;
mod tool;
pub mod undo;
mod view;
pub mod wire;
mod words;

pub use args::Args;
pub use cancel::Cancel;
pub use context::{Context, Progress, Silent, Stream};
pub use error::{Error, ParamError};
pub use forecast::{Forecast, Part, run};
pub use modules::{all, find};
pub use pattern::{matcher, search};
pub use reply::{Diff, Reply};
pub use spec::{Check, Effect, Kind, Param, Rule, Spec};
pub use words::first_word;

/// Something that a step can do on a host.
///
/// A module keeps nothing between two runs, so that one value serves every thread at once. It never writes to
/// the process's own stdout or stderr, and changes nothing of the process itself (directory, umask,
/// environment).
pub trait Module: Send + Sync {
    /// What the module is called, takes and promises.
    fn spec(&self) -> &'static Spec;

    /// Does the work, or in check mode says what would come of it, without touching anything.
    ///
    /// A reply whose `failed` is true is a failure that has fields to show (a command's exit status); every
    /// other failure is an error. A run ends soon after its cancel token or deadline, and leaves neither child
    /// processes nor half-written files behind.
    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error>;
}
