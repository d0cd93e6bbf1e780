//! What the crate promises, seen from outside.

mod limits;
mod properties;
mod reader;
mod reading;
mod syntax;

use std::sync::Arc;

use windlass_model::{Diagnostics, Source};
use windlass_yaml::{Limits, Node, parse};

fn source(text: &str) -> Arc<Source> {
    Source::new("test.yaml", text)
}

fn read(text: &str) -> Result<Node, Diagnostics> {
    parse(&source(text), &Limits::default())
}

/// The value of a text that must be sound, as JSON.
fn json(text: &str) -> serde_json::Value {
    match read(text) {
        Ok(node) => node.to_json(),
        Err(problems) => panic!("{text:?}: {problems}"),
    }
}

/// The problems of a text, one to a line.
fn problems(text: &str) -> String {
    match read(text) {
        Ok(node) => panic!("{text:?} was read as {}", node.to_json()),
        Err(problems) => problems.to_string(),
    }
}
