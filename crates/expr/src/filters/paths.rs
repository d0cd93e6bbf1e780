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
    entry("commonpath", &[], commonpath),
    entry("win_basename", &[], |_, args| Ok(windows(&args.input_text()?).2.into())),
    entry("win_dirname", &[], win_dirname),
    entry("win_splitdrive", &[], |_, args| {
        let path = args.input_text()?;
        Ok(Value::from(path.split_at(windows(&path).0.len())))
    }),
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

/// The longest way that all paths begin with.
fn commonpath(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    if args.input().as_str().is_some() {
        return Err(args.error("needs a list of paths"));
    }
    let paths = texts(args.input())?;
    let Some(rooted) = paths.first().map(|path| path.starts_with('/')) else {
        return Err(args.error("needs at least one path"));
    };
    if paths.iter().any(|path| path.starts_with('/') != rooted) {
        return Err(args.error("cannot mix absolute and relative paths"));
    }
    let parts = |path: &str| -> Vec<String> {
        path.split('/').filter(|part| !matches!(*part, "" | ".")).map(str::to_owned).collect()
    };
    let mut shared = parts(&paths[0]);
    for path in &paths[1..] {
        let length = shared.iter().zip(parts(path)).take_while(|(a, b)| *a == b).count();
        shared.truncate(length);
    }
    Ok(format!("{}{}", if rooted { "/" } else { "" }, shared.join("/")).into())
}

/// A path of Windows: its drive or share, what leads to the last part with its slash, and the last part.
fn windows(path: &str) -> (&str, &str, &str) {
    let is_slash = |c: char| matches!(c, '/' | '\\');
    let share = path.strip_prefix(r"\\").or(path.strip_prefix("//"));
    let drive = match share {
        // A share has two names: the machine's and its own.
        Some(rest) => {
            let mut slashes = rest.match_indices(is_slash).map(|(at, _)| at);
            path.len() - rest.len() + slashes.nth(1).unwrap_or(rest.len())
        }
        None if path.as_bytes().get(1) == Some(&b':') => 2,
        None => 0,
    };
    let (drive, rest) = path.split_at_checked(drive).unwrap_or(("", path));
    let (folder, name) = rest.split_at(rest.rfind(is_slash).map_or(0, |at| at + 1));
    (drive, folder, name)
}

fn win_dirname(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let path = args.input_text()?;
    let (drive, folder, _) = windows(&path);
    let trimmed = folder.trim_end_matches(['/', '\\']);
    Ok(format!("{drive}{}", if trimmed.is_empty() { folder } else { trimmed }).into())
}
