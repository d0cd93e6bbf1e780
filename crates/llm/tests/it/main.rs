//! Tests of the crate from outside, in one binary.

mod catalogue;
mod context;
mod tokens;
