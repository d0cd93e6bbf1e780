//! `include_vars`: the files are read and checked while planning, and the plan names them by their hashes.

use std::io;

use serde_json::{Map, Value, json};
use windlass_engine::{CompileContext, StepCall};
use windlass_expr::references_of_tree;
use windlass_model::{Code, Diagnostic, Diagnostics, Span};

use super::{params, sources};
use crate::{jinja, varfiles};

/// Reads the file or the files of a folder. What is named by templates is read when the step runs.
pub(super) fn include(map: &mut Map<String, Value>, call: &StepCall<'_>, cx: &CompileContext) -> bool {
    if map.values().any(computed) {
        return true;
    }
    let key = if map.contains_key("dir") { "dir" } else { "file" };
    let Some(name) = map.get(key).and_then(Value::as_str) else { return true };
    let span = params::value(call, key).map_or(call.input.span, |node| node.span);
    let names = match varfiles::names(cx.root(), map) {
        Ok(names) => names,
        Err(varfiles::Problem::Io(error)) => return sources::refuse(cx, span, name, &error),
        Err(varfiles::Problem::Params(why)) => {
            cx.note(cx.problem(Code::BadParams, span, why));
            return false;
        }
    };
    let (mut files, mut uses) = (Vec::new(), Vec::new());
    for name in names {
        match file(&name, span, cx) {
            Some((blob, more)) => {
                files.push(json!({"path": sources::verbatim(&name), "blob": blob}));
                uses.extend(more);
            }
            None => return false,
        }
    }
    map.insert("src_files".into(), files.into());
    if !uses.is_empty() {
        uses.sort();
        uses.dedup();
        map.insert("uses".into(), uses.into());
    }
    true
}

fn computed(value: &Value) -> bool {
    match value {
        Value::String(text) => params::is_template(text),
        Value::Array(items) => items.iter().any(computed),
        _ => false,
    }
}

/// The hash of one file, and what its values ask of the run.
fn file(name: &str, span: Span, cx: &CompileContext) -> Option<(String, Vec<String>)> {
    let problems =
        |problems: Diagnostics| problems.iter().for_each(|problem| cx.note(Diagnostic::clone(problem)));
    let blob = match cx.file(name) {
        Ok(blob) => blob,
        Err(error) => {
            sources::refuse(cx, span, name, &error);
            return None;
        }
    };
    let bytes = match std::fs::read(cx.root().join(name)) {
        Ok(bytes) if blob == windlass_model::BlobId::of(&bytes) => bytes,
        Ok(_) => {
            sources::refuse(cx, span, name, &io::Error::other("it changes while it is read"));
            return None;
        }
        Err(error) => {
            sources::refuse(cx, span, name, &error);
            return None;
        }
    };
    let vars = varfiles::parse(bytes, name).map_err(problems).ok()?;
    let uses = references_of_tree(&vars.into()).map(|references| jinja::uses(&references));
    // A template that cannot be read is told when it is rendered, with the name of its variable.
    Some((blob.as_str().to_owned(), uses.unwrap_or_default()))
}
