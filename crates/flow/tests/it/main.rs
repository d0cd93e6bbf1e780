//! What workflow documents become.

mod backend;
mod bad;
mod compiled;
mod config;
mod good;
mod include;
mod limits;
mod orchestrate;
mod properties;
mod schema;
mod setup;
