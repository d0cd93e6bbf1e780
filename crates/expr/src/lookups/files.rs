//! Lookups that ask outside: files, the environment, commands, addresses.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};
use serde_json::Map;

use super::{Entry, Source, Terms, entry};
use crate::args::items;
use crate::convert::json_of;
use crate::glob::{self, Glob, Hit};
use crate::here::ask;
use crate::meter::{charge, charge_nodes};
use crate::outside::PlaceKind;
use crate::text;

/// What a question costs beyond what is read: no expression asks a thousand.
const QUESTION: usize = 32 << 10;

pub(super) static LOOKUPS: &[Entry] = &[
    entry("file", &["lstrip", "rstrip"], Source::Outside, file),
    entry("unvault", &[], Source::Outside, |terms| {
        let read = |path: String| in_reach(terms, "files", &path).and_then(|path| read(terms, &path));
        terms.texts()?.into_iter().map(|path| read(path).map(Value::from)).collect()
    }),
    entry("fileglob", &[], Source::Outside, fileglob),
    entry("first_found", &["files", "paths", "skip"], Source::Outside, first_found),
    entry("env", &["default"], Source::Outside, env),
    entry("pipe", &[], Source::Outside, |terms| {
        terms.texts()?.iter().map(|command| Ok(output(terms, command)?.trim_end().into())).collect()
    }),
    entry("lines", &[], Source::Outside, |terms| {
        let mut out = Vec::new();
        for command in terms.texts()? {
            let output = output(terms, &command)?;
            charge_nodes(output.len() / 8)?;
            out.extend(text::lines(&output).map(Value::from));
        }
        Ok(out)
    }),
    entry("url", &["split_lines", "*"], Source::Outside, url),
];

/// Where a path leads: to the folder for its kind, or to the place as it is written.
pub(super) fn in_reach(terms: &Terms<'_>, folder: &str, path: &str) -> Result<String, Error> {
    match found(folder, path).map_err(|error| terms.failed(error))? {
        Some((path, _)) => Ok(path),
        None => Err(terms.error(format!("finds no `{path}`"))),
    }
}

/// The path as it was found, and the whole one.
fn found(folder: &str, path: &str) -> Result<Option<(String, String)>, Error> {
    for candidate in candidates(folder, path) {
        charge(QUESTION)?;
        let place = ask(|outside| outside.look(&candidate))?;
        if place.kind != PlaceKind::Nothing {
            return Ok(Some((candidate, place.path)));
        }
    }
    Ok(None)
}

/// Relative paths are looked for in the folder of their kind first, as Ansible does.
pub(crate) fn candidates(folder: &str, path: &str) -> Vec<String> {
    let here = path.to_owned();
    match path.starts_with(['/', '~']) || path.split('/').next() == Some(folder) {
        true => vec![here],
        false => vec![format!("{folder}/{path}"), here],
    }
}

pub(super) fn read(terms: &Terms<'_>, path: &str) -> Result<String, Error> {
    charge(QUESTION)?;
    let bytes = ask(|outside| outside.read(path)).map_err(|error| terms.failed(error))?;
    charge(bytes.len())?;
    String::from_utf8(bytes).map_err(|_| terms.error(format!("reads `{path}`, which is no text")))
}

fn file(terms: &Terms<'_>) -> Result<Vec<Value>, Error> {
    let (left, right) = (terms.flag("lstrip", false), terms.flag("rstrip", true));
    let content = |path: String| {
        let content = read(terms, &in_reach(terms, "files", &path)?)?;
        let content = if left { content.trim_start() } else { &content };
        Ok(Value::from(if right { content.trim_end() } else { content }))
    };
    terms.texts()?.into_iter().map(content).collect()
}

fn env(terms: &Terms<'_>) -> Result<Vec<Value>, Error> {
    let default = terms.option("default");
    let variable = |name: String| {
        charge(QUESTION)?;
        let name = name.split_whitespace().next().ok_or_else(|| terms.error("needs a name"))?;
        let value = ask(|outside| outside.env(name)).map_err(|error| terms.failed(error))?;
        Ok(match (value, &default) {
            (Some(value), _) => Value::from(value),
            (None, Some(default)) => default.clone(),
            (None, None) => Value::from(""),
        })
    };
    terms.texts()?.into_iter().map(variable).collect()
}

fn output(terms: &Terms<'_>, command: &str) -> Result<String, Error> {
    charge(QUESTION)?;
    let output = ask(|outside| outside.pipe(command)).map_err(|error| terms.failed(error))?;
    charge(output.len())?;
    String::from_utf8(output).map_err(|_| terms.error("gets an output that is no text"))
}

fn url(terms: &Terms<'_>) -> Result<Vec<Value>, Error> {
    let mut options = Map::new();
    for name in terms.given().filter(|name| *name != "split_lines") {
        options.insert(name.to_owned(), json_of(&terms.option(name).unwrap_or_default())?);
    }
    let mut out = Vec::new();
    for url in terms.texts()? {
        charge(QUESTION)?;
        let bytes = ask(|outside| outside.url(&url, &options)).map_err(|error| terms.failed(error))?;
        charge(bytes.len())?;
        let content = String::from_utf8_lossy(&bytes);
        match terms.flag("split_lines", true) {
            true => {
                charge_nodes(content.len() / 8)?;
                out.extend(text::lines(&content).map(Value::from));
            }
            false => out.push(Value::from(content)),
        }
    }
    Ok(out)
}

fn fileglob(terms: &Terms<'_>) -> Result<Vec<Value>, Error> {
    let mut out = Vec::new();
    for term in terms.texts()? {
        let found = globbed(&term).map_err(|error| terms.failed(error))?;
        out.extend(found.into_iter().map(|hit| Value::from(hit.whole)));
    }
    Ok(out)
}

/// The files that a pattern of the lookup `fileglob` names, in the order of their names. Only the last part may be a
/// pattern.
pub(crate) fn globbed(term: &str) -> Result<Vec<Hit>, Error> {
    let (folder, name) = term.rsplit_once('/').unwrap_or(("", term));
    let pattern = Glob::new(name);
    let folders = match term.rfind('/') {
        Some(0) => vec!["/".to_owned()],
        Some(_) => found("files", folder)?.into_iter().map(|(path, _)| path).collect(),
        None => vec!["files".to_owned(), ".".to_owned()],
    };
    for folder in folders {
        let files = glob::files(&folder, &pattern)?;
        if !files.is_empty() {
            return Ok(files);
        }
    }
    Ok(Vec::new())
}

/// The first of several paths at which there is anything.
fn first_found(terms: &Terms<'_>) -> Result<Vec<Value>, Error> {
    let given = |name: &str| terms.option(name);
    let mut search = Vec::new();
    let files = given("files").map(|files| vec![files]).unwrap_or_default();
    let wanted = if terms.terms.is_empty() { files.as_slice() } else { terms.terms };
    let mut skip = terms.flag("skip", false);
    for term in wanted {
        paths_of(terms, term, given("paths").as_ref(), &mut search, &mut skip)?;
    }
    for path in search {
        charge(QUESTION)?;
        let place = ask(|outside| outside.look(&path)).map_err(|error| terms.failed(error))?;
        if place.kind != PlaceKind::Nothing {
            return Ok(vec![place.path.into()]);
        }
    }
    match skip {
        true => Ok(Vec::new()),
        false => Err(terms.error("finds none of its files")),
    }
}

/// The paths that a term stands for: a path, a list of terms, or a map with `files` and `paths`.
fn paths_of(
    terms: &Terms<'_>,
    term: &Value,
    paths: Option<&Value>,
    out: &mut Vec<String>,
    skip: &mut bool,
) -> Result<(), Error> {
    match term.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            items(term)?.iter().try_for_each(|term| paths_of(terms, term, paths, out, skip))
        }
        ValueKind::Map => {
            let member = |name: &str| term.get_attr(name).ok().filter(|value| !value.is_undefined());
            if let Some(flag) = member("skip") {
                *skip = flag.is_true();
            }
            let files = parts(terms, member("files").as_ref(), &[',', ';'])?;
            let own = member("paths");
            spread(&files, &parts(terms, own.as_ref().or(paths), &[',', ':', ';'])?, out)
        }
        ValueKind::String => {
            let files = parts(terms, Some(term), &[',', ';'])?;
            spread(&files, &parts(terms, paths, &[',', ':', ';'])?, out)
        }
        _ => Err(terms.error("needs paths, lists or maps")),
    }
}

fn spread(files: &[String], folders: &[String], out: &mut Vec<String>) -> Result<(), Error> {
    charge_nodes(files.len().saturating_mul(folders.len().max(1)))?;
    match folders {
        [] => out.extend(files.iter().cloned()),
        folders => out.extend(folders.iter().flat_map(|folder| {
            files.iter().map(move |file| format!("{}/{file}", folder.trim_end_matches('/')))
        })),
    }
    Ok(())
}

/// The parts of a text with separators, or of a list of such texts.
fn parts(terms: &Terms<'_>, given: Option<&Value>, separators: &[char]) -> Result<Vec<String>, Error> {
    let Some(given) = given else { return Ok(Vec::new()) };
    let texts = match given.as_str() {
        Some(text) => vec![text.to_owned()],
        None => {
            let all = items(given)?;
            let texts = all.iter().map(|item| item.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or_else(|| terms.error("needs paths that are texts"))?
        }
    };
    charge(texts.iter().map(String::len).sum())?;
    let parts = texts.iter().flat_map(|text| text.split(separators));
    Ok(parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
}
