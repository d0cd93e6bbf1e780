//! What a plain scalar means: the core schema of YAML 1.2, with one change.
//!
//! A number that begins with a needless zero (`0644`, `-012`, `007.5`) is a string. YAML 1.1 read such
//! numbers as octal and YAML 1.2 reads them as decimal; a file mode would silently become another one
//! under either, so the text is kept as written and whoever expects a mode reads it.

use crate::Kind;

/// The value of a plain scalar.
pub(crate) fn resolve(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    number(text).unwrap_or_else(|| Kind::Str(text.to_owned()))
}

/// The number that `text` is, if it is one.
pub(crate) fn number(text: &str) -> Option<Kind> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        b'0'..=b'9' | b'.' => (false, text),
        _ => return None,
    };
    if let Some(special) = special(digits, negative) {
        return Some(special);
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(rest) = text.strip_prefix(prefix) {
            let valid = !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix));
            return valid.then(|| i64::from_str_radix(rest, radix).ok().map(Kind::Int)).flatten();
        }
    }
    if needless_zero(digits) {
        return None;
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) && !digits.is_empty() {
        return text.parse().map(Kind::Int).ok().or_else(|| finite(text));
    }
    is_decimal(digits).then(|| finite(text)).flatten()
}

fn special(digits: &str, negative: bool) -> Option<Kind> {
    match digits {
        ".inf" | ".Inf" | ".INF" if negative => Some(Kind::Float(f64::NEG_INFINITY)),
        ".inf" | ".Inf" | ".INF" => Some(Kind::Float(f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" => Some(Kind::Float(f64::NAN)),
        _ => None,
    }
}

fn needless_zero(digits: &str) -> bool {
    matches!(digits.as_bytes(), [b'0', b'0'..=b'9', ..])
}

/// `.5`, `5.`, `5.5`, each with or without an exponent.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['-', '+']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    digits(whole) && digits(fraction) && whole.len() + fraction.len() > 0 && exponent_fits
}

fn finite(text: &str) -> Option<Kind> {
    text.parse().ok().filter(|value: &f64| value.is_finite()).map(Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let float = |value| Kind::Float(value);
        for (text, want) in [
            ("", Kind::Null),
            ("~", Kind::Null),
            ("null", Kind::Null),
            ("True", Kind::Bool(true)),
            ("false", Kind::Bool(false)),
            ("0", Kind::Int(0)),
            ("-0", Kind::Int(0)),
            ("+12", Kind::Int(12)),
            ("-12", Kind::Int(-12)),
            ("0o17", Kind::Int(15)),
            ("0xfF", Kind::Int(255)),
            ("9223372036854775807", Kind::Int(i64::MAX)),
            ("9223372036854775808", float(9_223_372_036_854_775_808.0)),
            ("1.10", float(1.1)),
            ("0.5", float(0.5)),
            (".5", float(0.5)),
            ("5.", float(5.0)),
            ("-1e3", float(-1000.0)),
            ("1.5E-3", float(0.0015)),
            (".inf", float(f64::INFINITY)),
            ("-.Inf", float(f64::NEG_INFINITY)),
        ] {
            assert_eq!(resolve(text), want, "{text:?}");
        }
        assert!(matches!(resolve(".NaN"), Kind::Float(value) if value.is_nan()));
    }

    #[test]
    fn everything_else_is_a_string() {
        for text in [
            "yes",
            "no",
            "on",
            "off",
            "y",
            "0644",
            "-012",
            "00",
            "007.5",
            "1_000",
            "0b11",
            "1:30",
            "1e",
            "e5",
            ".",
            "-",
            "+",
            "+.",
            "0x",
            "0xg",
            "0o8",
            "-0x1",
            "1.2.3",
            "1e999",
            "2024-01-01",
            "nan",
            "inf",
            "TRue",
            "nULL",
            "1 2",
            "١",
        ] {
            assert_eq!(resolve(text), Kind::Str(text.to_owned()), "{text:?}");
        }
    }
}
