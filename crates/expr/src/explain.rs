//! Turns the engine's errors into ours: what, where in the text as it was written, and which name was meant.

use minijinja::value::ValueKind;
use minijinja::{Error as Inner, ErrorKind as InnerKind, Value};

use crate::error::{Error, ErrorKind};
use crate::meter::TOO_MUCH;
use crate::nearest::nearest;
use crate::refs::References;
use crate::rewrite::Rewritten;
use crate::unforeseen;

/// What is said of an undefined value when the engine does not know where it came from.
const NAMELESS: &str = "a value is undefined";

/// Gives a name to an undefined value that came without one: the first variable of the text that is missing.
pub(crate) fn named(error: Error, references: &References, scope: &Value) -> Error {
    if error.kind != ErrorKind::Undefined || error.message != NAMELESS {
        return error;
    }
    let is_missing = |path: &&Vec<String>| {
        let found = path.iter().try_fold(scope.clone(), |place, part| {
            place.get_item(&Value::from(part.as_str())).ok().filter(|next| !next.is_undefined())
        });
        found.is_none()
    };
    let offset = |path: &&Vec<String>| references.offset(&path.join("."));
    match references.paths.iter().filter(is_missing).min_by_key(offset) {
        Some(path) => Error { offset: offset(&path), ..undefined_path(path, scope) },
        None => error,
    }
}

/// An error of the parser.
pub(crate) fn syntax_error(error: &Inner, source: &str) -> Error {
    let message = error.detail().unwrap_or("the expression is not valid").to_owned();
    let mut out = Error::new(ErrorKind::Syntax, message);
    out.offset = error.range().map(|range| range.start.min(source.len()));
    out
}

/// An error of an evaluation.
pub(crate) fn runtime_error(error: &Inner, rewritten: &Rewritten, scope: &Value) -> Error {
    let offset = error.range().and_then(|range| rewritten.original(range.start));
    let mut out = described(error, scope);
    out.offset = offset;
    out
}

fn described(error: &Inner, scope: &Value) -> Error {
    let detail = innermost(error);
    if error.kind() == InnerKind::OutOfFuel {
        return Error::limit("the expression runs for too long")
            .hint("loop over less, or split the template");
    }
    if detail.contains(TOO_MUCH) {
        return Error::limit(TOO_MUCH).hint("work on smaller values, or do it in a step of its own");
    }
    if let Some(unforeseen) = unforeseen::told(&detail) {
        return unforeseen;
    }
    if let Some(name) = undefined_name(error.detail().unwrap_or_default()) {
        return undefined(name, scope);
    }
    match error.kind() {
        _ if detail.starts_with("cannot convert undefined") => Error::new(ErrorKind::Undefined, NAMELESS),
        InnerKind::UndefinedError => Error::new(ErrorKind::Undefined, NAMELESS),
        InnerKind::UnknownMethod => Error::new(ErrorKind::Unknown, detail),
        InnerKind::WriteFailure => Error::limit("the rendered text is too long"),
        _ => Error::new(ErrorKind::Value, detail),
    }
}

/// The detail of the error that caused the others.
fn innermost(error: &Inner) -> String {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Inner>());
    match (source, error.detail()) {
        (Some(source), _) => innermost(source),
        (None, Some(detail)) => detail.to_owned(),
        (None, None) => error.kind().to_string(),
    }
}

/// The engine says "… `name` is undefined …" when it knows the name.
fn undefined_name(detail: &str) -> Option<&str> {
    let before = detail.split_once("` is undefined")?.0;
    before.rsplit_once('`').map(|(_, name)| name)
}

/// An undefined variable: which part of its path is missing, and what is near.
pub(crate) fn undefined(name: &str, scope: &Value) -> Error {
    undefined_path(&split_path(name), scope)
}

/// The same for a path in parts.
pub(crate) fn undefined_path(parts: &[String], scope: &Value) -> Error {
    let mut place = scope.clone();
    for (index, part) in parts.iter().enumerate() {
        let next = place.get_item(&Value::from(part.as_str())).unwrap_or_default();
        if next.is_undefined() {
            return missing(&parts[..index], part, &place);
        }
        place = next;
    }
    Error::new(ErrorKind::Undefined, format!("`{}` is undefined", parts.join(".")))
}

fn missing(parents: &[String], part: &str, place: &Value) -> Error {
    let message = match parents {
        [] => format!("`{part}` is undefined"),
        parents => format!("`{}` has no `{part}`", parents.join(".")),
    };
    let error = Error::new(ErrorKind::Undefined, message);
    if place.kind() != ValueKind::Map {
        return error;
    }
    let names: Vec<String> =
        place.try_iter().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect();
    match nearest(part, names.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// The parts of `a.b["c-d"]`, as the engine spells a path.
fn split_path(name: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for piece in name.split('.') {
        let mut subscripts = piece.split('[');
        parts.extend(subscripts.next().filter(|part| !part.is_empty()).map(str::to_owned));
        parts.extend(subscripts.map(|part| part.trim_end_matches(']').trim_matches(['"', '\'']).to_owned()));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_split_at_dots_and_subscripts() {
        assert_eq!(split_path(r#"tasks["a-b"].output"#), ["tasks", "a-b", "output"]);
        assert_eq!(split_path("version"), ["version"]);
    }

    #[test]
    fn the_name_is_found_wherever_the_engine_puts_it() {
        assert_eq!(undefined_name("`a.b` is undefined"), Some("a.b"));
        assert_eq!(undefined_name("cannot convert (`x` is undefined)"), Some("x"));
        assert_eq!(undefined_name("no such thing"), None);
    }
}
