//! The heart of Windlass: one engine that runs plans durably, whatever face they come from.
//!
//! A program of its own needs no document, no terminal, no home folder and no global state: it registers what
//! steps can do, makes a plan, starts it, and hears how it ended. After a crash, `Runtime::resume` goes on from
//! the journal.
//!
//! ```
//! use std::sync::Arc;
//! use serde_json::json;
//! use windlass_engine::{Action, ActionFuture, Compiled, Output, RunOptions, Runtime, StepContext};
//! use windlass_model::{Draft, RunStatus, Step, StepId, TaskDraft, TaskId};
//!
//! struct Greet;
//!
//! impl Action for Greet {
//!     fn name(&self) -> &str {
//!         "greet"
//!     }
//!     fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
//!         Box::pin(async move { Ok(Output::ok(true).with("msg", format!("hello {}", step.input["whom"]))) })
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut draft = Draft::new("greetings", "workflow/dag");
//! for (id, need) in [("one", None), ("two", Some("one"))] {
//!     let step = Step::new(StepId::new("greet")?, "greet", json!({ "whom": id }));
//!     let mut task = TaskDraft::new(TaskId::new(id)?).step(step);
//!     task.needs.extend(need.map(TaskId::new).transpose()?);
//!     draft.tasks.push(task);
//! }
//! let compiled = Compiled::new(draft.finish()?, "/");
//! let runtime = Runtime::builder().action(Arc::new(Greet)).build()?;
//! let finished = tokio::runtime::Runtime::new()?
//!     .block_on(async { runtime.start(compiled, RunOptions::default())?.wait().await })?;
//! assert_eq!(finished.state.status, RunStatus::Completed);
//! # Ok(())
//! # }
//! ```
//!
//! * `dispatch` decides: a synchronous machine without time, threads or network.
//! * `run` does: the driver around it, the executors of steps, the handle in front, the runtime.
//! * `lifecycle` takes a request from its document to its cleanup, in eight phases.
//! * `saved` keeps a plan in a file, and applies it later, once, while it still holds.
//! * `action`, `compile`, `backend` are what faces bring: what steps do, what words mean, who makes plans.

mod action;
mod backend;
mod builtin;
mod bus;
mod capability;
pub mod cleanup;
mod compile;
pub(crate) mod dispatch;
mod error;
mod hosts;
mod invoker;
pub mod lifecycle;
mod memory;
mod notes;
mod outside;
mod phase;
pub mod process;
mod progress;
pub mod redact;
mod run;
pub mod saved;
pub mod secret;
pub mod state;
mod vars;

pub use action::{
    Action, ActionFuture, Actions, AllFuture, BeforeFuture, Blobs, Call, Effect, Estimate, Mode, Output,
    StepContext, Target, Tell,
};
pub use backend::{Backend, BackendKey, Backends, Compiled, Document, Loaded, Request, Unchecked};
pub use builtin::Noop;
pub use bus::{Bus, Listener, Subscription, Topic};
pub use capability::{Capability, derive_required};
pub use cleanup::{CleanupHandlers, CleanupJournal, CleanupReport, CleanupStack};
pub use compile::{CompileContext, CompiledStep, Noted, Sections, StepCall, StepCompiler, Words};
pub use dispatch::Stop;
pub use error::Error;
pub use hosts::Hosts;
pub use invoker::Invoker;
pub use lifecycle::Lifecycle;
pub use memory::RunMemory;
pub use notes::Notes;
pub use phase::Phase;
pub use progress::{Progress, Stream, Watch};
pub use run::{Command, Finished, Limits, Observer, Run, RunOptions, Runtime, RuntimeBuilder};
pub use secret::{Secret, SecretFile, Secrets};
pub use state::{HostKey, Key, Publish, ScopeLevel, StateBag, StateView, StepOutput, Values};
