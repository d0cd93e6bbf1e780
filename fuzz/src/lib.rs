//! What the targets share: a mutator that knows JSON, and plans to apply records to.

pub mod json;
pub mod plans;
