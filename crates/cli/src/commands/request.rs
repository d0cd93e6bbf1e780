//! What was typed about a document, and what it means: a request to the engine.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value};
use windlass_engine::{Document, Request};
use windlass_model::Code;
use windlass_yaml::{Limits, parse, read_file};

use super::hosts::Hosts;
use crate::app::App;
use crate::error::Error;

/// What can be typed about a document, whatever is done with it.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Typed {
    /// Only steps with one of these tags
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    tags: Vec<String>,

    /// No step with one of these tags
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    skip_tags: Vec<String>,

    /// Begin at this task: leave out what it needs
    #[arg(long, value_name = "TASK")]
    from: Option<String>,

    /// A variable that wins over the document's: `name=value`, `@file.yaml` or a JSON object
    #[arg(short = 'e', long = "extra-vars", value_name = "VAR")]
    extra_vars: Vec<String>,

    #[command(flatten)]
    hosts: Hosts,
}

impl Typed {
    /// What it means for this document.
    pub(crate) fn mean(&self, file: &Path, app: &App) -> Result<Request, Error> {
        Ok(Request {
            document: Some(Document::Path(file.to_owned())),
            extra_vars: variables(&self.extra_vars)?,
            env: app.env.clone(),
            tags: names(&self.tags),
            skip_tags: names(&self.skip_tags),
            from: self.from.clone(),
            invoker: app.invoker,
            hosts: self.hosts.load(Some(file), app)?,
            chunk: self.hosts.chunk,
            role: self.hosts.role(),
            ..Request::default()
        })
    }
}

fn names(typed: &[String]) -> BTreeSet<String> {
    typed.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

/// All variables, later ones over earlier ones.
fn variables(typed: &[String]) -> Result<Map<String, Value>, Error> {
    let mut all = Map::new();
    for text in typed {
        all.extend(variable(text)?);
    }
    Ok(all)
}

fn variable(text: &str) -> Result<Map<String, Value>, Error> {
    if let Some(path) = text.strip_prefix('@') {
        return file(path);
    }
    if text.trim_start().starts_with('{') {
        let read = serde_json::from_str(text);
        return read.map_err(|error| bad(format!("{text:?} is no JSON object: {error}")));
    }
    let Some((name, value)) = text.split_once('=') else {
        return Err(bad(format!("{text:?} is neither name=value nor @file")));
    };
    if !is_name(name) {
        return Err(bad(format!("{name:?} is no name of a variable")));
    }
    Ok(Map::from_iter([(name.to_owned(), Value::from(value))]))
}

/// The mapping in a file.
fn file(path: &str) -> Result<Map<String, Value>, Error> {
    let limits = Limits::default();
    let source = read_file(Path::new(path), path, &limits)?;
    match parse(&source, &limits)?.to_json() {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        _ => Err(bad(format!("{path} holds no mapping of names to values"))),
    }
}

fn bad(message: String) -> Error {
    Error::told(Code::BadVariable, message).hint("write `-e name=value` or `-e @file.yaml`")
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(typed: &[&str]) -> Result<Value, String> {
        let typed: Vec<String> = typed.iter().map(|text| (*text).to_owned()).collect();
        variables(&typed).map(Value::Object).map_err(|error| error.to_string())
    }

    #[test]
    fn later_variables_win_and_texts_stay_texts() {
        assert_eq!(read(&["a=1", "b=x=y", "a=2", "c="]), Ok(json!({"a": "2", "b": "x=y", "c": ""})));
        assert_eq!(read(&[r#"{"ports": [80]}"#]), Ok(json!({"ports": [80]})));
    }

    #[test]
    fn a_file_brings_values_of_every_type() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("v.yaml");
        std::fs::write(&path, "ports: [80, 443]\nlive: yes\n").expect("written");
        let read = read(&[&format!("@{}", path.display())]).expect("it reads");
        assert_eq!(read["ports"], json!([80, 443]));
    }

    #[test]
    fn what_is_no_variable_is_told() {
        for bad in ["novalue", "=x", "1a=x", "a-b=x", "{not json", "@/nowhere/v.yaml", ""] {
            assert!(read(&[bad]).is_err(), "{bad}");
        }
    }
}
