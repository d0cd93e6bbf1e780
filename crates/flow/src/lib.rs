//! The face for workflow documents: YAML (or JSON) becomes a plan.
//!
//! A document is read into a typed tree with the place of everything (`document`), and the tree is compiled
//! (`compile`): ids, needs, variables and expressions are worked out as far as they can be before anything
//! runs. All problems are found in one go. What steps do is not known here: their words come from the
//! registry that other faces fill ([`windlass_engine::Words`]). For programs that ask models themselves there is
//! [`orchestrate`], which runs a graph of questions in memory; why it does not stand on the engine is in
//! ARCHITECTURE.md.
//!
//! ```
//! use std::{path::Path, sync::Arc};
//! use windlass_engine::{Request, Words};
//! use windlass_flow::Flow;
//! use windlass_model::Source;
//!
//! let text = "workflow: hello\nvars: { name: world }\ntasks: [ { id: greet, run: 'echo {{ name }}' } ]\n";
//! let flow = Flow::new(Arc::new(Words::default()));
//! let compiled = flow.compile_text(&Source::new("hello.yaml", text), Path::new("."), &Request::default())?;
//! assert_eq!(compiled.plan.tasks[0].steps[0].input["cmd"], "echo world");
//!
//! let bad = Source::new("hello.yaml", "workflow: hello\ntasks: [ { id: a, needs: b, run: c } ]\n");
//! let refused = flow.compile_text(&bad, Path::new("."), &Request::default()).expect_err("b is not there");
//! assert!(refused.to_string().starts_with("hello.yaml:2:26: `needs`: there is no task `b` [WL0203]"));
//! # Ok::<(), windlass_engine::Error>(())
//! ```

mod backend;
mod budgets;
mod compile;
mod config;
mod document;
pub mod orchestrate;
pub mod prompt;
mod remember;
mod schema;

pub use backend::{BACKEND, Flow};
pub use budgets::Budgets;
pub use prompt::Prompts;
pub use remember::{Remember, RememberWords};
