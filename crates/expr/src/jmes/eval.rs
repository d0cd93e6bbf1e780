//! Evaluates a query. What is missing is null, and null stays out of the lists that are made.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::{Node, functions};
use crate::args::items;
use crate::compare;
use crate::meter::charge_nodes;

pub(super) fn null() -> Value {
    Value::from(())
}

pub(super) fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

/// Whether a value counts as true: everything but null, `false` and what is empty.
fn holds(value: &Value) -> bool {
    value.kind() == ValueKind::Number || value.is_true()
}

pub(super) fn eval(node: &Node, value: &Value) -> Result<Value, Error> {
    charge_nodes(1)?;
    Ok(match node {
        Node::Current => value.clone(),
        Node::Literal(literal) => literal.clone(),
        Node::Field(name) => field(value, name)?,
        Node::Index(index) => index_of(value, *index)?,
        Node::Slice(parts) => slice(value, *parts)?,
        Node::Then(left, right) => eval(right, &eval(left, value)?)?,
        Node::Each(left, right) => each(&eval(left, value)?, right)?,
        Node::EachValue(left, right) => {
            let map = eval(left, value)?;
            if map.kind() != ValueKind::Map {
                return Ok(null());
            }
            let members = items(&map)?.iter().map(|key| map.get_item(key)).collect::<Result<Vec<_>, _>>()?;
            each(&members.into(), right)?
        }
        Node::Where(left, right, condition) => {
            let list = eval(left, value)?;
            if !is_list(&list) {
                return Ok(null());
            }
            let mut kept = Vec::new();
            for item in items(&list)? {
                if holds(&eval(condition, &item)?) {
                    kept.push(item);
                }
            }
            each(&kept.into(), right)?
        }
        Node::Flatten(inner) => flatten(&eval(inner, value)?)?,
        Node::And(left, right) => match eval(left, value)? {
            first if holds(&first) => eval(right, value)?,
            first => first,
        },
        Node::Or(left, right) => match eval(left, value)? {
            first if holds(&first) => first,
            _ => eval(right, value)?,
        },
        Node::Not(inner) => Value::from(!holds(&eval(inner, value)?)),
        Node::Compare(op, left, right) => compared(op, &eval(left, value)?, &eval(right, value)?)?,
        Node::List(_) | Node::Map(_) if value.is_none() => null(),
        Node::List(nodes) => {
            nodes.iter().map(|node| eval(node, value)).collect::<Result<Vec<_>, _>>()?.into()
        }
        Node::Map(members) => {
            let member = |(name, node): &(String, Node)| Ok((name.clone(), eval(node, value)?));
            Value::from_pairs(members.iter().map(member).collect::<Result<Vec<_>, Error>>()?)
        }
        Node::Call(name, args) => functions::call(name, args, value)?,
        Node::Query(_) => {
            return Err(crate::args::invalid("a `&` stands only before an argument of a function"));
        }
    })
}

fn field(value: &Value, name: &str) -> Result<Value, Error> {
    if value.kind() != ValueKind::Map {
        return Ok(null());
    }
    let found = value.get_attr(name)?;
    Ok(if found.is_undefined() { null() } else { found })
}

fn index_of(value: &Value, index: i64) -> Result<Value, Error> {
    if !is_list(value) {
        return Ok(null());
    }
    let found = value.get_item(&Value::from(index))?;
    Ok(if found.is_undefined() { null() } else { found })
}

fn slice(value: &Value, [start, stop, step]: [Option<i64>; 3]) -> Result<Value, Error> {
    if !is_list(value) {
        return Ok(null());
    }
    let step = i128::from(step.unwrap_or(1));
    if step == 0 {
        return Err(crate::args::invalid("a slice needs a step other than zero"));
    }
    let all = items(value)?;
    let length = all.len() as i128;
    let (lowest, highest) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let place = |part: Option<i64>, default: i128| {
        let Some(part) = part.map(i128::from) else { return default };
        (if part < 0 { part + length } else { part }).clamp(lowest, highest)
    };
    let (first, last) = if step > 0 { (0, length) } else { (length - 1, -1) };
    let (mut at, stop) = (place(start, first), place(stop, last));
    let mut out = Vec::new();
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        out.extend(usize::try_from(at).ok().and_then(|at| all.get(at)).cloned());
        at += step;
    }
    Ok(out.into())
}

fn each(list: &Value, node: &Node) -> Result<Value, Error> {
    if !is_list(list) {
        return Ok(null());
    }
    let mut out = Vec::new();
    for item in items(list)? {
        let found = eval(node, &item)?;
        if !found.is_none() {
            out.push(found);
        }
    }
    Ok(out.into())
}

fn flatten(value: &Value) -> Result<Value, Error> {
    if !is_list(value) {
        return Ok(null());
    }
    let mut out = Vec::new();
    for item in items(value)? {
        match is_list(&item) {
            true => out.extend(items(&item)?),
            false => out.push(item),
        }
    }
    Ok(out.into())
}

/// Equality of all values, order of numbers and of texts; other orders are null.
fn compared(op: &str, a: &Value, b: &Value) -> Result<Value, Error> {
    let has_order = |value: &Value| matches!(value.kind(), ValueKind::Number | ValueKind::String);
    if op == "==" || op == "!=" {
        // A boolean is no number here.
        let same = a.kind() == b.kind() || (is_list(a) && is_list(b));
        return Ok(Value::from((same && compare::equal(a, b)?) == (op == "==")));
    }
    if !has_order(a) || !has_order(b) {
        return Ok(null());
    }
    let ordering = compare::compare(op, a, b)?;
    Ok(Value::from(match op {
        "<" => ordering.is_lt(),
        "<=" => ordering.is_le(),
        ">" => ordering.is_gt(),
        _ => ordering.is_ge(),
    }))
}
