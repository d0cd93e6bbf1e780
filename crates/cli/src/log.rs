//! Diagnostics on standard error: for whoever looks for the reason of something, as text or as JSON lines.

use std::fmt::{Display, Write};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::args::{Format, Level};
use crate::live::Screen;
use crate::render::now;

/// Writes diagnostics up to a level.
#[derive(Debug)]
pub(crate) struct Log {
    level: Level,
    format: Format,
    screen: Arc<Screen>,
}

impl Log {
    /// A log of everything up to `level`.
    pub(crate) fn new(level: Level, format: Format, screen: Arc<Screen>) -> Self {
        Self { level, format, screen }
    }

    /// Whether programs read it.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether diagnostics of this level are written.
    pub(crate) fn writes(&self, level: Level) -> bool {
        level <= self.level && self.level != Level::Off
    }

    /// Writes one diagnostic with its fields, if it is important enough.
    pub(crate) fn write(&self, level: Level, message: &str, fields: &[(&str, &dyn Display)]) {
        if !self.writes(level) {
            return;
        }
        let line = match self.format {
            Format::Text => text(level, message, fields),
            Format::Json => json(level, message, fields, now()),
        };
        self.screen.print(&line);
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Off | Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

fn text(level: Level, message: &str, fields: &[(&str, &dyn Display)]) -> String {
    fields.iter().fold(format!("{:<5} {message}", word(level)), |mut line, (name, value)| {
        let _ = write!(line, " {name}={value}");
        line
    })
}

fn json(level: Level, message: &str, fields: &[(&str, &dyn Display)], time: u64) -> String {
    let mut line = Map::new();
    line.insert("time".into(), time.into());
    line.insert("level".into(), word(level).into());
    line.insert("message".into(), message.into());
    for (name, value) in fields {
        line.insert((*name).into(), value.to_string().into());
    }
    Value::Object(line).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_is_one_line_in_both_formats() {
        let fields: [(&str, &dyn Display); 2] = [("run", &"r1"), ("steps", &3)];
        assert_eq!(text(Level::Info, "planned", &fields), "info  planned run=r1 steps=3");
        let line = json(Level::Info, "planned", &fields, 5);
        let read: Value = serde_json::from_str(&line).expect("it is JSON");
        assert_eq!(
            read,
            serde_json::json!({"time": 5, "level": "info", "message": "planned", "run": "r1", "steps": "3"})
        );
        assert!(!line.contains('\n'));
    }
}
