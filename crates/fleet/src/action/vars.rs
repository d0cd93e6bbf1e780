//! `include_vars`: the files come from the store and are read here, where the variables are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};
use windlass_engine::Blobs;
use windlass_expr::{References, Scope, from_json, references_of_tree, render_tree, to_json};
use windlass_gate::{Context, Reply};
use windlass_model::{Code, Failure};

use super::{End, Work, params};
use crate::{blob, failure, varfiles};

pub(super) fn run(work: Work, cx: &Context<'_>, end: &mut End<'_>) -> Result<Reply, Failure> {
    let mut params = params(work.input);
    params.remove("uses");
    let files = match params.remove("src_files") {
        Some(Value::Array(entries)) => kept(&entries, &*work.blobs)?,
        _ => found(&params, cx)?,
    };
    let (mut vars, mut names) = (Map::new(), Vec::new());
    for (name, bytes) in files {
        let read = varfiles::parse(bytes, &name)
            .map_err(|problems| Failure::new(Code::BadParams, problems.to_string()).permanent())?;
        vars.extend(read);
        names.push(cx.cwd.join(name).to_string_lossy().into_owned());
    }
    let mut vars = rendered(vars, &work.scope)?;
    if params.get("hash_behaviour").and_then(Value::as_str) == Some("merge") && !params.contains_key("name") {
        for (name, value) in &mut vars {
            let old = work.scope.get_attr(name).ok().filter(|old| !old.is_undefined());
            if let Some(old) = old.and_then(|old| to_json(&old).ok()) {
                *value = merged(old, value.take());
            }
        }
    }
    params.insert("_vars".into(), vars.into());
    params.insert("_files".into(), names.into());
    end(params.into())
}

/// The files that the plan names, by their contents in the store.
fn kept(entries: &[Value], blobs: &dyn Blobs) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let one = |entry: &Value| {
        let name = entry["path"].as_str().unwrap_or_default().to_owned();
        Ok((name, blobs.read(&blob::id(&entry["blob"])?)?.to_vec()))
    };
    entries.iter().map(one).collect()
}

/// The files whose names were not known while planning.
fn found(params: &Map<String, Value>, cx: &Context<'_>) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let shown = ["file", "dir"].iter().find_map(|key| params.get(*key)?.as_str()).unwrap_or_default();
    let names = varfiles::names(cx.cwd, params).map_err(|problem| match problem {
        varfiles::Problem::Io(error) => failure::source(shown, &error),
        varfiles::Problem::Params(why) => Failure::new(Code::BadParams, why).permanent(),
    })?;
    let read = |name: String| match std::fs::read(cx.cwd.join(&name)) {
        Ok(bytes) => Ok((name, bytes)),
        Err(error) => Err(failure::source(&name, &error)),
    };
    names.into_iter().map(read).collect()
}

/// The variables with templates in them rendered. They may refer to each other: each is rendered once, after
/// those that it refers to. What comes of a template is never read as one, whatever is in it.
fn rendered(vars: Map<String, Value>, scope: &windlass_expr::Value) -> Result<Map<String, Value>, Failure> {
    let (mut done, mut left) = (BTreeMap::new(), Vec::new());
    for (name, value) in vars {
        let asks = references_of_tree(&value).map_err(|error| unreadable(&name, &error))?;
        left.push((name, value, asks));
    }
    while !left.is_empty() {
        let open: BTreeSet<String> = left.iter().map(|(name, ..)| name.clone()).collect();
        let waits = |(_, _, asks): &(String, Value, References)| {
            asks.paths.iter().any(|path| open.contains(&path[0]))
        };
        let (waiting, ready): (Vec<_>, Vec<_>) = left.into_iter().partition(waits);
        if ready.is_empty() {
            let names: Vec<String> = waiting.into_iter().map(|(name, ..)| name).collect();
            let why = format!("these variables refer to each other in a circle: {}", names.join(", "));
            return Err(Failure::new(Code::RenderFailed, why).permanent());
        }
        let whole = Scope::builder().layer(Arc::new(values(&done))).scope(scope.clone()).build();
        for (name, value, _) in ready {
            let value = render_tree(&value, &whole).map_err(|error| unreadable(&name, &error))?;
            done.insert(name, value);
        }
        left = waiting;
    }
    Ok(done.into_iter().collect())
}

fn values(vars: &BTreeMap<String, Value>) -> BTreeMap<String, windlass_expr::Value> {
    vars.iter().map(|(name, value)| (name.clone(), from_json(value))).collect()
}

fn unreadable(name: &str, error: &windlass_expr::Error) -> Failure {
    failure::expression(Code::RenderFailed, error, &format!("the variable {name}"))
}

/// Two values, with maps in them made one.
fn merged(old: Value, new: Value) -> Value {
    match (old, new) {
        (Value::Object(mut old), Value::Object(new)) => {
            for (name, value) in new {
                let before = old.remove(&name).unwrap_or_default();
                old.insert(name, if before.is_null() { value } else { merged(before, value) });
            }
            Value::Object(old)
        }
        (_, new) => new,
    }
}
