//! What follows a backslash in a pattern.

use super::translate::Rest;

/// A letter that stands for itself.
pub(super) fn literal(c: char) -> String {
    regex::escape(c.encode_utf8(&mut [0; 4]))
}

/// Outside of a set of letters.
pub(super) fn outside(rest: &mut Rest<'_>) -> Result<String, String> {
    match rest.next() {
        Some('Z') => Ok(r"\z".into()),
        Some(c @ ('A' | 'b' | 'B')) => Ok(format!("\\{c}")),
        Some(c @ '1'..='9') => match octal(c, rest) {
            Some(text) => Ok(text),
            None => Err("references back into the match are not supported in a pattern".into()),
        },
        c => either(c, rest),
    }
}

/// Within a set of letters.
pub(super) fn inside(rest: &mut Rest<'_>) -> Result<String, String> {
    match rest.next() {
        Some('b') => Ok(r"\x08".into()),
        Some(c @ '1'..='9') => octal(c, rest).ok_or_else(|| bad(c)),
        c => either(c, rest),
    }
}

fn either(c: Option<char>, rest: &mut Rest<'_>) -> Result<String, String> {
    let c = c.ok_or("a pattern ends with a backslash")?;
    match c {
        'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'n' | 'r' | 't' | 'f' | 'v' | 'a' => Ok(format!("\\{c}")),
        'x' => number(c, rest, 2),
        'u' => number(c, rest, 4),
        'U' => number(c, rest, 8),
        '0' => {
            let digits: String = std::iter::from_fn(|| rest.next_if(|c| c.is_digit(8))).take(2).collect();
            Ok(code(u32::from_str_radix(&digits, 8).unwrap_or_default()))
        }
        c if c.is_ascii_alphanumeric() => Err(bad(c)),
        c => Ok(literal(c)),
    }
}

fn bad(c: char) -> String {
    format!("bad escape \\{c} in a pattern")
}

/// Three octal digits are a letter, and no reference.
fn octal(first: char, rest: &mut Rest<'_>) -> Option<String> {
    let mut ahead = rest.clone();
    let digits: String = [Some(first), ahead.next(), ahead.next()].into_iter().flatten().collect();
    let value = u32::from_str_radix(&digits, 8).ok().filter(|value| digits.len() == 3 && *value <= 0o377)?;
    *rest = ahead;
    Some(code(value))
}

fn number(c: char, rest: &mut Rest<'_>, length: usize) -> Result<String, String> {
    let digits: String = std::iter::from_fn(|| rest.next_if(char::is_ascii_hexdigit)).take(length).collect();
    match u32::from_str_radix(&digits, 16) {
        Ok(value) if digits.len() == length => Ok(code(value)),
        _ => Err(bad(c)),
    }
}

/// A letter by its number. Below 256 it is a byte where the pattern is over bytes.
fn code(value: u32) -> String {
    if value < 256 { format!("\\x{value:02x}") } else { format!("\\x{{{value:x}}}") }
}
