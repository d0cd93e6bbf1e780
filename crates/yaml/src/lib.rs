//! Documents as trees: YAML 1.2, of which JSON is a part, with the place of every value, and readers that
//! find all problems in one go.
//!
//! [`read_file`] and [`parse`] turn a text into a [`Node`] under [`Limits`]. A [`Reader`] then takes typed
//! values out of it: each getter that finds something wrong notes it, on its line and with a hint, and goes on.

mod build;
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
pub use parse::{parse, parse_all};
pub use reader::{Map, Reader, Spanned, Text};
pub use size::size;
