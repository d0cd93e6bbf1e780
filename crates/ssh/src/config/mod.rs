//! The user's configuration: found out by `ssh -G`, so that it means what it means to OpenSSH.

mod args;
mod dump;
mod resolver;
mod scan;
mod settings;
mod simple;
mod tokens;

pub(crate) use args::check_args;
pub(crate) use dump::Dump;
pub(crate) use resolver::{Resolved, Resolver};
pub(crate) use settings::{Agent, Family, Hop, Method, Settings, read_hops};
