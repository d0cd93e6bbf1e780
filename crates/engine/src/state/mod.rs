//! The run's state: scopes that cascade on read, writes that name their scope, keys with a type.
//!
//! [`Values`] holds what is written, for the whole run. A step meets it through its [`StateView`], which sees
//! the scopes around the step and nothing beside or below them, and keeps the step's own writes until the
//! driver journals them with the step's end. [`crate::Bus`] is the same values with subscriptions.

mod bag;
mod key;
mod level;
pub mod output;
mod values;
mod view;

pub use bag::StateBag;
pub use key::{HostKey, Key};
pub use level::ScopeLevel;
pub use output::StepOutput;
pub use values::{Publish, Values};
pub use view::{StateView, Write};
pub(crate) use view::{typed, untyped};
