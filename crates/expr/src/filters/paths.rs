//! Filters over paths, as texts: nothing is read from a disk.

use minijinja::{Error, State, Value};

use super::strings::texts;
use crate::args::{Args, Entry, entry};

pub(super) static FILTERS: &[Entry] = &[
    entry("basename", &[], |_, args| Ok(cut(&args.input_text()?).1.into())),
    entry("dirname", &[], |_, args| Ok(dirname(&args.input_text()?).into())),
    entry("splitext", &[], splitext),
    entry("path_join", &["*"], path_join),
    entry("normpath", &[], |_, args| Ok(normal(&args.input_text()?).into())),
    entry("relpath", &["start"], relpath),
];

/// The part up to the last slash, and the part after it.
fn cut(path: &str) -> (&str, &str) {
    path.split_at(path.rfind('/').map_or(0, |slash| slash + 1))
}

fn dirname(path: &str) -> &str {
    let (head, _) = cut(path);
    match head.trim_end_matches('/') {
        "" => head,
        trimmed => trimmed,
    }
}

fn splitext(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let path = args.input_text()?;
    let (head, name) = cut(&path);
    // Dots at the start of a name belong to the name.
    let visible = name.trim_start_matches('.');
    let dot = visible.rfind('.').map(|dot| head.len() + name.len() - visible.len() + dot);
    let (root, extension) = path.split_at(dot.unwrap_or(path.len()));
    Ok(Value::from((root, extension)))
}

fn path_join(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let mut parts = match args.input().as_str() {
        Some(text) => vec![text.to_owned()],
        None => texts(args.input())?,
    };
    parts.extend(args.rest().iter().map(crate::repr::text).collect::<Result<Vec<_>, _>>()?);
    let mut out = String::new();
    for part in parts {
        if part.starts_with('/') {
            out.clear();
        } else if !out.is_empty() && !out.ends_with('/') {
            out.push('/');
        }
        out.push_str(&part);
    }
    Ok(out.into())
}

/// Without `.`, without doubled slashes, with each `..` taken back where that is possible.
fn normal(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.join("/")) {
        (true, joined) => format!("/{joined}"),
        (false, joined) if joined.is_empty() => ".".to_owned(),
        (false, joined) => joined,
    }
}

/// The way from `start` to the path. Both must be absolute: there is no current folder here.
fn relpath(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let path = normal(&args.input_text()?);
    let start = normal(&args.text_or("start", "/")?);
    if !path.starts_with('/') || !start.starts_with('/') {
        return Err(args.error("needs absolute paths"));
    }
    let split =
        |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (path, start) = (split(&path), split(&start));
    let shared = path.iter().zip(&start).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), start.len() - shared);
    let way: Vec<String> = up.chain(path[shared..].iter().cloned()).collect();
    Ok(if way.is_empty() { ".".into() } else { way.join("/").into() })
}
