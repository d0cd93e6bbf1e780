//! How values look as text: Python's `str()` and `repr()`, which is what Jinja and Ansible write.

use std::fmt::Write;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

use crate::meter::{self, MAX_DEPTH, charge};
use crate::unforeseen::broken;

/// The text of a value, as `str(value)` in Python: strings as they are, the rest as [`repr`].
pub(crate) fn text(value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    write_text(&mut out, value)?;
    Ok(out)
}

/// Writes the text of a value; see [`text`].
pub(crate) fn write_text(out: &mut String, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => {
            charge(text.len())?;
            out.push_str(text);
            Ok(())
        }
        None => write_repr(out, value, Tuples::Kept, 0),
    }
}

/// The text of a value as Python source, as `repr(value)`.
pub(crate) fn repr(value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    write_repr(&mut out, value, Tuples::Kept, 0)?;
    Ok(out)
}

/// The text of a value as a template writes it: Ansible makes lists of tuples before it writes them.
pub(crate) fn written(value: &Value) -> Result<String, Error> {
    match value.as_str() {
        Some(_) => text(value),
        None => {
            let mut out = String::new();
            write_repr(&mut out, value, Tuples::AsLists, 0)?;
            Ok(out)
        }
    }
}

/// How tuples look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tuples {
    Kept,
    AsLists,
}

fn write_repr(out: &mut String, value: &Value, tuples: Tuples, depth: usize) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(Error::new(ErrorKind::InvalidOperation, "the value is nested too deeply"));
    }
    meter::charge_nodes(1)?;
    match value.kind() {
        ValueKind::Undefined => return Err(undefined(value)),
        ValueKind::Invalid => return Err(broken(value)),
        ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number => write_number(out, value),
        ValueKind::String => write_quoted(out, value.as_str().unwrap_or_default())?,
        ValueKind::Map => write_map(out, value, tuples, depth)?,
        ValueKind::Seq | ValueKind::Iterable if value.is_tuple() && tuples == Tuples::Kept => {
            write_tuple(out, value, depth)?
        }
        ValueKind::Seq | ValueKind::Iterable => {
            out.push('[');
            write_items(out, value, tuples, depth)?;
            out.push(']');
        }
        _ => {
            let text = value.to_string();
            charge(text.len())?;
            out.push_str(&text);
        }
    }
    Ok(())
}

/// The error for the use of an undefined value. The engine adds the value's name to an error that
/// comes from a conversion, and only to such.
pub(crate) fn undefined(value: &Value) -> Error {
    match i64::try_from(value.clone()) {
        Err(error) => error,
        Ok(_) => Error::from(ErrorKind::UndefinedError),
    }
}

fn write_map(out: &mut String, value: &Value, tuples: Tuples, depth: usize) -> Result<(), Error> {
    out.push('{');
    for (index, key) in value.try_iter()?.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write_repr(out, &key, tuples, depth + 1)?;
        out.push_str(": ");
        write_repr(out, &value.get_item(&key)?, tuples, depth + 1)?;
    }
    out.push('}');
    Ok(())
}

fn write_tuple(out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
    out.push('(');
    write_items(out, value, Tuples::Kept, depth)?;
    if value.len() == Some(1) {
        out.push(',');
    }
    out.push(')');
    Ok(())
}

fn write_items(out: &mut String, value: &Value, tuples: Tuples, depth: usize) -> Result<(), Error> {
    for (index, item) in value.try_iter()?.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write_repr(out, &item, tuples, depth + 1)?;
    }
    Ok(())
}

fn write_number(out: &mut String, value: &Value) {
    if value.is_integer() {
        out.push_str(&value.to_string());
    } else {
        out.push_str(&float(f64::try_from(value.clone()).unwrap_or(f64::NAN)));
    }
}

/// A float as Python writes it: the shortest digits that read back, with an exponent for very large and
/// very small numbers.
pub(crate) fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..16).contains(&exponent) {
        let plain = number.to_string();
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// A string in quotes, as Python writes it: single quotes unless only the text has them.
fn write_quoted(out: &mut String, text: &str) -> Result<(), Error> {
    charge(text.len())?;
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if (c as u32) < 0x20 || (0x7f..0xa1).contains(&(c as u32)) || c == '\u{ad}' => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push(quote);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_look_like_python() {
        let cases = [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (f64::INFINITY, "inf"),
        ];
        for (number, expected) in cases {
            assert_eq!(float(number), expected);
        }
    }

    #[test]
    fn values_look_like_python() {
        let cases = [
            (Value::from("a'b"), "\"a'b\""),
            (Value::from("a'b\"c"), "'a\\'b\"c'"),
            (Value::from("é\n\u{1}"), "'é\\n\\x01'"),
            (Value::from(vec![Value::from(1), Value::from(true), Value::from(())]), "[1, True, None]"),
            (Value::from_pairs([("k", Value::from(1.5))]), "{'k': 1.5}"),
            (Value::from((1,)), "(1,)"),
        ];
        for (value, expected) in cases {
            assert_eq!(repr(&value).unwrap(), expected);
        }
    }
}
