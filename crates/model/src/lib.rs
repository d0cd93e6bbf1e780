//! The words of Windlass: what plans, events, outcomes and states are. Pure: no IO, no clock, no threads.

mod code;
mod diagnostic;
mod source;

pub use code::Code;
pub use diagnostic::{Diagnostic, Diagnostics};
pub use source::{Location, Source, Span};
