//! What a program writes, made a reply.

use serde::Deserialize;
use serde_json::Value;

use super::Output;
use crate::{Delta, Error, Kind, Part, Reply, Stop, Tokens, fault};

/// What has come of a reply.
pub(super) struct Words {
    output: Output,
    /// What came and was not taken: half a letter, line ends that may be the last, or all of a JSON text.
    held: Vec<u8>,
    text: String,
}

impl Words {
    pub(super) fn new(output: Output) -> Self {
        Self { output, held: Vec::new(), text: String::new() }
    }

    pub(super) fn length(&self) -> usize {
        self.held.len() + self.text.len()
    }

    /// Takes the next bytes. Line ends wait for what comes after them: the last ones are no part of a reply.
    pub(super) fn push(&mut self, bytes: &[u8], tell: &mut dyn FnMut(Delta<'_>)) {
        self.held.extend_from_slice(bytes);
        if self.output == Output::Json {
            return;
        }
        let whole = match std::str::from_utf8(&self.held) {
            Ok(text) => text.len(),
            // What cannot be a letter is shown as such; what may become one waits.
            Err(error) => error.error_len().map_or(error.valid_up_to(), |_| self.held.len()),
        };
        let end = self.held[..whole].iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'));
        let taken: Vec<u8> = self.held.drain(..end.map_or(0, |last| last + 1)).collect();
        self.say(&taken, tell);
    }

    /// All has come.
    pub(super) fn end(&mut self, tell: &mut dyn FnMut(Delta<'_>)) {
        if self.output == Output::Text {
            let rest = std::mem::take(&mut self.held);
            self.say(rest.trim_ascii_end(), tell);
        }
    }

    fn say(&mut self, bytes: &[u8], tell: &mut dyn FnMut(Delta<'_>)) {
        let text = String::from_utf8_lossy(bytes);
        if !text.is_empty() {
            tell(Delta::Text(&text));
            self.text.push_str(&text);
        }
    }

    /// The reply.
    pub(super) fn reply(&mut self, model: &str, tell: &mut dyn FnMut(Delta<'_>)) -> Result<Reply, Error> {
        if self.output == Output::Text {
            let parts = vec![Part::Text { text: std::mem::take(&mut self.text) }];
            return Ok(Reply::of(String::new(), model.into(), parts, Stop::End, None));
        }
        let garbled = |why: &dyn std::fmt::Display| {
            let text = fault::plain(&String::from_utf8_lossy(&self.held[..self.held.len().min(200)]));
            Error::new(Kind::BadAnswer, format!("the program's reply cannot be understood ({why}): {text:?}"))
        };
        let given: Given = serde_json::from_slice(&self.held).map_err(|error| garbled(&error))?;
        if let Some(error) = given.error {
            return Err(fault::of_value(&error, None));
        }
        let mut parts = given.parts;
        if let Some(text) = given.text {
            parts.insert(0, Part::Text { text });
        }
        if parts.is_empty() {
            return Err(garbled(&"it has neither text nor parts"));
        }
        for part in &parts {
            match part {
                Part::Text { text } => tell(Delta::Text(text)),
                Part::ToolCall { name, .. } => tell(Delta::Call(name)),
                Part::Own { .. } => {}
                Part::ToolResult { .. } => return Err(garbled(&"a reply has no results of tools")),
            }
        }
        let called = parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
        let stop = given.stop.unwrap_or(if called { Stop::ToolUse } else { Stop::End });
        let model = given.model.unwrap_or_else(|| model.to_owned());
        Ok(Reply::of(given.id, model, parts, stop, given.usage.map(Tokens::from)))
    }
}

#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    id: String,
    model: Option<String>,
    text: Option<String>,
    #[serde(default)]
    parts: Vec<Part>,
    stop: Option<Stop>,
    usage: Option<Usage>,
    error: Option<Value>,
}

/// Usage by our words, or by those of the services.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Usage {
    #[serde(alias = "input_tokens")]
    input: u64,
    #[serde(alias = "output_tokens")]
    output: u64,
    #[serde(alias = "cache_read_input_tokens")]
    cache_read: u64,
    #[serde(alias = "cache_creation_input_tokens")]
    cache_write: u64,
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        let Usage { input, output, cache_read, cache_write } = usage;
        Self { input, output, cache_read, cache_write }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_as_they_come_and_line_ends_when_more_follows() {
        for (pieces, told) in [
            (&[&b"a\n"[..], b"\nb\n", b"\n"][..], &["a", "\n\nb"][..]),
            (&[b"\xc3", b"\xa4"], &["ä"]),
            (&[b"a\xff", b"b\xe2\x82"], &["a\u{fffd}", "b", "\u{fffd}"]),
            (&[b"\n\n"], &[]),
        ] {
            let (mut words, mut heard) = (Words::new(Output::Text), Vec::new());
            let mut tell = |delta: Delta<'_>| match delta {
                Delta::Text(text) => heard.push(text.to_owned()),
                Delta::Call(_) => unreachable!(),
            };
            for piece in pieces {
                words.push(piece, &mut tell);
            }
            words.end(&mut tell);
            let reply = words.reply("m", &mut tell).unwrap();
            assert_eq!(heard, told);
            assert_eq!(reply.text(), told.concat());
        }
    }
}
