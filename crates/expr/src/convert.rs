//! Between JSON values and the values of expressions.

use minijinja::value::{Serde, ValueKind};
use minijinja::{Error as Inner, ErrorKind as InnerKind, Value};
use serde::Serialize;
use serde_json::{Map, Number};

use crate::error::{Error, ErrorKind};
use crate::meter::{self, MAX_DEPTH, Metered};
use crate::repr;
use crate::times;
use crate::unforeseen::{self, broken};

/// A JSON value as a value for scopes.
pub fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(flag) => Value::from(*flag),
        serde_json::Value::Number(number) => from_number(number),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => items.iter().map(from_json).collect(),
        serde_json::Value::Object(map) => {
            Value::from_pairs(map.iter().map(|(key, value)| (key.as_str(), from_json(value))))
        }
    }
}

/// Anything serialisable as a value for scopes.
pub fn from_serialize<T: Serialize>(value: &T) -> Value {
    Value::from(Serde(value))
}

/// A value as JSON. Integers stay integers (those past 64 bits become text); what JSON cannot say is an
/// error.
pub fn to_json(value: &Value) -> Result<serde_json::Value, Error> {
    let _metered = Metered::start();
    json_of(value).map_err(|error| {
        let message = error.detail().unwrap_or("a value is undefined").to_owned();
        if let Some(unforeseen) = unforeseen::told(&message) {
            return unforeseen;
        }
        let kind = if message == meter::TOO_MUCH { ErrorKind::Limit } else { ErrorKind::Value };
        Error::new(kind, message)
    })
}

fn from_number(number: &Number) -> Value {
    match (number.as_i64(), number.as_u64()) {
        (Some(integer), _) => Value::from(integer),
        (None, Some(integer)) => Value::from(integer),
        _ => Value::from(number.as_f64().unwrap_or(f64::NAN)),
    }
}

/// As [`to_json`], within a running evaluation.
pub(crate) fn json_of(value: &Value) -> Result<serde_json::Value, Inner> {
    nested(value, 0)
}

fn nested(value: &Value, depth: usize) -> Result<serde_json::Value, Inner> {
    if depth > MAX_DEPTH {
        return Err(Inner::new(InnerKind::InvalidOperation, "the value is nested too deeply"));
    }
    meter::charge_nodes(1)?;
    Ok(match value.kind() {
        ValueKind::Undefined => return Err(repr::undefined(value)),
        ValueKind::Invalid => return Err(broken(value)),
        ValueKind::None => serde_json::Value::Null,
        ValueKind::Bool => serde_json::Value::Bool(value.is_true()),
        ValueKind::Number => number(value),
        ValueKind::String | ValueKind::Bytes => {
            let text = value.to_str().map(|text| text.to_string()).unwrap_or_else(|| value.to_string());
            meter::charge(text.len())?;
            serde_json::Value::String(text)
        }
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter()?.map(|item| nested(&item, depth + 1)).collect::<Result<_, _>>()?
        }
        ValueKind::Map => map(value, depth)?,
        _ if times::type_name(value).is_some() => serde_json::Value::String(repr::text(value)?),
        kind => {
            return Err(Inner::new(
                InnerKind::InvalidOperation,
                format!("a {kind} is no data: call it, or leave it out"),
            ));
        }
    })
}

fn number(value: &Value) -> serde_json::Value {
    if value.is_integer() {
        return match (value.as_i64(), u64::try_from(value.clone())) {
            (Some(integer), _) => integer.into(),
            (None, Ok(integer)) => integer.into(),
            _ => value.to_string().into(),
        };
    }
    let float = f64::try_from(value.clone()).unwrap_or(f64::NAN);
    Number::from_f64(float).map_or_else(|| repr::float(float).into(), serde_json::Value::Number)
}

fn map(value: &Value, depth: usize) -> Result<serde_json::Value, Inner> {
    let mut out = Map::new();
    for key in value.try_iter()? {
        out.insert(key_text(&key)?, nested(&value.get_item(&key)?, depth + 1)?);
    }
    Ok(serde_json::Value::Object(out))
}

/// The text of a map's key in JSON, as Python's `json.dumps` chooses it.
pub(crate) fn key_text(key: &Value) -> Result<String, Inner> {
    match key.kind() {
        ValueKind::None => Ok("null".to_owned()),
        ValueKind::Bool => Ok(key.is_true().to_string()),
        _ => repr::text(key),
    }
}
