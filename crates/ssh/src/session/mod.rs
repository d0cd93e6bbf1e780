//! Connections in this process, over russh.

mod algorithms;
mod guard;
mod link;
mod open;
mod pump;
mod reader;

pub(crate) use guard::Guard;
pub(crate) use link::Session;
pub(crate) use open::{Needs, open};
pub(crate) use reader::Reader;
