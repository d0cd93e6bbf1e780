//! The heart of Windlass: one engine that runs plans durably, whatever face they come from.

mod action;
mod backend;
mod builtin;
mod bus;
mod capability;
pub mod cleanup;
mod compile;
pub(crate) mod dispatch;
mod error;
mod invoker;
pub mod lifecycle;
mod phase;
pub mod process;
mod progress;
pub mod redact;
mod run;
pub mod secret;
pub mod state;
mod vars;

pub use action::{Action, ActionFuture, Actions, Blobs, Call, Effect, Mode, Output, StepContext};
pub use backend::{Backend, BackendKey, Backends, Compiled, Document, Loaded, Request};
pub use builtin::Noop;
pub use bus::{Bus, Listener, Subscription, Topic};
pub use capability::{Capability, derive_required};
pub use cleanup::{CleanupHandlers, CleanupJournal, CleanupReport, CleanupStack};
pub use compile::{CompileContext, CompiledStep, StepCall, StepCompiler, Words};
pub use dispatch::Stop;
pub use error::Error;
pub use invoker::Invoker;
pub use lifecycle::Lifecycle;
pub use phase::Phase;
pub use progress::{Progress, Stream, Watch};
pub use run::{Command, Finished, Observer, Run, RunOptions, Runtime, RuntimeBuilder};
pub use secret::{Secret, SecretFile, Secrets};
pub use state::{HostKey, Key, Publish, ScopeLevel, StateBag, StateView, StepOutput, Values};
