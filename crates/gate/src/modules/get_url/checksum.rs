//! The checksum that a file must have, written out or to be found in a list of them.

use crate::fsops::sum::{Algorithm, NAMES};

/// What `checksum` says.
#[derive(Debug, PartialEq)]
pub(super) enum Checksum {
    /// The digits, in lower case.
    Is(Algorithm, String),
    /// Where a list of them is.
    At(Algorithm, String),
}

impl Checksum {
    /// Reads the parameter; None if it is empty.
    pub(super) fn read(text: &str) -> Result<Option<Self>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let Some((name, rest)) = text.split_once(':') else {
            return Err("The checksum parameter has to be in format <algorithm>:<checksum>".into());
        };
        let Some(algorithm) = Algorithm::named(&name.trim().to_ascii_lowercase()) else {
            return Err(format!("there is no checksum {name:?}; there are {}", NAMES.join(", ")));
        };
        if ["http://", "https://", "file://", "ftp://"].iter().any(|scheme| rest.starts_with(scheme)) {
            return Ok(Some(Self::At(algorithm, rest.to_owned())));
        }
        match digits(rest) {
            Some(digits) => Ok(Some(Self::Is(algorithm, digits))),
            None => Err("The checksum format is invalid".into()),
        }
    }
}

/// The digits alone: what is copied out of web pages brings spaces that nobody sees.
fn digits(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
    let good = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    good.then(|| digits.to_ascii_lowercase())
}

/// The digits for a file in a list, which is one of GNU, one of BSD, or nothing but the digits.
pub(super) fn find(list: &str, name: &str) -> Option<String> {
    let lines: Vec<&str> = list.lines().collect();
    if let [only] = lines[..]
        && only.split_whitespace().count() == 1
    {
        return digits(only);
    }
    lines.iter().find_map(|line| bsd(line).or_else(|| gnu(line)).filter(|(_, path)| *path == name)).and_then(|(sum, _)| digits(sum))
}

/// `SHA256 (name) = digits`
fn bsd(line: &str) -> Option<(&str, &str)> {
    let (head, sum) = line.rsplit_once('=')?;
    let (algorithm, rest) = head.trim_end().split_once('(')?;
    let word = algorithm.trim();
    let good = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_');
    Some((sum.trim(), rest.strip_suffix(')')?)).filter(|_| good)
}

/// `digits  name`, `digits *name`, `digits  ./name`
fn gnu(line: &str) -> Option<(&str, &str)> {
    let (sum, rest) = line.split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    let path = rest.strip_prefix('*').unwrap_or(rest);
    Some((sum, path.trim_start_matches(['.', '/'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_read() {
        let is = |text: &str| Some(Checksum::Is(Algorithm::Sha256, text.into()));
        assert_eq!(Checksum::read("sha256: ABC\u{200b}1").unwrap(), is("abc1"));
        let at = Some(Checksum::At(Algorithm::Md5, "https://h/x".into()));
        assert_eq!(Checksum::read("md5:https://h/x").unwrap(), at);
        assert_eq!(Checksum::read("").unwrap(), None);
        for bad in ["abc", "sha9:abc", "sha1:", "sha1:xyz"] {
            assert!(Checksum::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lists_are_searched() {
        let gnu = "aa  other\nbb *./f.txt\ncc  dir/f.txt\n";
        for (list, name, expected) in [
            (gnu, "f.txt", Some("bb")),
            (gnu, "other", Some("aa")),
            (gnu, "none", None),
            ("SHA256 (f.txt) = DD\nSHA256(g) = ee\n", "f.txt", Some("dd")),
            ("SHA256 (f.txt) = DD\nSHA256(g) = ee\n", "g", Some("ee")),
            ("ab12\n", "whatever", Some("ab12")),
            ("", "x", None),
        ] {
            assert_eq!(find(list, name).as_deref(), expected, "{name}");
        }
    }
}
