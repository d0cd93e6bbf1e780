//! Writes JSON as Python's `json.dumps` does: blanks after `,` and `:`, non-ASCII as escapes.

use std::fmt::Write;

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use crate::args::{invalid, items};
use crate::convert::key_text;
use crate::meter::{MAX_DEPTH, charge, charge_nodes};
use crate::ops::type_name;
use crate::repr;
use crate::unforeseen::broken;

/// How the text looks.
pub(crate) struct Style {
    /// Blanks for each level, on a line for each member; all on one line without.
    pub indent: Option<usize>,
    /// Whether the keys of maps are sorted.
    pub sort: bool,
    /// Whether non-ASCII letters become escapes.
    pub ascii: bool,
}

/// Writes a value as JSON.
pub(crate) fn write(value: &Value, style: &Style) -> Result<String, Error> {
    let mut out = String::new();
    nested(&mut out, value, style, 0)?;
    Ok(out)
}

fn nested(out: &mut String, value: &Value, style: &Style, depth: usize) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(invalid("the value is nested too deeply"));
    }
    charge_nodes(1)?;
    match value.kind() {
        ValueKind::Undefined => return Err(repr::undefined(value)),
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => number(out, value),
        ValueKind::String => string(out, value.as_str().unwrap_or_default(), style.ascii)?,
        ValueKind::Seq | ValueKind::Iterable => {
            let all = items(value)?;
            members(out, ('[', ']'), &all, style, depth, |out, item| nested(out, item, style, depth + 1))?;
        }
        ValueKind::Map => {
            let mut pairs = Vec::new();
            for key in items(value)? {
                pairs.push((key_text(&key)?, value.get_item(&key)?));
            }
            if style.sort {
                pairs.sort_by(|a, b| a.0.cmp(&b.0));
            }
            members(out, ('{', '}'), &pairs, style, depth, |out, (key, item)| {
                string(out, key, style.ascii)?;
                out.push_str(": ");
                nested(out, item, style, depth + 1)
            })?;
        }
        ValueKind::Invalid => return Err(broken(value)),
        _ => return Err(invalid(format!("{} cannot be written as JSON", type_name(value)))),
    }
    Ok(())
}

fn members<T>(
    out: &mut String,
    (open, close): (char, char),
    all: &[T],
    style: &Style,
    depth: usize,
    mut write: impl FnMut(&mut String, &T) -> Result<(), Error>,
) -> Result<(), Error> {
    out.push(open);
    for (index, member) in all.iter().enumerate() {
        if index > 0 {
            out.push_str(if style.indent.is_some() { "," } else { ", " });
        }
        new_line(out, style, depth + 1)?;
        write(out, member)?;
    }
    if !all.is_empty() {
        new_line(out, style, depth)?;
    }
    out.push(close);
    Ok(())
}

fn new_line(out: &mut String, style: &Style, depth: usize) -> Result<(), Error> {
    if let Some(indent) = style.indent {
        let blanks = indent.saturating_mul(depth);
        charge(blanks + 1)?;
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', blanks));
    }
    Ok(())
}

fn number(out: &mut String, value: &Value) {
    if value.is_integer() {
        out.push_str(&value.to_string());
        return;
    }
    let float = f64::try_from(value.clone()).unwrap_or(f64::NAN);
    out.push_str(&match repr::float(float).as_str() {
        "nan" => "NaN".to_owned(),
        "inf" => "Infinity".to_owned(),
        "-inf" => "-Infinity".to_owned(),
        plain => plain.to_owned(),
    });
}

fn string(out: &mut String, text: &str, ascii: bool) -> Result<(), Error> {
    charge(text.len())?;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || (ascii && !c.is_ascii()) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(())
}
