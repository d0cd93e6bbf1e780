//! The repository checks itself: what is written in ARCHITECTURE.md as an invariant is a test here.

mod codes;
mod crates;
mod docs;
mod files;
mod tree;
