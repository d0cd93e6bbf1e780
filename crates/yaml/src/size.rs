//! Sizes in bytes as people write them: `512`, `64KiB`, `10MB`.

const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// Reads a size in bytes: a whole number with a unit, or without one for bytes. The error says what is wrong.
pub fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(format!("`{}` is not a size", crate::build::shown(text)));
    }
    let unit = unit.trim_start();
    let found = UNITS.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name));
    let (_, bytes) = found.ok_or_else(|| format!("`{}` is not a unit of size", crate::build::shown(unit)))?;
    number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(*bytes))
        .ok_or_else(|| format!("`{text}` is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, want) in [
            ("0", 0),
            ("512", 512),
            ("512B", 512),
            ("10MB", 10_000_000),
            ("64KiB", 65_536),
            ("1 GiB", 1 << 30),
            ("2tib", 2 << 40),
        ] {
            assert_eq!(size(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_is_none_says_why() {
        for (text, part) in [
            ("", "not a size"),
            ("-1", "not a size"),
            ("MB", "not a size"),
            ("1.5MB", "not a unit"),
            ("10 parsecs", "not a unit"),
            ("99999999999999999999", "too large"),
            ("18446744073709551615KiB", "too large"),
        ] {
            let error = size(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
