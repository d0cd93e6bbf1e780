//! Documents as trees: YAML 1.2, of which JSON is a part, with the place of every value, and readers that
//! find all problems in one go.
//!
//! [`read_file`] and [`parse`] turn a text into a [`Node`] under [`Limits`]. A [`Reader`] then takes typed
//! values out of it: each getter that finds something wrong notes it, on its line and with a hint, and goes on.
//!
//! ```
//! use windlass_model::Source;
//! use windlass_yaml::{Limits, Reader, parse};
//!
//! let source = Source::new("flow.yaml", "workflow: release\ntimout: 30\nfail_fast: maybe\n");
//! let node = parse(&source, &Limits::default())?;
//! let reader = Reader::new(&source);
//! if let Some(mut map) = reader.map(&node) {
//!     map.required("workflow");
//!     let name = map.text("workflow");
//!     assert_eq!(name.expect("it is there").value, "release");
//!     map.duration("timeout");
//!     map.bool("fail_fast");
//!     map.finish();
//! }
//! let problems = reader.into_result(()).expect_err("two are wrong");
//! let lines: Vec<String> = problems.iter().map(|problem| problem.to_string()).collect();
//! assert!(lines[0].starts_with("flow.yaml:2:1: unknown key `timout` [WL0105] (did you mean `timeout`?"));
//! assert!(lines[1].starts_with("flow.yaml:3:12: `fail_fast`: expected a boolean, found the text `maybe`"));
//! # Ok::<(), windlass_model::Diagnostics>(())
//! ```

mod build;
mod data;
mod duration;
mod file;
mod json;
mod keys;
mod limits;
mod money;
mod nearest;
mod node;
mod parse;
mod place;
mod reader;
mod scalar;
mod size;
mod syntax;
mod tag;

pub use duration::duration;
pub use file::{decode, read_file};
pub use limits::Limits;
pub use money::nanos;
pub use nearest::nearest;
pub use node::{Kind, Node, Style};
pub use parse::{parse, parse_all, parse_data};
pub use reader::{Map, Reader, Spanned, Text};
pub use size::size;
