//! Numbers as Python writes them: `1_000`, `0xff`, `.5e-3`, with one sign before.

use serde_json::{Number, Value};

/// The number at the front of a text, and the rest. What JSON cannot hold exactly is none.
pub(super) fn read(text: &str) -> Option<(Value, &str)> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text[1..].trim_start_matches([' ', '\t'])),
        b'+' => (false, text[1..].trim_start_matches([' ', '\t'])),
        _ => (false, text),
    };
    let end = end(digits);
    let (token, rest) = digits.split_at(end);
    // `12abc` is no number and a name; `3j` is a number of a kind that JSON lacks.
    if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.') {
        return None;
    }
    let value = whole(token, negative).or_else(|| broken(token, negative))?;
    Some((value, rest))
}

/// Where the signs end that a number can have.
fn end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let radix = matches!(bytes, [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', ..]);
    let mut at = 0;
    while at < bytes.len() {
        let fits = match bytes[at] {
            b'0'..=b'9' | b'_' => true,
            b'.' => !radix,
            b'+' | b'-' => !radix && at > 0 && matches!(bytes[at - 1], b'e' | b'E'),
            byte => radix && byte.is_ascii_alphanumeric() || matches!(byte, b'e' | b'E') && at > 0,
        };
        if !fits {
            break;
        }
        at += 1;
    }
    at
}

fn whole(token: &str, negative: bool) -> Option<Value> {
    let number = match token.as_bytes() {
        [b'0', b'x' | b'X', ..] => based(&token[2..], 16)?,
        [b'0', b'o' | b'O', ..] => based(&token[2..], 8)?,
        [b'0', b'b' | b'B', ..] => based(&token[2..], 2)?,
        // Zeros before a number would be octal in an older Python, so it refuses them; zeros alone are zero.
        [b'0', ..] if token.bytes().any(|b| b != b'0' && b != b'_') => return None,
        [b'0'..=b'9', ..] => plain(token)?.parse().ok()?,
        _ => return None,
    };
    if !negative {
        return u64::try_from(number).ok().map(Value::from);
    }
    i64::try_from(-number).ok().map(Value::from)
}

fn based(digits: &str, radix: u32) -> Option<i128> {
    let digits = digits.strip_prefix('_').unwrap_or(digits);
    i128::from_str_radix(&plain(digits)?, radix).ok()
}

/// Digits without the underscores, which stand between two of them.
fn plain(digits: &str) -> Option<String> {
    let parts = || digits.split('_');
    parts().all(|part| !part.is_empty() && !part.starts_with(['+', '-'])).then(|| parts().collect())
}

fn broken(token: &str, negative: bool) -> Option<Value> {
    let (mantissa, exponent) = match token.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (token, None),
    };
    if exponent.is_none() && !mantissa.contains('.') {
        return None;
    }
    let digits = |text: &str| match text.bytes().all(|b| b == b'_' || b.is_ascii_digit()) {
        true => plain(text),
        false => None,
    };
    let part = |text: &str| if text.is_empty() { Some(String::new()) } else { digits(text) };
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (before, after) = (part(before)?, part(after)?);
    if before.is_empty() && after.is_empty() {
        return None;
    }
    let exponent = match exponent {
        Some(text) => {
            let sign = if text.starts_with('-') { "-" } else { "" };
            format!("{sign}{}", digits(text.strip_prefix(['-', '+']).unwrap_or(text))?)
        }
        None => "0".to_owned(),
    };
    let value: f64 = format!("{before}.{after}e{exponent}").parse().ok()?;
    Number::from_f64(if negative { -value } else { value }).map(Value::Number)
}
