//! Jinja expressions and templates as people know them from Ansible, with strict names and hard limits.
//!
//! * [`Template`]: a text with `{{ }}` in it; [`Expression`]: the bare text of a `when`.
//! * [`Scope`]: the variables, in layers, built in constant time; the names that a text needs are its [`References`].
//! * [`render_tree`], [`references_of_tree`]: the same over every string of a JSON value.
//!
//! Everything is deterministic but for a few functions (`now()`), which [`References::pure`] tells.
//! A hostile text costs bounded time and memory (see `meter`).
//!
//! ```
//! use windlass_expr::{Expression, Scope, Template};
//!
//! let scope = Scope::builder().value("version", "1.4.2").build();
//! let text = Template::parse("v{{ version | split('.') | first }}")?;
//! assert_eq!(text.render(&scope)?, "v1");
//! assert!(Expression::parse("version is version('1.4', '>=')")?.test(&scope)?);
//! # Ok::<(), windlass_expr::Error>(())
//! ```

mod address;
mod args;
mod asked;
mod cache;
mod chance;
mod compare;
mod compile;
mod convert;
mod crypt;
mod emitted;
mod env;
mod error;
mod explain;
mod expression;
mod filters;
mod functions;
mod glob;
mod here;
mod jmes;
mod json;
mod limits;
mod literals;
mod lookups;
mod meter;
mod methods;
mod nearest;
mod ops;
mod outside;
mod pairs;
mod patience;
mod patterns;
mod percent;
mod refs;
mod repr;
mod rewrite;
mod scope;
mod template;
mod text;
mod times;
mod tree;
mod unforeseen;
mod verdicts;
mod version;
mod yaml;

pub use asked::{Asked, Way};
pub use convert::{from_json, from_serialize, to_json};
pub use error::{Error, ErrorKind};
pub use expression::Expression;
pub use minijinja::Value;
pub use outside::{Local, OnUrl, Outside, Place, PlaceKind};
pub use patience::{Patience, patience, with_patience};
pub use refs::References;
pub use scope::{Lookup, Scope, ScopeBuilder, Vars};
pub use template::{Template, TextOptions};
pub use tree::{OMIT, is_omitted, references_of_tree, render_tree};
pub use unforeseen::unforeseen;
