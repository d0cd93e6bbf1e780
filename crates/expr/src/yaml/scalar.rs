//! What a plain scalar of YAML 1.1 stands for.

use std::sync::LazyLock;

use minijinja::{Error, Value};
use regex::Regex;

use crate::ops::integer;
use crate::times::Moment;

/// The value of a scalar without quotes. A day that no calendar has is an error.
pub(super) fn resolve(text: &str) -> Result<Value, Error> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::from(()),
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::from(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::from(false),
        ".nan" | ".NaN" | ".NAN" => Value::from(f64::NAN),
        _ => match text.as_bytes()[0] {
            b'-' | b'+' | b'.' | b'0'..=b'9' => match number(text) {
                Some(number) => number,
                None => time(text)?.map_or_else(|| Value::from(text), Value::from_object),
            },
            _ => Value::from(text),
        },
    })
}

fn number(text: &str) -> Option<Value> {
    static INTEGER: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"^(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(?::[0-5]?[0-9])+)$")
    });
    static FLOAT: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|\.(?:inf|Inf|INF))$",
        )
    });
    static POINT: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?$"));
    let (negative, digits) = match text.as_bytes()[0] {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let sign = if negative { -1 } else { 1 };
    if INTEGER.is_match(digits) {
        return whole(&digits.replace('_', "")).map(|number| integer(sign * number));
    }
    // A sign before a bare point makes a text.
    if FLOAT.is_match(digits) || POINT.is_match(text) {
        return broken(&digits.replace('_', "")).map(|number| Value::from(sign as f64 * number));
    }
    None
}

fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("the pattern is a constant, and the tests compile it")
}

fn whole(digits: &str) -> Option<i128> {
    let radix = |prefix: &str, radix| Some(i128::from_str_radix(digits.strip_prefix(prefix)?, radix).ok());
    if let Some(number) = radix("0b", 2).or_else(|| radix("0x", 16)) {
        return number;
    }
    if digits.contains(':') {
        return digits
            .split(':')
            .try_fold(0i128, |sum, part| sum.checked_mul(60)?.checked_add(part.parse().ok()?));
    }
    match digits.len() > 1 && digits.starts_with('0') {
        true => i128::from_str_radix(digits, 8).ok(),
        false => digits.parse().ok(),
    }
}

fn broken(digits: &str) -> Option<f64> {
    if digits.contains("inf") || digits.contains("Inf") || digits.contains("INF") {
        return Some(f64::INFINITY);
    }
    let read = |part: &str| part.trim_end_matches('.').parse::<f64>().ok();
    if digits.contains(':') {
        return digits.split(':').try_fold(0.0, |sum, part| Some(sum * 60.0 + read(part)?));
    }
    read(digits)
}

/// A day, or a time without a zone. One with a zone stays the text that it is.
fn time(text: &str) -> Result<Option<Moment>, Error> {
    static TIME: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:(?:[Tt]|[ \t]+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?)?$",
        )
    });
    let Some(parts) = TIME.captures(text) else { return Ok(None) };
    if parts.get(4).is_none() {
        return match parts[2].len() == 2 && parts[3].len() == 2 {
            true => Moment::day(text).map(Some),
            false => Ok(None),
        };
    }
    let micros = format!("{:0<6.6}", parts.get(7).map_or("", |digits| digits.as_str()));
    let whole = format!(
        "{}-{:0>2}-{:0>2} {:0>2}:{}:{}.{micros}",
        &parts[1], &parts[2], &parts[3], &parts[4], &parts[5], &parts[6]
    );
    Moment::read(&whole, "%Y-%m-%d %H:%M:%S.%f").map(Some)
}
