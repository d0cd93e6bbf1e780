//! Shell patterns for names as Python's `fnmatch` has them: `*`, `?`, `[a-z]`, `[!a-z]`.

/// One part of a pattern.
#[derive(Debug)]
enum Part {
    Char(char),
    /// `?`
    Any,
    /// `*`
    Run,
    /// Characters from the first to the last of each pair, or all others.
    Set {
        pairs: Vec<(char, char)>,
        negated: bool,
    },
}

/// A pattern that names are compared with.
#[derive(Debug)]
pub(super) struct Glob(Vec<Part>);

impl Glob {
    /// Reads a pattern. Every text is one: a bracket that does not close stands for itself.
    pub(super) fn new(pattern: &str) -> Self {
        let chars: Vec<char> = pattern.chars().collect();
        let mut parts = Vec::new();
        let mut at = 0;
        while at < chars.len() {
            let part = match chars[at] {
                '*' => Part::Run,
                '?' => Part::Any,
                '[' => match set(&chars[at + 1..]) {
                    Some((part, len)) => {
                        at += len;
                        part
                    }
                    None => Part::Char('['),
                },
                c => Part::Char(c),
            };
            at += 1;
            if !matches!((&part, parts.last()), (Part::Run, Some(Part::Run))) {
                parts.push(part);
            }
        }
        Self(parts)
    }

    /// Whether the whole of a name matches.
    pub(super) fn matches(&self, name: &str) -> bool {
        let (mut part, mut rest) = (0, name.chars());
        // Where to go on when what follows a run does not match: with one character more in the run.
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            let ends = match self.0.get(part) {
                Some(Part::Run) => {
                    part += 1;
                    retry = Some((part, rest.clone()));
                    continue;
                }
                Some(one) => !rest.next().is_some_and(|c| one.takes(c)),
                None => rest.next().is_some(),
            };
            if !ends {
                if part == self.0.len() {
                    return true;
                }
                part += 1;
                continue;
            }
            let Some((after, mut from)) = retry.take() else { return false };
            if from.next().is_none() {
                return false;
            }
            part = after;
            rest = from.clone();
            retry = Some((after, from));
        }
    }
}

impl Part {
    fn takes(&self, c: char) -> bool {
        match self {
            Part::Char(other) => c == *other,
            Part::Any | Part::Run => true,
            Part::Set { pairs, negated } => {
                pairs.iter().any(|(first, last)| (*first..=*last).contains(&c)) != *negated
            }
        }
    }
}

/// The set that begins after a bracket, and how long it is with the bracket that ends it.
fn set(chars: &[char]) -> Option<(Part, usize)> {
    let negated = chars.first() == Some(&'!');
    let start = usize::from(negated);
    // A bracket right at the beginning is a member.
    let skip = start + usize::from(chars.get(start) == Some(&']'));
    let end = skip + chars.get(skip..)?.iter().position(|c| *c == ']')?;
    let members = &chars[start..end];
    let mut pairs = Vec::new();
    let mut at = 0;
    while at < members.len() {
        match members[at..] {
            [first, '-', last, ..] => {
                pairs.push((first, last));
                at += 3;
            }
            _ => {
                pairs.push((members[at], members[at]));
                at += 1;
            }
        }
    }
    Some((Part::Set { pairs, negated }, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `fnmatch.fnmatchcase` says.
    #[test]
    fn names_match_as_in_python() {
        for (pattern, names, others) in [
            ("web*", &["web", "web1"][..], &["aweb", "Web"][..]),
            ("*", &["", "x"], &[]),
            ("*.example.com", &["a.example.com", ".example.com"], &["example.com", "a.example.com.x"]),
            ("w?b", &["web", "w\u{e4}b"], &["wb", "weeb"]),
            ("web[12]", &["web1", "web2"], &["web3", "web"]),
            ("web[1-3]", &["web1", "web3"], &["web4", "web-"]),
            ("web[!1-3]", &["web4"], &["web1", "web"]),
            ("[]a]", &["]", "a"], &["b"]),
            ("[!]a]", &["b"], &["]", "a"]),
            ("[a-]", &["a", "-"], &["b"]),
            ("[-a]", &["a", "-"], &["b"]),
            ("[z-a]", &[], &["z", "a", "m"]),
            ("[!z-a]", &["x"], &[]),
            ("[a", &["[a"], &["a"]),
            ("a**b", &["ab", "axxb"], &["a"]),
            ("*a*b*", &["ab", "xaxbx", "aab"], &["ba"]),
            ("a.b", &["a.b"], &["axb"]),
            ("[a-c-e]", &["a", "c", "-", "e"], &["d"]),
            ("", &[""], &["x"]),
        ] {
            let glob = Glob::new(pattern);
            names.iter().for_each(|name| assert!(glob.matches(name), "{pattern} {name:?}"));
            others.iter().for_each(|name| assert!(!glob.matches(name), "{pattern} {name:?}"));
        }
    }

    #[test]
    fn many_stars_take_little_time() {
        let glob = Glob::new(&"*a".repeat(200));
        assert!(!glob.matches(&"a".repeat(5000).replace("aaaaa", "aaaab")[..199]));
    }
}
