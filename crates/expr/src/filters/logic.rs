//! Filters about being defined, being true, and types.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

use crate::args::{Args, Entry, entry, forgiving};
use crate::repr;
use crate::times;
use crate::verdicts::compare_versions;

pub(super) static FILTERS: &[Entry] = &[
    forgiving("default", &["default_value", "boolean"], default),
    forgiving("d", &["default_value", "boolean"], default),
    forgiving("mandatory", &["msg"], mandatory),
    forgiving("ternary", &["true_val", "false_val", "none_val"], ternary),
    forgiving("type_debug", &[], |_, args| Ok(Value::from(python_type(args.input())))),
    entry("bool", &[], bool),
    entry("version", &["version", "operator", "strict", "version_type"], compare_versions),
];

fn default(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let value = args.input();
    let missing = value.is_undefined() || (args.flag("boolean", false) && !value.is_true());
    Ok(match missing {
        true => args.given("default_value").unwrap_or_else(|| Value::from("")),
        false => value.clone(),
    })
}

fn mandatory(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    if !args.input().is_undefined() {
        return Ok(args.input().clone());
    }
    Err(match args.text("msg")? {
        Some(message) => Error::new(ErrorKind::InvalidOperation, message),
        None => repr::undefined(args.input()),
    })
}

fn ternary(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let value = args.input();
    if value.is_undefined() {
        return Err(repr::undefined(value));
    }
    match args.given("none_val") {
        Some(none) if value.is_none() && !none.is_none() => Ok(none),
        _ => args.need(if value.is_true() { "true_val" } else { "false_val" }),
    }
}

/// Ansible's words for true; everything else that is not a boolean is false.
fn bool(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let value = args.input();
    Ok(match value.kind() {
        ValueKind::Bool | ValueKind::None => value.clone(),
        ValueKind::String => {
            let word = value.as_str().unwrap_or_default().to_lowercase();
            Value::from(matches!(word.as_str(), "yes" | "on" | "1" | "true"))
        }
        _ => Value::from(value.as_i64() == Some(1)),
    })
}

/// The name of Python's type.
fn python_type(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "AnsibleUndefined",
        ValueKind::None => "NoneType",
        ValueKind::Bool => "bool",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::String => "str",
        ValueKind::Bytes => "bytes",
        ValueKind::Seq | ValueKind::Iterable if value.is_tuple() => "tuple",
        ValueKind::Seq | ValueKind::Iterable => "list",
        ValueKind::Map => "dict",
        _ => times::type_name(value).unwrap_or("object"),
    }
}
