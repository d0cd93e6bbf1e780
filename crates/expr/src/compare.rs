//! When values are equal, which comes first, and what contains what: as in Python, and metered.

use std::cmp::Ordering;

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use crate::args::invalid;
use crate::meter::{MAX_DEPTH, charge, charge_nodes};
use crate::ops::{Number, key, unfit};
use crate::times;
use crate::unforeseen::broken;

/// `a == b`, metered.
pub(crate) fn equal(a: &Value, b: &Value) -> Result<bool, Error> {
    equal_at(a, b, 0)
}

fn equal_at(a: &Value, b: &Value, depth: usize) -> Result<bool, Error> {
    charge_nodes(1)?;
    if depth > MAX_DEPTH {
        return Err(invalid("the value is nested too deeply"));
    }
    match (a.kind(), b.kind()) {
        (ValueKind::Invalid, _) => Err(broken(a)),
        (_, ValueKind::Invalid) => Err(broken(b)),
        (ValueKind::Map, ValueKind::Map) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for key in a.try_iter()? {
                let other = b.get_item(&key)?;
                if other.is_undefined() || !equal_at(&a.get_item(&key)?, &other, depth + 1)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (ValueKind::Seq | ValueKind::Iterable, ValueKind::Seq | ValueKind::Iterable) => {
            if a.len() != b.len() || a.is_tuple() != b.is_tuple() {
                return Ok(false);
            }
            for (x, y) in a.try_iter()?.zip(b.try_iter()?) {
                if !equal_at(&x, &y, depth + 1)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (ValueKind::String, ValueKind::String) => {
            let (x, y) = (a.as_str().unwrap_or_default(), b.as_str().unwrap_or_default());
            charge(x.len().min(y.len()))?;
            Ok(x == y)
        }
        (x, y) if is_nested(x) || is_nested(y) => Ok(false),
        _ => match (Number::of(a), Number::of(b)) {
            (Some(Number::Int(x)), Some(Number::Int(y))) => Ok(x == y),
            (Some(x), Some(y)) => Ok(x.float() == y.float()),
            _ => Ok(a == b),
        },
    }
}

/// Whether values of this kind hold other values.
pub(crate) fn is_nested(kind: ValueKind) -> bool {
    matches!(kind, ValueKind::Map | ValueKind::Seq | ValueKind::Iterable)
}

/// Orders two values that have an order: numbers, texts, lists of such.
pub(crate) fn compare(op: &str, a: &Value, b: &Value) -> Result<Ordering, Error> {
    compare_at(op, a, b, 0)
}

fn compare_at(op: &str, a: &Value, b: &Value, depth: usize) -> Result<Ordering, Error> {
    charge_nodes(1)?;
    if depth > MAX_DEPTH {
        return Err(invalid("the value is nested too deeply"));
    }
    if let (Some(x), Some(y)) = (a.as_str(), b.as_str()) {
        charge(x.len().min(y.len()))?;
        return Ok(x.cmp(y));
    }
    match (Number::of(a), Number::of(b)) {
        (Some(Number::Int(x)), Some(Number::Int(y))) => return Ok(x.cmp(&y)),
        (Some(x), Some(y)) => return Ok(x.float().total_cmp(&y.float())),
        _ => {}
    }
    if let Some(ordering) = times::compare(a, b) {
        return Ok(ordering);
    }
    let is_list = |value: &Value| matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
    if !is_list(a) || !is_list(b) {
        return Err(unfit(op, a, b));
    }
    for (x, y) in a.try_iter()?.zip(b.try_iter()?) {
        if !equal_at(&x, &y, depth + 1)? {
            return compare_at(op, &x, &y, depth + 1);
        }
    }
    Ok(a.len().cmp(&b.len()))
}

/// `item in container`: a part of a text, an item of a list, a key of a map.
pub(crate) fn contains(container: &Value, item: &Value) -> Result<bool, Error> {
    match (container.kind(), item.as_str()) {
        (ValueKind::String, Some(part)) => {
            let text = container.as_str().unwrap_or_default();
            charge(text.len())?;
            Ok(text.contains(part))
        }
        (ValueKind::String, None) => Err(unfit("in", item, container)),
        (ValueKind::Map, _) => {
            key(item)?;
            Ok(!container.get_item(item)?.is_undefined())
        }
        (ValueKind::Seq | ValueKind::Iterable, _) => {
            for candidate in container.try_iter()? {
                if equal(&candidate, item)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Err(unfit("in", item, container)),
    }
}

/// Sorts stably with a comparison that may fail: a merge sort, since the library's may panic when a
/// comparison has no consistent answer.
pub(crate) fn try_sort<T>(
    all: &mut Vec<T>,
    compare: &mut impl FnMut(&T, &T) -> Result<Ordering, Error>,
) -> Result<(), Error> {
    if all.len() < 2 {
        return Ok(());
    }
    let mut right = all.split_off(all.len() / 2);
    try_sort(all, compare)?;
    try_sort(&mut right, compare)?;
    let mut left = std::mem::take(all).into_iter().peekable();
    let mut right = right.into_iter().peekable();
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let first = if compare(b, a)?.is_lt() { right.next() } else { left.next() };
        all.extend(first);
    }
    all.extend(left.chain(right));
    Ok(())
}
