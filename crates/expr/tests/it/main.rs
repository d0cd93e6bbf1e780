//! Tests of `windlass-expr` through its public face.

mod corpus;
mod expressions;
mod limits;
mod lookups;
mod references;
mod texts;
mod trees;
mod unforeseen;
