//! What a person sees while a run goes on.

mod screen;

pub(crate) use screen::{Screen, size};
