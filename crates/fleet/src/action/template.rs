//! `template`: the text comes from the store and is rendered here, where the variables are.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};
use windlass_expr::Scope;
use windlass_gate::{Context, Reply};
use windlass_model::{Code, Failure};

use super::{End, Work, params};
use crate::{blob, failure, jinja};

pub(super) fn run(work: Work, cx: &Context<'_>, end: &mut End<'_>) -> Result<Reply, Failure> {
    let mut params = params(work.input);
    let (id, mode) = (params.remove("src_blob"), params.remove("src_mode"));
    params.remove("uses");
    let Some(src) = params.get("src").and_then(Value::as_str).map(str::to_owned) else {
        return end(params.into());
    };
    let (bytes, own_mode) = match &id {
        Some(id) => (work.blobs.read(&blob::id(id)?)?.to_vec(), mode),
        None => read(&cx.cwd.join(&src)).map_err(|error| failure::source(&src, &error))?,
    };
    if let (Some("preserve"), Some(mode)) = (params.get("mode").and_then(Value::as_str), own_mode) {
        params.insert("mode".into(), mode);
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        Failure::new(Code::BadTemplate, format!("the template {src} is not UTF-8")).permanent()
    })?;
    let content = render(&src, &text, &params, work.scope)?;
    params.insert("content".into(), content.into());
    end(params.into())
}

/// A template whose name was not known while planning, with its mode.
fn read(path: &Path) -> io::Result<(Vec<u8>, Option<Value>)> {
    let meta = fs::metadata(path)?;
    if !meta.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mode = format!("{:04o}", meta.permissions().mode() & 0o7777);
    fs::read(path).map(|bytes| (bytes, Some(mode.into())))
}

fn render(
    src: &str,
    text: &str,
    params: &Map<String, Value>,
    scope: windlass_expr::Value,
) -> Result<String, Failure> {
    let place = |error: &windlass_expr::Error| match error.offset {
        Some(offset) => format!("{src}:{}", jinja::line(text, offset)),
        None => src.to_owned(),
    };
    let parsed = jinja::parse(text, params)
        .map_err(|error| failure::expression(Code::BadTemplate, &error, &place(&error)))?;
    let defaults = defaults(src, params);
    let scope = Scope::builder().scope(scope).layer(Arc::new(defaults)).build();
    parsed.render_text(&scope).map_err(|error| {
        let error = jinja::shift(error, jinja::header_len(text));
        failure::expression(Code::RenderFailed, &error, &place(&error))
    })
}

/// The names that Ansible gives to every template. Its dates are left out: they would make each run a change.
fn defaults(src: &str, params: &Map<String, Value>) -> BTreeMap<String, windlass_expr::Value> {
    let dest = params.get("dest").and_then(Value::as_str).unwrap_or_default();
    BTreeMap::from([
        ("ansible_managed".to_owned(), "Ansible managed".into()),
        ("template_destpath".to_owned(), dest.into()),
        ("template_path".to_owned(), src.into()),
    ])
}
