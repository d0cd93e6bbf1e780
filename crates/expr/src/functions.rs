//! The global functions: `range`, `dict`, `namespace`, `now`, `undef`. (`lookup` and `query` have a file of their own.)

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, Value};

use crate::args::{invalid, items};
use crate::meter::charge_nodes;
use crate::ops::integer;
use crate::times;

/// The functions that an expression may call.
pub(crate) const FUNCTIONS: &[&str] = &["dict", "lookup", "namespace", "now", "q", "query", "range", "undef"];

/// Those whose result depends on more than their arguments.
pub(crate) const IMPURE_FUNCTIONS: &[&str] = &["now"];

pub(crate) fn add_to(env: &mut Environment<'static>) {
    env.add_function("dict", dict);
    env.add_function("namespace", minijinja::functions::namespace);
    env.add_function("now", now);
    env.add_function("range", range);
    env.add_function("undef", undef);
}

/// `range(stop)`, `range(start, stop)`, `range(start, stop, step)`: the numbers as a list.
fn range(first: i64, stop: Option<i64>, step: Option<i64>) -> Result<Value, Error> {
    let (start, stop) = stop.map_or((0, first), |stop| (first, stop));
    let step = i128::from(step.unwrap_or(1));
    if step == 0 {
        return Err(invalid("`range` needs a step other than zero"));
    }
    let (start, stop) = (i128::from(start), i128::from(stop));
    let span = if step > 0 { stop - start } else { start - stop };
    let count = if span <= 0 { 0 } else { (span - 1) / step.abs() + 1 };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    charge_nodes(count)?;
    Ok((0..count as i128).map(|index| integer(start + index * step)).collect())
}

/// `dict(a=1, b=2)`, `dict([('a', 1)])`, `dict(map)`.
fn dict(given: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let mut pairs: Vec<(Value, Value)> = Vec::new();
    for value in given.iter() {
        if value.kind() == ValueKind::Map {
            for key in items(value)? {
                let item = value.get_item(&key)?;
                pairs.push((key, item));
            }
            continue;
        }
        for pair in items(value)? {
            match items(&pair)?.as_slice() {
                [key, item] => pairs.push((crate::ops::key(key)?, item.clone())),
                _ => return Err(invalid("`dict` needs pairs")),
            }
        }
    }
    for name in named.args() {
        pairs.push((Value::from(name), named.peek(name)?));
    }
    charge_nodes(pairs.len())?;
    Ok(Value::from_pairs(pairs))
}

/// `now(utc=false, fmt=none)`: the time, or its text in the form that `fmt` gives, as `strftime`.
fn now(utc: Option<bool>, fmt: Option<String>, named: Kwargs) -> Result<Value, Error> {
    let utc = named.peek::<Option<bool>>("utc")?.or(utc).unwrap_or(false);
    match named.peek::<Option<String>>("fmt")?.or(fmt) {
        Some(form) => times::written(&form, &times::at(None, utc)?).map(Value::from),
        None => Ok(Value::from_object(times::Moment::now(utc))),
    }
}

/// `undef(hint)`: a value that is not there, for a default that must be given.
fn undef(_hint: Option<String>, named: Kwargs) -> Result<Value, Error> {
    named.peek::<Option<String>>("hint")?;
    Ok(Value::UNDEFINED)
}
