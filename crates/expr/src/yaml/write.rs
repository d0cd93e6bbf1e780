//! Writes YAML as PyYAML's `dump` does: sorted keys, lists flush with their key, quotes only where needed.
//!
//! Two things look different and mean the same: long lines are not folded, and a text of several lines is
//! written in double quotes with `\n`.

use std::sync::LazyLock;

use minijinja::value::ValueKind;
use minijinja::{Error, Value};
use regex::Regex;

use crate::args::{invalid, items};
use crate::compare::{self, try_sort};
use crate::meter::{MAX_DEPTH, charge, charge_nodes};
use crate::ops::type_name;
use crate::repr;

/// How the text looks.
pub(crate) struct Style {
    /// Blanks for each level.
    pub indent: usize,
    /// Whether lists and maps that hold only scalars stand on one line.
    pub flow_leaves: bool,
    /// Whether the keys of maps are sorted.
    pub sort: bool,
}

/// Writes a value as a YAML document.
pub(crate) fn write(value: &Value, style: &Style) -> Result<String, Error> {
    let mut writer = Writer { out: String::new(), style };
    if is_block(value, style)? {
        writer.block(value, 0, 0)?;
        return Ok(writer.out);
    }
    writer.inline(value, false, 0)?;
    writer.out.push('\n');
    Ok(writer.out)
}

struct Writer<'a> {
    out: String,
    style: &'a Style,
}

impl Writer<'_> {
    /// Writes a list or a map over several lines, from a line that is already indented.
    fn block(&mut self, value: &Value, column: usize, depth: usize) -> Result<(), Error> {
        check_depth(depth)?;
        match value.kind() {
            ValueKind::Map => self.block_map(value, column, depth),
            _ => self.block_list(value, column, depth),
        }
    }

    fn block_map(&mut self, map: &Value, column: usize, depth: usize) -> Result<(), Error> {
        for (index, (key, value)) in members(map, self.style)?.into_iter().enumerate() {
            self.indent(if index > 0 { column } else { 0 })?;
            self.inline(&key, false, depth + 1)?;
            self.out.push(':');
            if !is_block(&value, self.style)? {
                self.out.push(' ');
                self.inline(&value, false, depth + 1)?;
                self.out.push('\n');
                continue;
            }
            self.out.push('\n');
            // A list under a key is not indented further.
            let column = if value.kind() == ValueKind::Map { column + self.style.indent } else { column };
            self.indent(column)?;
            self.block(&value, column, depth + 1)?;
        }
        Ok(())
    }

    fn block_list(&mut self, list: &Value, column: usize, depth: usize) -> Result<(), Error> {
        for (index, item) in items(list)?.into_iter().enumerate() {
            self.indent(if index > 0 { column } else { 0 })?;
            self.out.push('-');
            if is_block(&item, self.style)? {
                self.indent(self.style.indent.saturating_sub(1).max(1))?;
                self.block(&item, column + self.style.indent.max(2), depth + 1)?;
            } else {
                self.out.push(' ');
                self.inline(&item, false, depth + 1)?;
                self.out.push('\n');
            }
        }
        Ok(())
    }

    /// Writes a value on the present line; `flow` says that it is within brackets.
    fn inline(&mut self, value: &Value, flow: bool, depth: usize) -> Result<(), Error> {
        check_depth(depth)?;
        charge_nodes(1)?;
        match value.kind() {
            ValueKind::Undefined => return Err(repr::undefined(value)),
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number if value.is_integer() => self.out.push_str(&value.to_string()),
            ValueKind::Number => self.out.push_str(&float(value)),
            ValueKind::String => self.text(value.as_str().unwrap_or_default(), flow)?,
            ValueKind::Map => self.flow('{', '}', members(value, self.style)?, |writer, (key, value)| {
                writer.inline(&key, true, depth + 1)?;
                writer.out.push_str(": ");
                writer.inline(&value, true, depth + 1)
            })?,
            ValueKind::Seq | ValueKind::Iterable => {
                self.flow('[', ']', items(value)?, |writer, item| writer.inline(&item, true, depth + 1))?;
            }
            _ => return Err(invalid(format!("{} cannot be written as YAML", type_name(value)))),
        }
        Ok(())
    }

    fn flow<T>(
        &mut self,
        open: char,
        close: char,
        all: Vec<T>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.out.push(open);
        for (index, member) in all.into_iter().enumerate() {
            self.out.push_str(if index > 0 { ", " } else { "" });
            write(self, member)?;
        }
        self.out.push(close);
        Ok(())
    }

    fn indent(&mut self, blanks: usize) -> Result<(), Error> {
        charge(blanks)?;
        self.out.extend(std::iter::repeat_n(' ', blanks));
        Ok(())
    }

    /// Writes a text, in quotes where it could be read as anything else.
    fn text(&mut self, text: &str, flow: bool) -> Result<(), Error> {
        charge(text.len())?;
        let special = |c: char| c.is_control() || c == '\u{feff}' || c == '\u{2028}' || c == '\u{2029}';
        match () {
            () if text.contains(special) => self.escaped(text),
            () if is_plain(text, flow) => self.out.push_str(text),
            () => {
                self.out.push('\'');
                self.out.push_str(&text.replace('\'', "''"));
                self.out.push('\'');
            }
        }
        Ok(())
    }

    fn escaped(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                c if c.is_control() || ('\u{2028}'..='\u{2029}').contains(&c) || c == '\u{feff}' => {
                    self.out.push_str(&format!("\\u{:04x}", c as u32));
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}

fn check_depth(depth: usize) -> Result<(), Error> {
    match depth > MAX_DEPTH {
        true => Err(invalid("the value is nested too deeply")),
        false => Ok(()),
    }
}

fn is_nested(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Map | ValueKind::Seq | ValueKind::Iterable)
}

/// Whether a value takes lines of its own.
fn is_block(value: &Value, style: &Style) -> Result<bool, Error> {
    if !is_nested(value) || value.len() == Some(0) {
        return Ok(false);
    }
    if !style.flow_leaves {
        return Ok(true);
    }
    Ok(match value.kind() {
        ValueKind::Map => members(value, style)?.iter().any(|(_, member)| is_nested(member)),
        _ => items(value)?.iter().any(is_nested),
    })
}

fn members(map: &Value, style: &Style) -> Result<Vec<(Value, Value)>, Error> {
    let mut out = Vec::new();
    for key in items(map)? {
        let value = map.get_item(&key)?;
        out.push((key, value));
    }
    if style.sort {
        // Keys of several kinds have no order and stay in theirs.
        let mut sorted = out.clone();
        if try_sort(&mut sorted, &mut |a, b| compare::compare("<", &a.0, &b.0)).is_ok() {
            out = sorted;
        }
    }
    Ok(out)
}

fn float(value: &Value) -> String {
    let text = repr::float(f64::try_from(value.clone()).unwrap_or(f64::NAN));
    match text.as_str() {
        "nan" => ".nan".to_owned(),
        "inf" => ".inf".to_owned(),
        "-inf" => "-.inf".to_owned(),
        // Without a point, YAML 1.1 reads an exponent as text.
        plain if !plain.contains('.') => plain.replacen('e', ".0e", 1),
        _ => text,
    }
}

/// Whether a text can stand without quotes and is read as a text again.
fn is_plain(text: &str, flow: bool) -> bool {
    let mut chars = text.chars();
    let (Some(first), second) = (chars.next(), chars.next()) else { return false };
    let alone = second.is_none_or(char::is_whitespace);
    let opens = match first {
        '-' => alone,
        '?' | ':' => alone || flow,
        first => "#,[]{}&*!|>'\"%@`".contains(first),
    };
    let marks = text.contains(": ") || text.contains(" #") || text.ends_with(':') || text.trim() != text;
    let brackets = flow && text.contains([',', '?', '[', ']', '{', '}', ':']);
    let document = text.starts_with("---") || text.starts_with("...");
    !(opens || marks || brackets || document || reads_as_other(text))
}

/// Whether YAML 1.1 takes the text for null, a boolean, a number or a date.
fn reads_as_other(text: &str) -> bool {
    static OTHER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?x)^(?:
                ~ | null | Null | NULL | << | =
                | yes | Yes | YES | no | No | NO | on | On | ON | off | Off | OFF
                | true | True | TRUE | false | False | FALSE
                | [-+]?0b[01_]+ | [-+]?0[0-7_]+ | [-+]?(?:0|[1-9][0-9_]*) | [-+]?0x[0-9a-fA-F_]+
                | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?
                | [-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)? | [-+]?\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?
                | [-+]?\.(?:inf|Inf|INF) | \.(?:nan|NaN|NAN)
                | [0-9]{4}-[0-9]{2}-[0-9]{2}
                | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[\ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}.*
            )$",
        )
        .expect("the pattern is a constant, and the tests compile it")
    });
    OTHER.is_match(text)
}
