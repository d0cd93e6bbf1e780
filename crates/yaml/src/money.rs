//! Amounts of money, exactly: decimal text to integer nano-units, never through a float.

/// Nano-units in one unit of a currency.
const UNIT: i64 = 1_000_000_000;
/// Decimals that nano-units can hold.
const DECIMALS: usize = 9;

/// Reads an amount such as `2.50` as nano-units: 2 500 000 000. The error says what is wrong.
pub fn nanos(text: &str) -> Result<i64, String> {
    if text.starts_with('-') {
        return Err(format!("the amount `{text}` is negative"));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || text.ends_with('.') {
        return Err(format!("`{}` is not an amount of money", crate::build::shown(text)));
    }
    if fraction.len() > DECIMALS {
        return Err(format!("`{}` has more than {DECIMALS} decimals", crate::build::shown(text)));
    }
    let units = whole.parse::<i64>().ok().and_then(|units| units.checked_mul(UNIT));
    let part = format!("{fraction:0<DECIMALS$}").parse::<i64>().ok();
    units
        .zip(part)
        .and_then(|(units, part)| units.checked_add(part))
        .ok_or_else(|| format!("the amount `{}` is too large", crate::build::shown(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (text, want) in [
            ("2.50", 2_500_000_000),
            ("0", 0),
            ("7", 7_000_000_000),
            ("0.1", 100_000_000),
            ("0.000000001", 1),
            ("007.5", 7_500_000_000),
            ("9223372036.854775807", i64::MAX),
        ] {
            assert_eq!(nanos(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_is_none_says_why() {
        for (text, part) in [
            ("", "not an amount"),
            (".5", "not an amount"),
            ("5.", "not an amount"),
            ("1e3", "not an amount"),
            ("1,50", "not an amount"),
            ("+1", "not an amount"),
            ("$5", "not an amount"),
            (".nan", "not an amount"),
            ("1.2.3", "not an amount"),
            ("-1", "negative"),
            ("0.0000000001", "more than 9 decimals"),
            ("9223372036.854775808", "too large"),
            ("99999999999999999999", "too large"),
        ] {
            let error = nanos(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
