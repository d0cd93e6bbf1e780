//! Tests of `windlass-expr` through its public face.

mod corpus;
mod expressions;
