//! The strings of an expression as they stand in the source: with their escapes, or without.
//!
//! The engine reads the escapes of JSON, and fails where a backslash starts none; Python reads more of them
//! (`\a`, `\U0001f600`), keeps what is none (`\d`), and in the texts of documents none counts at all. So
//! strings with a backslash in them are read here, from the source.

use std::borrow::Cow;

use minijinja::ErrorKind;
use minijinja::machinery::{Span, Tokenizer};
use minijinja::syntax::SyntaxConfig;

use crate::error::Error;

/// How many bytes may be looked at again and again to find the strings that the engine cannot read.
const MAX_LOOKED_AT: usize = 32 << 20;

/// What stands for the letters of a string that the engine cannot read.
pub(crate) const BLOT: char = '\u{1}';

/// The text of a literal that has a backslash in it; `None` for others, which the engine read well.
/// `raw` says that a backslash is itself.
pub(crate) fn read(source: &str, span: Span, raw: bool) -> Result<Option<String>, Error> {
    let start = span.start_offset as usize;
    let Some(literal) = source.get(start..span.end_offset as usize).filter(|text| text.contains('\\')) else {
        return Ok(None);
    };
    let mut out = String::new();
    let mut rest = literal;
    while let Some(quote @ ('\'' | '"')) = rest.chars().next() {
        let inner = &rest[1..];
        let Some(end) = closing(inner, quote) else { break };
        match raw {
            true => out.push_str(&inner[..end]),
            false => unescape(&mut out, &inner[..end])
                .map_err(|what| Error::syntax(what, start + (literal.len() - rest.len())))?,
        }
        rest = inner[end + 1..].trim_start();
    }
    Ok(Some(out))
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

/// Reads Python's escapes. What is none stays as it is, with its backslash.
fn unescape(out: &mut String, text: &str) -> Result<(), String> {
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let Some(c) = rest[at + 1..].chars().next() else { break };
        let after = &rest[at + 1 + c.len_utf8()..];
        rest = after;
        match c {
            '\\' | '\'' | '"' => out.push(c),
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'a' => out.push('\u{7}'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'v' => out.push('\u{b}'),
            '\n' => {}
            '0'..='7' => {
                let more = after.bytes().take(2).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                let digits = format!("{c}{}", &after[..more]);
                out.extend(u32::from_str_radix(&digits, 8).ok().and_then(char::from_u32));
                rest = &after[more..];
            }
            'x' => rest = coded(out, 'x', after, 2)?,
            'u' => rest = coded(out, 'u', after, 4)?,
            'U' => rest = coded(out, 'U', after, 8)?,
            c => out.extend(['\\', c]),
        }
    }
    out.push_str(rest);
    Ok(())
}

/// The letter that some hexadecimal digits name; returns what follows.
fn coded<'t>(out: &mut String, kind: char, after: &'t str, digits: usize) -> Result<&'t str, String> {
    let code = |text: &str| {
        let digits = text.get(..digits).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, 16).ok()
    };
    let first = code(after).ok_or_else(|| format!("`\\{kind}` in a string needs {digits} digits"))?;
    let rest = &after[digits..];
    // Letters past 16 bits may be written as JSON has them, in two halves.
    let low = rest.strip_prefix("\\u").and_then(code).filter(|low| (0xdc00..0xe000).contains(low));
    match (char::from_u32(first), low) {
        (Some(letter), _) => {
            out.push(letter);
            Ok(rest)
        }
        (None, Some(low)) if (0xd800..0xdc00).contains(&first) => {
            out.extend(char::from_u32(0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00)));
            Ok(&rest[6..])
        }
        _ => Err(format!("`\\{kind}{}` in a string is no letter", &after[..digits])),
    }
}

/// The source with every string that the engine cannot read blotted out, letter for letter: the offsets stay.
pub(crate) fn blotted<'s>(source: &'s str, bare: bool, syntax: &SyntaxConfig) -> Cow<'s, str> {
    let mut text = Cow::Borrowed(source);
    let mut looked_at = 0;
    while looked_at <= MAX_LOOKED_AT {
        looked_at += text.len();
        let Some(start) = unreadable(&text, bare, syntax) else { break };
        let bytes = text.as_bytes();
        let Some(end) = closing(&text[start + 1..], bytes[start].into()) else { break };
        let inner = blot(&text[start + 1..start + 1 + end]);
        text.to_mut().replace_range(start + 1..start + 1 + end, &inner);
    }
    text
}

/// Where the first string starts that the engine cannot read.
fn unreadable(source: &str, bare: bool, syntax: &SyntaxConfig) -> Option<usize> {
    if !source.as_bytes().windows(2).any(|two| two[0] == b'\\' && matches!(two[1], b'u' | b'x' | b'0'..=b'7'))
    {
        return None;
    }
    let mut tokens = Tokenizer::new(source, "", bare, syntax.clone());
    let mut end = 0;
    loop {
        match tokens.next_token() {
            Ok(Some((_, span))) => end = span.end_offset as usize,
            Ok(None) => return None,
            Err(error) if error.kind() == ErrorKind::BadEscape => {
                return source.get(end..)?.find(['\'', '"']).map(|at| end + at);
            }
            Err(_) => return None,
        }
    }
}

fn blot(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { BLOT } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_python() {
        let cases = [
            (r"a\tb\\n\'\d", Ok("a\tb\\n'\\d")),
            (r"\x41\u00e9\U0001F600\101\0z\18", Ok("Aé😀A\0z\u{1}8")),
            (r"\ud83d\udca9", Ok("💩")),
            (r"\/\a\v", Ok("\\/\u{7}\u{b}")),
            (r"\x4", Err("`\\x` in a string needs 2 digits".to_owned())),
            (r"\users", Err("`\\u` in a string needs 4 digits".to_owned())),
            (r"\ud83d", Err("`\\ud83d` in a string is no letter".to_owned())),
            (r"\u00éé", Err("`\\u` in a string needs 4 digits".to_owned())),
        ];
        for (text, expected) in cases {
            let mut out = String::new();
            let done = unescape(&mut out, text);
            assert_eq!(done.map(|()| out.as_str()), expected, "{text}");
        }
    }

    #[test]
    fn only_what_the_engine_cannot_read_is_blotted_out() {
        let syntax = SyntaxConfig::default();
        let cases = [
            (r"{{ 'C:\users\x' ~ 'a\n' ~ '\u00e9' }}", r"{{ '##########' ~ 'a\n' ~ '\u00e9' }}"),
            (r"\users {{ 'it\'s \x' }} \x", r"\users {{ '########' }} \x"),
            (r"{{ '\x", r"{{ '\x"),
            (r"{# \x #}{{ a }}", r"{# \x #}{{ a }}"),
        ];
        for (source, expected) in cases {
            assert_eq!(blotted(source, false, &syntax).replace(BLOT, "#"), expected);
        }
    }
}
