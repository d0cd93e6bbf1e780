//! Writes constants.

use minijinja::Value;
use minijinja::machinery::Span;
use minijinja::value::ValueKind;

use super::{Done, Writer};
use crate::error::Error;

impl Writer<'_> {
    pub(super) fn constant(&mut self, value: &Value, span: Span) -> Done {
        match value.kind() {
            ValueKind::None => self.put("none"),
            ValueKind::Bool => self.put(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number if value.is_integer() => self.put(&value.to_string()),
            ValueKind::Number => match f64::try_from(value.clone()) {
                Ok(number) if number.is_finite() => self.put(&format!("{number:?}")),
                _ => return Err(Error::syntax("the number is too large", span.start_offset as usize)),
            },
            _ => match self.plain_literal(span) {
                Some(text) => self.string(&text),
                None => self.string(value.as_str().unwrap_or_default()),
            },
        }
        Ok(())
    }

    /// The signs between the quotes of a string as they stand in the source, if they are to be taken so.
    fn plain_literal(&self, span: Span) -> Option<String> {
        let literal = self.source.get(span.start_offset as usize..span.end_offset as usize)?;
        if self.dialect.escapes || !literal.contains('\\') {
            return None;
        }
        let mut out = String::new();
        let mut rest = literal;
        while let Some(quote @ ('\'' | '"')) = rest.chars().next() {
            let inner = &rest[1..];
            let end = closing(inner, quote)?;
            out.push_str(&inner[..end]);
            rest = inner[end + 1..].trim_start();
        }
        Some(out)
    }

    pub(super) fn string(&mut self, text: &str) {
        self.put("\"");
        for c in text.chars() {
            match c {
                '"' => self.put("\\\""),
                '\\' => self.put("\\\\"),
                '\n' => self.put("\\n"),
                '\r' => self.put("\\r"),
                c => self.out.source.push(c),
            }
        }
        self.put("\"");
    }
}

/// Where a string ends: at the first quote without a backslash before it.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}
