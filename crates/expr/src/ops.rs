//! The operators: Python's meaning, with the [meter](crate::meter) running. The rewritten text calls them
//! as filters named `op.…`.

use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};

use crate::args::{invalid, items};
use crate::compare::{compare, contains, equal, is_nested};
use crate::meter::{MAX_DEPTH, charge, charge_nodes};
use crate::unforeseen::{broken, sound};
use crate::{percent, repr, times};

/// How long a repeated or concatenated list may be.
const MAX_LIST: usize = 1_000_000;

pub(crate) fn add_to(env: &mut Environment<'static>) {
    env.add_filter("op.add", defined(add));
    env.add_filter("op.sub", defined(sub));
    env.add_filter("op.mul", defined(mul));
    env.add_filter("op.div", defined(div));
    env.add_filter("op.floordiv", defined(floordiv));
    env.add_filter("op.rem", defined(rem));
    env.add_filter("op.pow", defined(pow));
    env.add_filter("op.concat", defined(concat));
    env.add_filter("op.eq", defined(|a, b| equal(a, b).map(Value::from)));
    env.add_filter("op.ne", defined(|a, b| equal(a, b).map(|same| Value::from(!same))));
    env.add_filter("op.lt", defined(|a, b| ordered("<", a, b)));
    env.add_filter("op.le", defined(|a, b| ordered("<=", a, b)));
    env.add_filter("op.gt", defined(|a, b| ordered(">", a, b)));
    env.add_filter("op.ge", defined(|a, b| ordered(">=", a, b)));
    env.add_filter("op.within", defined(|a, b| contains(b, a).map(Value::from)));
    env.add_filter("op.chain", chain);
    env.add_filter("op.slice", slice);
    env.add_filter("op.get", |value: &Value, key: &Value| get(value, key));
    env.add_filter("op.item", defined(get));
    env.add_filter("op.key", key);
    env.add_filter("op.touch", touch);
    env.add_filter("op.kept", |value: &Value| kept(value, false));
    env.add_filter("op.held", |value: &Value| kept(value, true));
}

/// An operator whose operands must be defined.
fn defined(
    run: impl Fn(&Value, &Value) -> Result<Value, Error> + Send + Sync + 'static,
) -> impl Fn(&Value, &Value) -> Result<Value, Error> + Send + Sync + 'static {
    move |a, b| {
        for operand in [a, b] {
            if operand.is_undefined() {
                return Err(repr::undefined(operand));
            }
        }
        run(a, b)
    }
}

pub(crate) fn unfit(op: &str, a: &Value, b: &Value) -> Error {
    invalid(format!("`{op}` does not work on {} and {}", type_name(a), type_name(b)))
}

/// What kind of value it is, in words.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "an undefined value",
        ValueKind::None => "none",
        ValueKind::Bool => "a boolean",
        ValueKind::Number if value.is_integer() => "an integer",
        ValueKind::Number => "a float",
        ValueKind::String => "a text",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "a map",
        _ => "an object",
    }
}

/// A number as the operators see it: booleans count as 0 and 1, as in Python.
pub(crate) enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    pub(crate) fn of(value: &Value) -> Option<Number> {
        match value.kind() {
            ValueKind::Bool => Some(Number::Int(i128::from(value.is_true()))),
            ValueKind::Number if value.is_integer() => i128::try_from(value.clone()).ok().map(Number::Int),
            ValueKind::Number => f64::try_from(value.clone()).ok().map(Number::Float),
            _ => None,
        }
    }

    pub(crate) fn float(&self) -> f64 {
        match self {
            Number::Int(number) => *number as f64,
            Number::Float(number) => *number,
        }
    }
}

/// A number as a float, if it is one.
pub(crate) fn as_float(value: &Value) -> Option<f64> {
    Number::of(value).map(|number| number.float())
}

/// An integer as small as it fits.
pub(crate) fn integer(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| Value::from(number), Value::from)
}

fn arithmetic(
    op: &str,
    a: &Value,
    b: &Value,
    ints: impl Fn(i128, i128) -> Option<i128>,
    floats: impl Fn(f64, f64) -> f64,
) -> Result<Value, Error> {
    match (Number::of(a), Number::of(b)) {
        (Some(Number::Int(x)), Some(Number::Int(y))) => {
            ints(x, y).map(integer).ok_or_else(|| invalid(format!("the result of `{op}` is too large")))
        }
        (Some(x), Some(y)) => Ok(Value::from(floats(x.float(), y.float()))),
        _ => Err(unfit(op, a, b)),
    }
}

/// `a - b`: numbers, times.
fn sub(a: &Value, b: &Value) -> Result<Value, Error> {
    match times::sub(a, b) {
        Some(result) => result,
        None => arithmetic("-", a, b, i128::checked_sub, |a, b| a - b),
    }
}

/// `a + b`: numbers, texts, lists, a time and a span.
pub(crate) fn add(a: &Value, b: &Value) -> Result<Value, Error> {
    if let Some(result) = times::add(a, b) {
        return result;
    }
    if let (Some(x), Some(y)) = (a.as_str(), b.as_str()) {
        charge(x.len() + y.len())?;
        return Ok(Value::from([x, y].concat()));
    }
    let is_list = |value: &Value| matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
    if is_list(a) && is_list(b) && a.is_tuple() == b.is_tuple() {
        let mut all = items(a)?;
        all.extend(items(b)?);
        return Ok(same_kind(a, all));
    }
    arithmetic("+", a, b, i128::checked_add, |a, b| a + b)
}

/// A list, or a tuple if the model is one.
fn same_kind(model: &Value, items: Vec<Value>) -> Value {
    match model.is_tuple() {
        true => Value::from(minijinja::value::Tuple::from(items)),
        false => Value::from(items),
    }
}

fn mul(a: &Value, b: &Value) -> Result<Value, Error> {
    let times = |value: &Value| value.as_i64().map(|count| usize::try_from(count).unwrap_or(0));
    for (thing, count) in [(a, b), (b, a)] {
        if let (Some(text), Some(count)) = (thing.as_str(), times(count)) {
            charge(text.len().saturating_mul(count))?;
            return Ok(Value::from(text.repeat(count)));
        }
        if let (ValueKind::Seq | ValueKind::Iterable, Some(count)) = (thing.kind(), times(count)) {
            return repeated(thing, count);
        }
    }
    arithmetic("*", a, b, i128::checked_mul, |a, b| a * b)
}

fn repeated(thing: &Value, count: usize) -> Result<Value, Error> {
    let once = items(thing)?;
    let length = once.len().saturating_mul(count);
    if length > MAX_LIST {
        return Err(invalid(crate::meter::TOO_MUCH));
    }
    charge_nodes(length)?;
    Ok(same_kind(thing, once.iter().cycle().take(length).cloned().collect()))
}

fn by_zero(op: &str, b: &Value) -> Result<(), Error> {
    match as_float(b) {
        Some(0.0) => Err(invalid(format!("`{op}` by zero"))),
        _ => Ok(()),
    }
}

fn div(a: &Value, b: &Value) -> Result<Value, Error> {
    by_zero("/", b)?;
    match (as_float(a), as_float(b)) {
        (Some(x), Some(y)) => Ok(Value::from(x / y)),
        _ => Err(unfit("/", a, b)),
    }
}

fn floordiv(a: &Value, b: &Value) -> Result<Value, Error> {
    by_zero("//", b)?;
    let ints = |x: i128, y: i128| {
        let down = x.checked_rem(y)? != 0 && (x < 0) != (y < 0);
        x.checked_div(y)?.checked_sub(i128::from(down))
    };
    arithmetic("//", a, b, ints, |x, y| (x / y).floor())
}

/// `a % b`: the remainder with the divisor's sign; on a text, Python's formatting.
fn rem(a: &Value, b: &Value) -> Result<Value, Error> {
    if let Some(format) = a.as_str() {
        return percent::format(format, b).map(Value::from);
    }
    by_zero("%", b)?;
    let ints = |x: i128, y: i128| {
        let rest = x.checked_rem(y)?;
        Some(if rest != 0 && (rest < 0) != (y < 0) { rest + y } else { rest })
    };
    arithmetic("%", a, b, ints, |x, y| x - y * (x / y).floor())
}

fn pow(a: &Value, b: &Value) -> Result<Value, Error> {
    match (Number::of(a), Number::of(b)) {
        (Some(Number::Int(x)), Some(Number::Int(y))) if y >= 0 => {
            let result = u32::try_from(y).ok().and_then(|y| x.checked_pow(y));
            result.map(integer).ok_or_else(|| invalid("the result of `**` is too large"))
        }
        (Some(x), Some(y)) => Ok(Value::from(x.float().powf(y.float()))),
        _ => Err(unfit("**", a, b)),
    }
}

/// `a ~ b`: both as text.
fn concat(a: &Value, b: &Value) -> Result<Value, Error> {
    let mut out = String::new();
    repr::write_text(&mut out, a)?;
    repr::write_text(&mut out, b)?;
    Ok(Value::from(out))
}

fn ordered(op: &str, a: &Value, b: &Value) -> Result<Value, Error> {
    let ordering = compare(op, a, b)?;
    Ok(Value::from(match op {
        "<" => ordering.is_lt(),
        "<=" => ordering.is_le(),
        ">" => ordering.is_gt(),
        _ => ordering.is_ge(),
    }))
}

/// `a < b <= c`: the comparisons one by one, each with its right side.
fn chain(first: &Value, rest: Rest<Value>) -> Result<bool, Error> {
    let mut left = first.clone();
    for pair in rest.chunks(2) {
        let [op, right] = pair else { return Ok(true) };
        for operand in [&left, right] {
            if operand.is_undefined() {
                return Err(repr::undefined(operand));
            }
        }
        let holds = match op.as_str().unwrap_or_default() {
            "==" => equal(&left, right)?,
            "!=" => !equal(&left, right)?,
            "in" => contains(right, &left)?,
            "not in" => !contains(right, &left)?,
            op => ordered(op, &left, right)?.is_true(),
        };
        if !holds {
            return Ok(false);
        }
        left = right.clone();
    }
    Ok(true)
}

/// `value[key]`, undefined where there is none, and of an undefined value.
fn get(value: &Value, key: &Value) -> Result<Value, Error> {
    if value.is_undefined() {
        return Ok(value.clone());
    }
    if key.is_undefined() {
        return Err(repr::undefined(key));
    }
    if let Some(text) = value.as_str() {
        charge(text.len())?;
    }
    self::key(key)?;
    sound(value.get_item(key)?)
}

/// A key of a map must be a plain value; a nested one would take unbounded time to compare.
pub(crate) fn key(value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Undefined => Err(repr::undefined(value)),
        kind if is_nested(kind) && !value.is_tuple() => {
            Err(invalid(format!("{} cannot be a key", type_name(value))))
        }
        _ => touch(value),
    }
}

/// Charges for every value within.
pub(crate) fn touch(value: &Value) -> Result<Value, Error> {
    touch_at(value, 0)?;
    Ok(value.clone())
}

fn touch_at(value: &Value, depth: usize) -> Result<(), Error> {
    charge_nodes(1)?;
    if depth > MAX_DEPTH {
        return Err(invalid("the value is nested too deeply"));
    }
    match value.kind() {
        ValueKind::String => charge(value.as_str().map_or(0, str::len)),
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter()?.try_for_each(|item| touch_at(&item, depth + 1))
        }
        ValueKind::Map => value.try_iter()?.try_for_each(|key| touch_at(&value.get_item(&key)?, depth + 1)),
        ValueKind::Invalid => Err(broken(value)),
        _ => Ok(()),
    }
}

/// What `set` keeps: a loop over it could nest a value without end, and nothing can drop such a value.
/// What a namespace holds (`held`) must not be a namespace, lest it hold itself.
fn kept(value: &Value, held: bool) -> Result<Value, Error> {
    kept_at(value, held, 0)?;
    Ok(value.clone())
}

fn kept_at(value: &Value, held: bool, depth: usize) -> Result<(), Error> {
    if !is_nested(value.kind()) {
        return Ok(());
    }
    if depth > MAX_DEPTH {
        return Err(invalid("the value is nested too deeply"));
    }
    if held && value.as_object().is_some_and(|object| object.type_name().ends_with("::Namespace")) {
        return Err(invalid("a namespace cannot hold a namespace"));
    }
    for item in value.try_iter()? {
        charge_nodes(1)?;
        let item = if value.kind() == ValueKind::Map { value.get_item(&item)? } else { item };
        kept_at(&item, held, depth + 1)?;
    }
    Ok(())
}

/// `value[start:stop:step]`, as Python slices.
fn slice(value: &Value, start: &Value, stop: &Value, step: &Value) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(repr::undefined(value));
    }
    let bound = |bound: &Value| match (bound.is_none() || bound.is_undefined(), bound.as_i64()) {
        (true, _) => Ok(None),
        (false, Some(number)) => Ok(Some(number)),
        _ => Err(Error::new(ErrorKind::InvalidOperation, "a slice needs whole numbers")),
    };
    let step = bound(step)?.unwrap_or(1);
    if step == 0 {
        return Err(invalid("a slice cannot have the step zero"));
    }
    if !matches!(value.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Iterable) {
        return Err(invalid(format!("{} cannot be sliced", type_name(value))));
    }
    let all = items(value)?;
    let picked = indices(all.len() as i64, bound(start)?, bound(stop)?, step).map(|i| all[i].clone());
    Ok(match value.as_str() {
        Some(_) => picked.map(|c| c.to_string()).collect::<String>().into(),
        None => same_kind(value, picked.collect()),
    })
}

fn indices(length: i64, start: Option<i64>, stop: Option<i64>, step: i64) -> impl Iterator<Item = usize> {
    let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let clamp = |bound: i64| (if bound < 0 { bound.saturating_add(length) } else { bound }).clamp(low, high);
    let from = start.map_or(if step > 0 { low } else { high }, clamp);
    let to = stop.map_or(if step > 0 { high } else { low }, clamp);
    let inside = move |i: &i64| if step > 0 { *i < to } else { *i > to };
    std::iter::successors(Some(from), move |i| i.checked_add(step)).take_while(inside).map(|i| i as usize)
}
