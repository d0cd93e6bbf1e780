//! Making a value one of a parameter's kind, as Ansible does it.

use serde_json::{Map, Value};

use super::{Leeway, free_form, is_template, mode};
use crate::{
    Kind,
    pattern::{Flags, Pattern},
};

const TRUE: [&str; 6] = ["y", "yes", "on", "1", "true", "t"];
const FALSE: [&str; 6] = ["n", "no", "off", "0", "false", "f"];

/// The value as one of the kind, or what was expected in its place.
pub(super) fn to_kind(kind: &Kind, value: Value, leeway: &Leeway) -> Result<Value, String> {
    if leeway.templates && is_template(&value) {
        return Ok(value);
    }
    match kind {
        Kind::Raw => Ok(value),
        Kind::Str | Kind::Path => text_of(&value).map(Value::String).ok_or_else(|| wanted("text", &value)),
        Kind::Pattern => pattern(&value).map(Value::String),
        Kind::Int => int(&value).map(Value::from).ok_or_else(|| wanted("a whole number", &value)),
        Kind::Float => float(&value).map(Value::from).ok_or_else(|| wanted("a number", &value)),
        Kind::Bool => bool(&value).map(Value::Bool).ok_or_else(|| wanted("yes or no", &value)),
        Kind::Mode => mode::canonical(&value, leeway.words).map(Value::String),
        Kind::Dict => dict(value).map(Value::Object),
        Kind::List(item) => list(item, value, leeway).map(Value::Array),
    }
}

fn wanted(what: &str, value: &Value) -> String {
    let found = match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
        scalar => scalar.to_string(),
    };
    format!("expected {what}, found {found}")
}

/// Text of a scalar; truth values are spelt as Python spells them, since playbooks rely on it.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("True".into()),
        Value::Bool(false) => Some("False".into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn pattern(value: &Value) -> Result<String, String> {
    let text = text_of(value).ok_or_else(|| wanted("a pattern", value))?;
    Pattern::parse(&text, Flags::default()).map(|_| text)
}

fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| whole(text.parse().ok()?))
        }
        _ => None,
    }
}

/// A float that stands for a whole number; past 2^53 it does so no longer reliably.
fn whole(float: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "the range and the fraction are checked before")]
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|float: &f64| float.is_finite()),
        _ => None,
    }
}

fn bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Number(number) => match number.as_f64()? {
            1.0 => Some(true),
            0.0 => Some(false),
            _ => None,
        },
        Value::String(text) => {
            let word = text.trim().to_lowercase();
            if TRUE.contains(&word.as_str()) {
                Some(true)
            } else if FALSE.contains(&word.as_str()) {
                Some(false)
            } else {
                None
            }
        }
        _ => None,
    }
}

fn list(item: &Kind, value: Value, leeway: &Leeway) -> Result<Vec<Value>, String> {
    let items = match value {
        Value::Array(items) => items,
        // Only kinds that are written as text can be split out of text.
        Value::String(text) if !matches!(item, Kind::Raw | Kind::Dict) => {
            text.split(',').map(Value::from).collect()
        }
        Value::Object(_) => return Err(wanted("a list", &value)),
        one => vec![one],
    };
    items
        .into_iter()
        .enumerate()
        .map(|(index, value)| {
            to_kind(item, value, leeway).map_err(|why| format!("item {}: {why}", index + 1))
        })
        .collect()
}

fn dict(value: Value) -> Result<Map<String, Value>, String> {
    match value {
        Value::Object(map) => Ok(map),
        Value::String(text) if text.trim_start().starts_with('{') => {
            serde_json::from_str(&text).map_err(|error| format!("expected a map, found bad JSON: {error}"))
        }
        Value::String(text) if text.contains('=') => free_form::pairs(&text, true),
        other => Err(wanted("a map", &other)),
    }
}
