//! What a person sees while a run goes on: a region that is drawn anew, or plain lines, or events.

mod board;
mod events;
mod keys;
mod narrate;
mod plain;
mod screen;
mod view;

pub(crate) use events::Events;
pub(crate) use narrate::Manner;
pub(crate) use plain::Plain;
pub(crate) use screen::{Screen, size};
pub(crate) use view::{Clock, View};
