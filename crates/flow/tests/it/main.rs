//! What workflow documents become.

mod compiled;
mod setup;
