//! Host patterns of OpenSSH: `*`, `?`, negation, and names that are hashed.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// Which hosts a line is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hosts {
    /// Patterns; a negated one that matches ends the matter.
    Patterns(Vec<Pattern>),
    /// `|1|salt|hash`: HMAC-SHA1 of the name under the salt.
    Hashed {
        /// The key of the HMAC.
        salt: Vec<u8>,
        /// What must come out.
        hash: Vec<u8>,
    },
}

/// One word of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// It began with `!`.
    pub(crate) negated: bool,
    /// In lower case.
    pub(crate) text: String,
}

impl Hosts {
    /// Whether the line is for this name, which is in lower case.
    pub(crate) fn match_name(&self, name: &str) -> bool {
        match self {
            Self::Patterns(patterns) => {
                let hit = |pattern: &&Pattern| matches(&pattern.text, name);
                let mut hits = patterns.iter().filter(hit).peekable();
                hits.peek().is_some() && hits.all(|pattern| !pattern.negated)
            }
            Self::Hashed { salt, hash } => hashed(salt, name).verify_slice(hash).is_ok(),
        }
    }

    /// The names, if the line is for these and no others.
    pub(crate) fn exact(&self) -> Option<impl Iterator<Item = &str>> {
        match self {
            Self::Patterns(patterns)
                if patterns.iter().all(|p| !p.negated && !p.text.contains(['*', '?'])) =>
            {
                Some(patterns.iter().map(|p| p.text.as_str()))
            }
            _ => None,
        }
    }
}

/// The HMAC of a name under a salt.
pub(crate) fn hashed(salt: &[u8], name: &str) -> Hmac<Sha1> {
    let mut mac = Hmac::<Sha1>::new_from_slice(salt).expect("HMAC takes keys of any length");
    mac.update(name.as_bytes());
    mac
}

/// Shell-like matching with `*` and `?` only, in time that is linear for each star.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut seen) = (0, 0);
    let mut star = None;
    while seen < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(&c) if c == b'?' || c == name[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                Some((place, from)) => {
                    star = Some((place, from + 1));
                    at = place + 1;
                    seen = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_match_as_in_openssh() {
        for (pattern, name, expected) in [
            ("web1", "web1", true),
            ("web1", "web10", false),
            ("*", "", true),
            ("*", "anything", true),
            ("web?", "web1", true),
            ("web?", "web", false),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "example.com", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("*a", "aaaa", true),
            ("[web1]:2222", "[web1]:2222", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_full_of_stars_costs_no_eternity() {
        let name = "a".repeat(2000);
        assert!(!matches(&format!("{}b", "*a".repeat(500)), &name));
    }

    #[test]
    fn a_negated_pattern_that_matches_ends_the_matter() {
        let list = |words: &[&str]| {
            Hosts::Patterns(
                words
                    .iter()
                    .map(|w| Pattern {
                        negated: w.starts_with('!'),
                        text: w.trim_start_matches('!').to_owned(),
                    })
                    .collect(),
            )
        };
        let hosts = list(&["*.example.com", "!db.example.com"]);
        assert!(hosts.match_name("web.example.com"));
        assert!(!hosts.match_name("db.example.com"));
        assert!(!list(&["!db.example.com"]).match_name("web.example.com"));
    }
}
