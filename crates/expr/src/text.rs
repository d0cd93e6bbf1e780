//! What Python's methods do to texts, for the filters and the methods alike.

use minijinja::value::Kwargs;
use minijinja::{Error, Value};

use crate::args::invalid;
use crate::meter::{charge, charge_nodes};
use crate::repr;

/// The first letter large, the rest small.
pub(crate) fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect(),
        None => String::new(),
    }
}

/// `str.title()`: the first letter of each run of letters large.
pub(crate) fn title(text: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match inside {
            true => out.extend(c.to_lowercase()),
            false => out.extend(c.to_uppercase()),
        }
        inside = c.is_alphabetic();
    }
    out
}

/// Large letters small, small letters large.
pub(crate) fn swapcase(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_uppercase() {
            true => out.extend(c.to_lowercase()),
            false => out.extend(c.to_uppercase()),
        }
    }
    out
}

/// `str.splitlines()`: an end of line at the end starts no further line.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = &rest[end..];
        rest = rest.strip_prefix("\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
        Some(line)
    })
}

/// `str.split()`: at a separator, or at runs of blanks; `limit` below zero means no limit.
pub(crate) fn split(text: &str, separator: Option<&str>, limit: i64, from_end: bool) -> Result<Value, Error> {
    let limit = usize::try_from(limit).map_or(usize::MAX, |limit| limit.saturating_add(1));
    let mut parts: Vec<&str> = match separator {
        Some("") => return Err(invalid("cannot split at an empty text")),
        Some(separator) if from_end => text.rsplitn(limit, separator).collect(),
        Some(separator) => text.splitn(limit, separator).collect(),
        None if limit == usize::MAX => text.split_whitespace().collect(),
        None if from_end => blanks_from_end(text, limit),
        None => blanks(text, limit),
    };
    if from_end && (separator.is_some() || limit != usize::MAX) {
        parts.reverse();
    }
    charge_nodes(parts.len())?;
    Ok(parts.into_iter().map(Value::from).collect())
}

fn blanks(text: &str, limit: usize) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = if out.len() + 1 < limit { rest.find(char::is_whitespace) } else { None };
        let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
        out.push(part);
        rest = after.trim_start();
    }
    out
}

fn blanks_from_end(text: &str, limit: usize) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text.trim_end();
    while !rest.is_empty() {
        let last =
            rest.char_indices().rev().find(|(_, c)| c.is_whitespace()).filter(|_| out.len() + 1 < limit);
        let start = last.map_or(0, |(at, c)| at + c.len_utf8());
        out.push(&rest[start..]);
        rest = rest[..start].trim_end();
    }
    out
}

/// `str.replace()`, metered by what comes out; `count` below zero means all.
pub(crate) fn replace(text: &str, old: &str, new: &str, count: Option<i64>) -> Result<String, Error> {
    let limit = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
    let found = text.matches(old).take(limit).count();
    charge(text.len().saturating_add(found.saturating_mul(new.len())))?;
    Ok(text.replacen(old, new, limit))
}

/// How often a part occurs, without overlaps.
pub(crate) fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

/// `str.zfill()`: zeros after the sign.
pub(crate) fn zero_fill(text: &str, missing: usize) -> String {
    let digits = text.trim_start_matches(['+', '-']);
    let sign = &text[..text.len() - digits.len()];
    format!("{sign}{}{digits}", "0".repeat(missing))
}

/// `str.center()`, with Python's choice of the side that gets the odd blank.
pub(crate) fn center(text: &str, width: usize, fill: impl Fn(usize) -> String) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let left = missing / 2 + (missing & width & 1);
    format!("{}{text}{}", fill(left), fill(missing - left))
}

/// `'{} {name}'.format(…)`: places by order, number or name, with a width and the usual types.
pub(crate) fn braces(format: &str, args: &[Value], named: &Kwargs) -> Result<String, Error> {
    let mut out = String::new();
    let mut next = 0;
    let mut rest = format;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let doubled = rest.get(at..at + 2).is_some_and(|two| two == "{{" || two == "}}");
        if doubled {
            out.push_str(&rest[at..=at]);
            rest = &rest[at + 2..];
            continue;
        }
        let place = rest[at..].strip_prefix('{').and_then(|place| place.split_once('}'));
        let (place, after) = place.ok_or_else(|| invalid("the format has a single brace"))?;
        let (field, spec) = place.split_once(':').unwrap_or((place, ""));
        let value = field_value(field, &mut next, args, named)?;
        write_field(&mut out, &value, spec)?;
        rest = after;
    }
    charge(rest.len())?;
    out.push_str(rest);
    Ok(out)
}

fn field_value(field: &str, next: &mut usize, args: &[Value], named: &Kwargs) -> Result<Value, Error> {
    let mut parts = field.split('.');
    let first = parts.next().unwrap_or_default();
    let number = match first.is_empty() {
        true => {
            *next += 1;
            Some(*next - 1)
        }
        false => first.parse::<usize>().ok(),
    };
    let missing = || invalid(format!("the format has no value for `{{{field}}}`"));
    let mut value = match number {
        Some(number) => args.get(number).cloned().ok_or_else(missing)?,
        None => named.peek::<Option<Value>>(first)?.ok_or_else(missing)?,
    };
    for part in parts {
        value = value.get_attr(part)?;
    }
    Ok(value)
}

fn write_field(out: &mut String, value: &Value, spec: &str) -> Result<(), Error> {
    if spec.is_empty() {
        return repr::write_text(out, value);
    }
    let refuse = || invalid(format!("the format `{spec}` is not supported"));
    let (left, rest) = match spec.strip_prefix('<') {
        Some(rest) => (Some(true), rest),
        None => spec.strip_prefix('>').map_or((None, spec), |rest| (Some(false), rest)),
    };
    let kind = rest.chars().last().filter(char::is_ascii_alphabetic);
    let size = kind.map_or(rest, |_| &rest[..rest.len() - 1]);
    if !size.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(refuse());
    }
    let is_number = value.is_number();
    let conversion = kind.unwrap_or(if is_number && value.is_integer() { 'd' } else { 's' });
    let flag = if left.unwrap_or(!is_number) { "-" } else { "" };
    let text = crate::percent::format(&format!("%{flag}{size}{conversion}"), &Value::from((value.clone(),)))?;
    out.push_str(&text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_in_python() {
        let cases: [(&str, &[&str]); 4] =
            [("a\nb", &["a", "b"]), ("a\n", &["a"]), ("a\r\n\nb", &["a", "", "b"]), ("", &[])];
        for (text, expected) in cases {
            assert_eq!(lines(text).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn splits_at_blanks() {
        assert_eq!(blanks(" a  b c ", 2), ["a", "b c "]);
        assert_eq!(blanks_from_end(" a  b c ", 2), ["c", " a  b"]);
    }
}
