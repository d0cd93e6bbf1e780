//! The face for workflow documents: YAML (or JSON) becomes a plan.
//!
//! A document is read into a typed tree with the place of everything (`document`), and the tree is compiled
//! (`compile`): ids, needs, variables and expressions are worked out as far as they can be before anything
//! runs. All problems are found in one go. What steps do is not known here: their words come from the
//! registry that other faces fill ([`windlass_engine::Words`]).

mod backend;
mod compile;
mod document;
mod schema;

pub use backend::{BACKEND, Flow};
