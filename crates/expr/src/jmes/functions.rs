//! The functions of JMESPath.

use std::cmp::Ordering;

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::Node;
use super::eval::{eval, is_list, null};
use crate::args::{invalid, items};
use crate::compare::{compare, contains, try_sort};
use crate::convert::json_of;
use crate::meter::charge;
use crate::ops::{add, as_float, integer};

pub(super) fn call(name: &str, args: &[Node], value: &Value) -> Result<Value, Error> {
    // These take a query, and evaluate it for each item.
    match (name, args) {
        ("map", [Node::Query(query), list]) => {
            let mapped = list_of(name, &eval(list, value)?)?;
            return mapped
                .iter()
                .map(|item| eval(query, item))
                .collect::<Result<Vec<_>, _>>()
                .map(Value::from);
        }
        ("sort_by" | "max_by" | "min_by", [list, Node::Query(query)]) => {
            let list = list_of(name, &eval(list, value)?)?;
            let keyed = |item: Value| Ok((eval(query, &item)?, item));
            return ordered(name, list.into_iter().map(keyed).collect::<Result<Vec<_>, Error>>()?);
        }
        _ => {}
    }
    let given = args.iter().map(|arg| eval(arg, value)).collect::<Result<Vec<_>, _>>()?;
    of_values(name, &given)
}

fn of_values(name: &str, given: &[Value]) -> Result<Value, Error> {
    Ok(match (name, given) {
        ("abs", [number]) => match i128::try_from(number.clone()) {
            Ok(whole) if number.is_integer() => integer(whole.abs()),
            _ => Value::from(number_of(name, number)?.abs()),
        },
        ("ceil", [number]) => integer(number_of(name, number)?.ceil() as i128),
        ("floor", [number]) => integer(number_of(name, number)?.floor() as i128),
        ("avg", [list]) => match list_of(name, list)?.as_slice() {
            [] => null(),
            all => Value::from(as_float(&sum(name, all)?).unwrap_or(f64::NAN) / all.len() as f64),
        },
        ("sum", [list]) => sum(name, &list_of(name, list)?)?,
        ("contains", [whole, part]) => match (whole.as_str(), part.as_str()) {
            (Some(_), None) => Value::from(false),
            (None, _) if !is_list(whole) => return Err(unfit(name)),
            _ => contains(whole, part)?.into(),
        },
        ("starts_with", [text, start]) => text_of(name, text)?.starts_with(text_of(name, start)?).into(),
        ("ends_with", [text, end]) => text_of(name, text)?.ends_with(text_of(name, end)?).into(),
        ("join", [glue, list]) => {
            let (glue, list) = (text_of(name, glue)?, list_of(name, list)?);
            let texts = list.iter().map(|item| text_of(name, item)).collect::<Result<Vec<_>, _>>()?;
            charge(texts.iter().map(|text| text.len() + glue.len()).sum())?;
            texts.join(glue).into()
        }
        ("keys", [map]) if map.kind() == ValueKind::Map => items(map)?.into(),
        ("values", [map]) if map.kind() == ValueKind::Map => {
            items(map)?.iter().map(|key| map.get_item(key)).collect::<Result<Vec<_>, _>>()?.into()
        }
        ("length", [value]) => match value.as_str() {
            Some(text) => text.chars().count().into(),
            None => value.len().ok_or_else(|| unfit(name))?.into(),
        },
        ("max" | "min" | "sort", [list]) => {
            ordered(name, list_of(name, list)?.into_iter().map(|item| (item.clone(), item)).collect())?
        }
        ("merge", maps) if !maps.is_empty() => {
            let mut pairs = Vec::new();
            for map in maps {
                if map.kind() != ValueKind::Map {
                    return Err(unfit(name));
                }
                for key in items(map)? {
                    let member = map.get_item(&key)?;
                    pairs.push((key, member));
                }
            }
            Value::from_pairs(pairs)
        }
        ("not_null", [_, ..]) => given.iter().find(|value| !value.is_none()).cloned().unwrap_or_else(null),
        ("reverse", [value]) => match value.as_str() {
            Some(text) => {
                charge(text.len())?;
                text.chars().rev().collect::<String>().into()
            }
            None => list_of(name, value)?.into_iter().rev().collect(),
        },
        ("to_array", [value]) if is_list(value) => value.clone(),
        ("to_array", [value]) => vec![value.clone()].into(),
        ("to_string", [value]) if value.as_str().is_some() => value.clone(),
        ("to_string", [value]) => {
            let text = json_of(value)?.to_string();
            charge(text.len())?;
            text.into()
        }
        ("to_number", [value]) => to_number(value),
        ("type", [value]) => type_name(value).into(),
        _ => return Err(unfit(name)),
    })
}

const NAMES: &[&str] = &[
    "abs",
    "avg",
    "ceil",
    "contains",
    "ends_with",
    "floor",
    "join",
    "keys",
    "length",
    "map",
    "max",
    "max_by",
    "merge",
    "min",
    "min_by",
    "not_null",
    "reverse",
    "sort",
    "sort_by",
    "starts_with",
    "sum",
    "to_array",
    "to_number",
    "to_string",
    "type",
    "values",
];

fn unfit(name: &str) -> Error {
    match NAMES.contains(&name) {
        true => invalid(format!("the arguments do not fit the function `{name}` of the query")),
        false => invalid(format!("a query has no function `{name}`")),
    }
}

fn list_of(name: &str, value: &Value) -> Result<Vec<Value>, Error> {
    if is_list(value) { items(value) } else { Err(unfit(name)) }
}

fn text_of<'v>(name: &str, value: &'v Value) -> Result<&'v str, Error> {
    value.as_str().ok_or_else(|| unfit(name))
}

fn number_of(name: &str, value: &Value) -> Result<f64, Error> {
    as_float(value).filter(|_| value.is_number()).ok_or_else(|| unfit(name))
}

fn sum(name: &str, all: &[Value]) -> Result<Value, Error> {
    all.iter().try_fold(Value::from(0), |sum, item| {
        number_of(name, item)?;
        add(&sum, item)
    })
}

/// The items by their keys, which must all be numbers or all be texts.
fn ordered(name: &str, mut keyed: Vec<(Value, Value)>) -> Result<Value, Error> {
    let kind = keyed.first().map(|(key, _)| key.kind());
    let fits = |kind| matches!(kind, ValueKind::Number | ValueKind::String);
    if keyed.iter().any(|(key, _)| !fits(key.kind()) || Some(key.kind()) != kind) {
        return Err(unfit(name));
    }
    let order = |a: &(Value, Value), b: &(Value, Value)| compare("<", &a.0, &b.0);
    if name.starts_with("sort") {
        try_sort(&mut keyed, &mut |a, b| order(a, b))?;
        return Ok(keyed.into_iter().map(|(_, item)| item).collect());
    }
    let wanted = if name.starts_with("max") { Ordering::Greater } else { Ordering::Less };
    let mut best: Option<(Value, Value)> = None;
    for pair in keyed {
        let better = match &best {
            Some(held) => order(&pair, held)? == wanted,
            None => true,
        };
        best = if better { Some(pair) } else { best };
    }
    Ok(best.map_or_else(null, |(_, item)| item))
}

fn to_number(value: &Value) -> Value {
    match value.as_str() {
        None if value.is_number() => value.clone(),
        None => null(),
        Some(text) => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(whole), _) => whole.into(),
            (_, Ok(number)) => number.into(),
            _ => null(),
        },
    }
}

fn type_name(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => "null",
        ValueKind::Bool => "boolean",
        ValueKind::Number => "number",
        ValueKind::Seq | ValueKind::Iterable => "array",
        ValueKind::Map => "object",
        _ => "string",
    }
}
