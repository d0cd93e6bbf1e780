//! The tokens of a query.

use minijinja::Value;

use crate::convert::from_json;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    Quoted(String),
    Literal(Value),
    Number(i64),
    /// An operator or a bracket, by how it is written.
    Sign(&'static str),
}

/// Longer ones first, where one begins another.
const SIGNS: &[&str] = &[
    "[?", "[]", "||", "&&", "==", "!=", "<=", ">=", "[", "]", "{", "}", "(", ")", ".", "*", ",", ":", "@",
    "|", "&", "<", ">", "!",
];

pub(super) fn tokens(query: &str) -> Result<Vec<Token>, String> {
    let mut out = Vec::new();
    let mut rest = query.trim_start();
    while let Some(c) = rest.chars().next() {
        let (token, after) = match c {
            'a'..='z' | 'A'..='Z' | '_' => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                (Token::Name(rest[..end].to_owned()), &rest[end..])
            }
            '0'..='9' | '-' => {
                let end = rest[1..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |end| end + 1);
                let number = rest[..end].parse().map_err(|_| format!("`{}` is no number", &rest[..end]))?;
                (Token::Number(number), &rest[end..])
            }
            '"' => {
                let (inner, after) = quoted(rest, '"')?;
                let text = serde_json::from_str(&format!("\"{inner}\"")).map_err(|e| e.to_string())?;
                (Token::Quoted(text), after)
            }
            '\'' => {
                let (inner, after) = quoted(rest, '\'')?;
                (Token::Literal(Value::from(inner.replace("\\'", "'"))), after)
            }
            '`' => {
                let (inner, after) = quoted(rest, '`')?;
                (Token::Literal(literal(&inner.replace("\\`", "`"))?), after)
            }
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Token::Sign(sign), &rest[sign.len()..]),
                None => return Err(format!("`{c}` means nothing here")),
            },
        };
        out.push(token);
        rest = after.trim_start();
    }
    Ok(out)
}

/// What stands between two quotes, and what follows. A backslash keeps a quote from ending it.
fn quoted(text: &str, quote: char) -> Result<(&str, &str), String> {
    let inner = &text[1..];
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Ok((&inner[..at], &inner[at + 1..])),
            _ => {}
        }
    }
    Err(format!("a {quote} is not closed"))
}

/// A value as JSON; what is none is a text, as it once was allowed.
fn literal(text: &str) -> Result<Value, String> {
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text);
    let value = read(text).or_else(|_| read(&format!("\"{}\"", text.trim_start())));
    value.map(|value| from_json(&value)).map_err(|_| format!("`{text}` is no JSON"))
}
