//! The heart of Windlass: one engine that runs plans durably, whatever face they come from.

mod action;
mod backend;
mod bus;
mod capability;
pub mod cleanup;
mod compile;
mod error;
mod invoker;
mod phase;
mod progress;
pub mod redact;
pub mod state;

pub use action::{Action, ActionFuture, Actions, Blobs, Call, Effect, Mode, Output, StepContext};
pub use backend::{Backend, BackendKey, Backends, Compiled, Document, Loaded, Request};
pub use bus::{Bus, Listener, Subscription, Topic};
pub use capability::Capability;
pub use cleanup::CleanupStack;
pub use compile::{CompileContext, CompiledStep, StepCall, StepCompiler, Words};
pub use error::Error;
pub use invoker::Invoker;
pub use phase::Phase;
pub use progress::{Progress, Stream, Watch};
pub use state::{HostKey, Key, Publish, ScopeLevel, StateBag, StateView, StepOutput, Values};
