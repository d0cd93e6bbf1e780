//! What a plain scalar means to Ansible: YAML 1.1, as PyYAML resolves it.
//!
//! Inventories and files with variables are written for Ansible, where `yes` is true and `0644` is a number.
//! Documents of workflows are read by the core schema instead, see `scalar`.

use crate::Kind;

/// The value of a plain scalar. A number that does not fit stays the text that it is.
pub(crate) fn resolve(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Kind::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => return Kind::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Kind::Float(f64::NAN),
        _ => {}
    }
    match text.as_bytes()[0] {
        b'-' | b'+' | b'.' | b'0'..=b'9' => number(text).or_else(|| time(text)),
        _ => None,
    }
    .unwrap_or_else(|| Kind::Str(text.to_owned()))
}

fn number(text: &str) -> Option<Kind> {
    let (sign, digits) = match text.as_bytes()[0] {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    if matches!(digits, ".inf" | ".Inf" | ".INF") {
        return Some(Kind::Float(sign as f64 * f64::INFINITY));
    }
    if let Some(whole) = whole(digits) {
        // What is only too large for a sign is told from the text again where it becomes JSON.
        let unsigned = || text.parse::<u64>().ok().map(|whole| Kind::Float(whole as f64));
        return i64::try_from(sign * whole?).ok().map(Kind::Int).or_else(unsigned);
    }
    // A sign before a bare point makes a text.
    if digits.starts_with('.') && digits.len() != text.len() {
        return None;
    }
    broken(digits).map(|value| Kind::Float(sign as f64 * value))
}

/// A whole number: `None` where it is no such thing, `Some(None)` where it is one without an end.
fn whole(digits: &str) -> Option<Option<i128>> {
    let radix = |rest: &str, radix: u32| {
        let fits = !rest.is_empty() && rest.chars().all(|c| c == '_' || c.is_digit(radix));
        fits.then(|| i128::from_str_radix(&rest.replace('_', ""), radix).ok())
    };
    if let Some(rest) = digits.strip_prefix("0b") {
        return radix(rest, 2);
    }
    if let Some(rest) = digits.strip_prefix("0x") {
        return radix(rest, 16);
    }
    match digits.as_bytes() {
        [b'0'] => Some(Some(0)),
        [b'0', ..] => radix(digits, 8),
        [b'1'..=b'9', ..] if digits.contains(':') => {
            let (first, rest) = digits.split_once(':')?;
            let first = radix(first, 10)?;
            sixtieths(rest)?;
            Some(
                rest.split(':')
                    .try_fold(first?, |sum, part| sum.checked_mul(60)?.checked_add(part.parse().ok()?)),
            )
        }
        [b'1'..=b'9', ..] => radix(digits, 10),
        _ => None,
    }
}

/// Whether a text is parts of at most 59, with colons between them.
fn sixtieths(text: &str) -> Option<()> {
    let fits = |part: &str| matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
    text.split(':').all(fits).then_some(())
}

/// A number with a point, which YAML 1.1 asks for; an exponent has a sign.
fn broken(digits: &str) -> Option<f64> {
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let signed = |e: &str| {
        e.strip_prefix(['-', '+']).is_some_and(|e| !e.is_empty() && e.bytes().all(|b| b.is_ascii_digit()))
    };
    if exponent.is_some_and(|e| !signed(e)) {
        return None;
    }
    let (before, after) = mantissa.split_once('.')?;
    let run = |text: &str| text.bytes().all(|b| b == b'_' || b.is_ascii_digit());
    if !run(after) {
        return None;
    }
    let plain = |text: &str| text.replace('_', "");
    if let Some((first, rest)) = before.split_once(':') {
        if exponent.is_some() || !run(first) || !first.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        sixtieths(rest)?;
        let whole = rest.split(':').try_fold(plain(first).parse::<f64>().ok()?, |sum, part| {
            Some(sum * 60.0 + part.parse::<f64>().ok()?)
        })?;
        return Some(whole + format!("0.{}0", plain(after)).parse::<f64>().ok()?);
    }
    let begins = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    if !run(before) || !(begins(before) || (before.is_empty() && begins(after))) {
        return None;
    }
    let number = format!("{}.{}e{}", plain(before), plain(after), exponent.unwrap_or("0"));
    number.parse().ok()
}

/// A day or a time as Python prints it in ISO 8601, since JSON has no such type.
fn time(text: &str) -> Option<Kind> {
    let mut rest = text;
    let year = digits(&mut rest, 4, 4)?;
    let month = after(&mut rest, '-').and_then(|()| digits(&mut rest, 1, 2))?;
    let day = after(&mut rest, '-').and_then(|()| digits(&mut rest, 1, 2))?;
    if rest.is_empty() {
        return (month.len() == 2 && day.len() == 2).then(|| Kind::Str(text.to_owned()));
    }
    let trimmed = rest.trim_start_matches([' ', '\t']);
    rest = match trimmed.len() < rest.len() {
        true => trimmed,
        false => rest.strip_prefix(['t', 'T'])?,
    };
    let hour = digits(&mut rest, 1, 2)?;
    let minute = after(&mut rest, ':').and_then(|()| digits(&mut rest, 2, 2))?;
    let second = after(&mut rest, ':').and_then(|()| digits(&mut rest, 2, 2))?;
    let mut fraction = String::new();
    if let Some(more) = rest.strip_prefix('.') {
        let end = more.find(|c: char| !c.is_ascii_digit()).unwrap_or(more.len());
        let micros = format!("{:0<6.6}", &more[..end]);
        if micros.bytes().any(|b| b != b'0') {
            fraction = format!(".{micros}");
        }
        rest = &more[end..];
    }
    let zone = zone(rest.trim_start_matches([' ', '\t']))?;
    Some(Kind::Str(format!("{year}-{month:0>2}-{day:0>2}T{hour:0>2}:{minute}:{second}{fraction}{zone}")))
}

fn zone(text: &str) -> Option<String> {
    if text.is_empty() || text == "Z" {
        return Some(if text.is_empty() { String::new() } else { "+00:00".to_owned() });
    }
    let sign = text.chars().next().filter(|c| matches!(c, '+' | '-'))?;
    let mut rest = &text[1..];
    let hours = digits(&mut rest, 1, 2)?;
    let minutes = match rest.strip_prefix(':') {
        Some(more) => {
            rest = more;
            digits(&mut rest, 2, 2)?
        }
        None => "00",
    };
    rest.is_empty().then(|| format!("{sign}{hours:0>2}:{minutes}"))
}

/// Takes between `least` and `most` digits from the front of a text.
fn digits<'t>(rest: &mut &'t str, least: usize, most: usize) -> Option<&'t str> {
    let count = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (taken, left) = rest.split_at(count);
    *rest = left;
    (count >= least).then_some(taken)
}

fn after(rest: &mut &str, sign: char) -> Option<()> {
    *rest = rest.strip_prefix(sign)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What PyYAML's safe loader makes of each.
    #[test]
    fn plain_scalars_follow_yaml_1_1() {
        let text = |text: &str| Kind::Str(text.to_owned());
        for (given, want) in [
            ("", Kind::Null),
            ("~", Kind::Null),
            ("yes", Kind::Bool(true)),
            ("Off", Kind::Bool(false)),
            ("y", text("y")),
            ("0644", Kind::Int(420)),
            ("-012", Kind::Int(-10)),
            ("08", text("08")),
            ("0o17", text("0o17")),
            ("0b11", Kind::Int(3)),
            ("0x_fF", Kind::Int(255)),
            ("0x", text("0x")),
            ("1_000", Kind::Int(1000)),
            ("_1", text("_1")),
            ("1:30", Kind::Int(90)),
            ("-1:30:00", Kind::Int(-5400)),
            ("1:60", text("1:60")),
            ("1:30.5", Kind::Float(90.5)),
            ("+12", Kind::Int(12)),
            ("1e3", text("1e3")),
            ("1.5e3", text("1.5e3")),
            ("1.5e+3", Kind::Float(1500.0)),
            (".5", Kind::Float(0.5)),
            ("-.5", text("-.5")),
            ("5.", Kind::Float(5.0)),
            (".", text(".")),
            ("-", text("-")),
            ("1.2.3", text("1.2.3")),
            (".inf", Kind::Float(f64::INFINITY)),
            ("-.INF", Kind::Float(f64::NEG_INFINITY)),
            ("12345678901234567890123", text("12345678901234567890123")),
            ("2024-01-31", text("2024-01-31")),
            ("2001-12-14 21:59:43", text("2001-12-14T21:59:43")),
            ("2001-12-14t21:59:43.10-05:00", text("2001-12-14T21:59:43.100000-05:00")),
            ("2001-12-14 1:59:43.0 Z", text("2001-12-14T01:59:43+00:00")),
            ("10.0.0.1", text("10.0.0.1")),
            ("nan", text("nan")),
        ] {
            assert_eq!(resolve(given), want, "{given:?}");
        }
    }
}
