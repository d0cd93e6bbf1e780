//! Prompts as people have them: the real program, with programs and a server of ours as models.

mod answers;
mod audit;
mod bounds;
mod costs;
mod crash;
mod examples;
mod keys;
mod ledgers;
mod memory;
mod model;
mod server;
mod talks;
