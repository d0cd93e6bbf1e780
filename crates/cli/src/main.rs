//! The program `windlass`: reads what was typed, does it, and says how it went.

mod error;
mod exit;
#[cfg(test)]
mod fixture;
mod graph;
mod live;
mod out;
mod render;

fn main() {}
