//! Reads a text that is strictly JSON.
//!
//! JSON is a part of YAML, except where it is not: pairs of surrogate escapes (`\ud83d\ude00`) are one
//! character in JSON and an error in YAML. This reader takes JSON exactly; a text that departs from it
//! anywhere is left to the YAML parser.

use windlass_model::{Diagnostic, Span};

use crate::build::Builder;
use crate::{Kind, Node, Style, scalar};

/// Why the reading ended early.
pub(crate) enum Stop {
    /// The text is not JSON.
    Foreign,
    /// The text passes a limit.
    Refused(Diagnostic),
}

impl From<Diagnostic> for Stop {
    fn from(problem: Diagnostic) -> Self {
        Stop::Refused(problem)
    }
}

/// Builds the one value of a JSON text.
pub(crate) fn read(text: &str, builder: &mut Builder<'_>) -> Result<(), Stop> {
    let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut json = Json { text, at, open: Vec::new() };
    json.space();
    if !matches!(json.peek(), Some(b'{' | b'[' | b'"')) {
        return Err(Stop::Foreign);
    }
    json.value(builder)?;
    while let Some(is_map) = json.open.last().copied() {
        json.next(is_map, builder)?;
    }
    json.space();
    if json.at == text.len() { Ok(()) } else { Err(Stop::Foreign) }
}

struct Json<'s> {
    text: &'s str,
    at: usize,
    /// The lists (false) and mappings (true) that are open and have an element; the builder bounds them.
    open: Vec<bool>,
}

impl Json<'_> {
    /// What follows a value inside of a list or mapping: its end, or another element.
    fn next(&mut self, is_map: bool, builder: &mut Builder<'_>) -> Result<(), Stop> {
        self.space();
        match (self.bump()?, is_map) {
            (b',', true) => {
                self.key(builder)?;
                self.value(builder)
            }
            (b',', false) => self.value(builder),
            (b'}', true) | (b']', false) => {
                self.open.pop();
                Ok(builder.close(Some(self.at))?)
            }
            _ => Err(Stop::Foreign),
        }
    }

    /// A key and its colon.
    fn key(&mut self, builder: &mut Builder<'_>) -> Result<(), Stop> {
        self.space();
        if self.peek() != Some(b'"') {
            return Err(Stop::Foreign);
        }
        builder.scalar(self.string()?, 0)?;
        self.space();
        if self.bump()? == b':' { Ok(()) } else { Err(Stop::Foreign) }
    }

    /// One scalar, or the beginning of a list or mapping up to and with its first element.
    fn value(&mut self, builder: &mut Builder<'_>) -> Result<(), Stop> {
        loop {
            self.space();
            let start = self.at;
            let bracket = Span::new(start, start + 1);
            match self.peek().ok_or(Stop::Foreign)? {
                b'[' => {
                    builder.open_list(bracket, 0)?;
                    self.at += 1;
                    if self.ends(b']') {
                        return Ok(builder.close(Some(self.at))?);
                    }
                    self.open.push(false);
                }
                b'{' => {
                    builder.open_map(bracket, 0)?;
                    self.at += 1;
                    if self.ends(b'}') {
                        return Ok(builder.close(Some(self.at))?);
                    }
                    self.open.push(true);
                    self.key(builder)?;
                }
                b'"' => return Ok(builder.scalar(self.string()?, 0)?),
                _ => return Ok(builder.scalar(self.word()?, 0)?),
            }
        }
    }

    fn string(&mut self) -> Result<Node, Stop> {
        let start = self.at;
        self.at += 1;
        let mut value = String::new();
        loop {
            let from = self.at;
            let plain = |b: &u8| !matches!(b, b'"' | b'\\' | 0..0x20);
            self.at += self.text.as_bytes()[from..].iter().take_while(|b| plain(b)).count();
            value.push_str(&self.text[from..self.at]);
            match self.bump()? {
                b'"' => break,
                b'\\' => value.push(self.escape()?),
                _ => return Err(Stop::Foreign),
            }
        }
        let span = Span::new(start, self.at);
        Ok(Node::scalar(span, Kind::Str(value), Style::Quoted, ""))
    }

    fn escape(&mut self) -> Result<char, Stop> {
        Ok(match self.bump()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(Stop::Foreign),
        })
    }

    fn unicode(&mut self) -> Result<char, Stop> {
        let first = self.hex()?;
        let code = match first {
            0xd800..=0xdbff if self.text[self.at..].starts_with("\\u") => {
                self.at += 2;
                let second = self.hex()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(Stop::Foreign);
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            _ => first,
        };
        char::from_u32(code).ok_or(Stop::Foreign)
    }

    fn hex(&mut self) -> Result<u32, Stop> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(Stop::Foreign)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Stop::Foreign);
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| Stop::Foreign)
    }

    /// A number, a boolean or null.
    fn word(&mut self) -> Result<Node, Stop> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(rest.len());
        let word = &rest[..end];
        let value = match word {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "null" => Kind::Null,
            _ if is_number(word) => scalar::number(word).ok_or(Stop::Foreign)?,
            _ => return Err(Stop::Foreign),
        };
        let span = Span::new(self.at, self.at + end);
        self.at += end;
        Ok(Node::scalar(span, value, Style::Plain, word))
    }

    fn ends(&mut self, bracket: u8) -> bool {
        self.space();
        let ends = self.peek() == Some(bracket);
        self.at += usize::from(ends);
        ends
    }

    fn space(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn bump(&mut self) -> Result<u8, Stop> {
        let byte = self.peek().ok_or(Stop::Foreign)?;
        self.at += 1;
        Ok(byte)
    }
}

/// JSON's numbers are fewer than YAML's: no plus, no leading zeros, digits on both sides of a dot.
fn is_number(word: &str) -> bool {
    let word = word.strip_prefix('-').unwrap_or(word);
    let (mantissa, exponent) = match word.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['-', '+']).unwrap_or(exponent)),
        None => (word, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && digits(fraction) && digits(exponent) && (whole == "0" || !whole.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use windlass_model::Source;

    use super::*;
    use crate::Limits;

    fn value(text: &str) -> Option<serde_json::Value> {
        let source = Source::new("test.json", text);
        let limits = Limits::default();
        let mut builder = Builder::new(&source, &limits);
        read(text, &mut builder).ok()?;
        builder.finish().map(|node| node.to_json())
    }

    #[test]
    fn json_is_read_as_serde_json_reads_it() {
        for text in [
            "{}",
            "[]",
            " [ ] ",
            r#"{"a": [1, -2.5e3, true, false, null, {"b": {}}], "c": ""}"#,
            r#"["\ud83d\ude00 \u00e9 \n\t\"\\\/\b\f\r"]"#,
            r#"[[[1], [2]], {"x": [[]]}]"#,
            r#""a text""#,
            "[18446744073709551615, 0.1, 1E5, -0.0]",
        ] {
            assert_eq!(value(text), Some(serde_json::from_str(text).unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_left_alone() {
        for text in [
            "",
            "a: 1",
            "1",
            "{a: 1}",
            "[1,]",
            "[1",
            "[1]]",
            "{\"a\"}",
            "{\"a\" 1}",
            "{\"a\": 1,}",
            "[01]",
            "[+1]",
            "[.5]",
            "[1.]",
            "['a']",
            "[\"a\nb\"]",
            "[\"\\x41\"]",
            "[\"\\ud83d\"]",
            "[\"\\ud83dxx\"]",
            "[yes]",
            "[1] # c",
            "[\"\\u12",
            "[1e999]",
            "[1 2]",
            "[}",
            "{\"a\": 1]",
            "[\"\\u+123\"]",
        ] {
            assert_eq!(value(text), None, "{text}");
        }
    }
}
