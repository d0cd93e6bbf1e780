//! Durations as people write them: `250ms`, `30s`, `1h30m`.

use std::time::Duration;

/// The units with their milliseconds, from the largest.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a duration: whole numbers with units, the larger unit first. The error says what is wrong.
pub fn duration(text: &str) -> Result<Duration, String> {
    let mut rest = text;
    let mut total: u64 = 0;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        if number.is_empty() {
            return Err(not_one(text));
        }
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        if unit.is_empty() {
            return Err(if tail.is_empty() { format!("`{text}` has no unit") } else { not_one(text) });
        }
        let index = UNITS.iter().position(|(name, _)| *name == unit);
        let index = index.ok_or_else(|| format!("`{unit}` is not a unit of time"))?;
        if index < next_unit {
            return Err(format!("the units of `{text}` must go from large to small, each once"));
        }
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(UNITS[index].1));
        total =
            part.and_then(|part| total.checked_add(part)).ok_or_else(|| format!("`{text}` is too long"))?;
        next_unit = index + 1;
        rest = tail;
    }
    if text.is_empty() { Err(not_one(text)) } else { Ok(Duration::from_millis(total)) }
}

fn not_one(text: &str) -> String {
    format!("`{}` is not a duration", crate::build::shown(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, millis) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("0s", 0),
            ("1h30m", 5_400_000),
            ("1d2h3m4s5ms", 93_784_005),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_none_says_why() {
        for (text, part) in [
            ("", "not a duration"),
            ("30", "no unit"),
            ("1h30", "no unit"),
            ("s", "not a duration"),
            ("-5s", "not a duration"),
            ("1.5h", "not a duration"),
            ("5 m", "not a duration"),
            ("5min", "`min` is not a unit"),
            ("5M", "`M` is not a unit"),
            ("30m1h", "from large to small"),
            ("1s1s", "from large to small"),
            ("99999999999999999999s", "too long"),
            ("18446744073709551615d", "too long"),
        ] {
            let error = duration(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
