//! Writes constants.

use minijinja::Value;
use minijinja::machinery::Span;
use minijinja::value::ValueKind;

use super::{Done, Writer};
use crate::error::Error;
use crate::literals;

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
            _ => match literals::read(self.source, span, self.raw)? {
                Some(text) => self.string(&text),
                None => self.string(value.as_str().unwrap_or_default()),
            },
        }
        Ok(())
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
