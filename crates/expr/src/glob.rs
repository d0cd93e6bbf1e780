//! Patterns of file names: `*.conf`, `host[0-9]?`, and the files that fit one.

use minijinja::Error;

use crate::here::ask;
use crate::meter::{charge, charge_nodes};
use crate::outside::PlaceKind;

/// A pattern of one name. A name that starts with a dot fits only a pattern that starts with one.
pub(crate) struct Glob(Vec<Part>);

enum Part {
    Letter(char),
    Any,
    Many,
    /// One of some ranges of letters, or none of them.
    Class(bool, Vec<(char, char)>),
}

impl Glob {
    pub(crate) fn new(pattern: &str) -> Glob {
        let mut parts = Vec::new();
        let mut rest = pattern;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '?' => parts.push(Part::Any),
                '*' if matches!(parts.last(), Some(Part::Many)) => {}
                '*' => parts.push(Part::Many),
                '[' => match class(rest) {
                    Some((part, after)) => {
                        parts.push(part);
                        rest = after;
                    }
                    None => parts.push(Part::Letter('[')),
                },
                c => parts.push(Part::Letter(c)),
            }
        }
        Glob(parts)
    }

    /// Whether there is anything of a pattern in it.
    pub(crate) fn is_plain(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Letter(_)))
    }

    pub(crate) fn fits(&self, name: &str) -> bool {
        if name.starts_with('.') && !matches!(self.0.first(), Some(Part::Letter('.'))) {
            return false;
        }
        let name: Vec<char> = name.chars().collect();
        let (mut at, mut part) = (0, 0);
        // The last `*`, and where what it took ends: taking one letter more is all that need be tried.
        let mut star: Option<(usize, usize)> = None;
        while at < name.len() {
            match self.0.get(part) {
                Some(Part::Many) => {
                    star = Some((part, at));
                    part += 1;
                }
                Some(one) if one.fits(name[at]) => (at, part) = (at + 1, part + 1),
                _ => match star {
                    Some((many, end)) => {
                        star = Some((many, end + 1));
                        (at, part) = (end + 1, many + 1);
                    }
                    None => return false,
                },
            }
        }
        self.0[part..].iter().all(|part| matches!(part, Part::Many))
    }
}

impl Part {
    fn fits(&self, c: char) -> bool {
        match self {
            Part::Letter(letter) => *letter == c,
            Part::Any | Part::Many => true,
            Part::Class(wanted, ranges) => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) == *wanted
            }
        }
    }
}

/// What stands between brackets, and what follows them. A bracket that comes first is a letter.
fn class(text: &str) -> Option<(Part, &str)> {
    let (wanted, inner) = match text.strip_prefix('!') {
        Some(inner) => (false, inner),
        None => (true, text),
    };
    let first = inner.chars().next()?.len_utf8();
    let end = first + inner[first..].find(']')?;
    let letters: Vec<char> = inner[..end].chars().collect();
    let mut ranges = Vec::new();
    let mut rest = letters.as_slice();
    while let Some((from, after)) = rest.split_first() {
        match after {
            ['-', to, more @ ..] => {
                ranges.push((*from, *to));
                rest = more;
            }
            more => {
                ranges.push((*from, *from));
                rest = more;
            }
        }
    }
    Some((Part::Class(wanted, ranges), &inner[end + 1..]))
}

/// A file that a pattern names.
pub(crate) struct Hit {
    /// Its path, as relative as the pattern.
    pub name: String,
    /// Its whole path.
    pub whole: String,
}

/// The files in a folder whose names fit, in order.
pub(crate) fn files(folder: &str, pattern: &Glob) -> Result<Vec<Hit>, Error> {
    let names = names(folder, pattern)?;
    only_files(names.iter().map(|name| joined(folder, name)))
}

/// The files that a pattern names, any part of which may be one.
pub(crate) fn files_of(pattern: &str) -> Result<Vec<Hit>, Error> {
    let paths = paths(pattern)?;
    charge(paths.len() * 1024)?;
    only_files(paths.into_iter())
}

fn only_files(names: impl Iterator<Item = String>) -> Result<Vec<Hit>, Error> {
    let mut out = Vec::new();
    for name in names {
        let place = ask(|outside| outside.look(&name))?;
        if place.kind == PlaceKind::File {
            out.push(Hit { name, whole: place.path });
        }
    }
    Ok(out)
}

/// The names in a folder that fit, in order; none where there is no folder.
fn names(folder: &str, pattern: &Glob) -> Result<Vec<String>, Error> {
    if ask(|outside| outside.look(folder))?.kind != PlaceKind::Folder {
        return Ok(Vec::new());
    }
    let mut names = ask(|outside| outside.list(folder))?;
    charge_nodes(names.len())?;
    charge(names.iter().map(String::len).sum())?;
    names.retain(|name| pattern.fits(name));
    names.sort();
    Ok(names)
}

fn joined(folder: &str, name: &str) -> String {
    match folder {
        "" | "." => name.to_owned(),
        folder => format!("{}/{name}", folder.trim_end_matches('/')),
    }
}

/// The paths that a pattern names, any part of which may be one, as Python's `glob` finds them.
fn paths(pattern: &str) -> Result<Vec<String>, Error> {
    let mut found = vec![if pattern.starts_with('/') { "/".to_owned() } else { String::new() }];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let glob = Glob::new(part);
        let mut next = Vec::new();
        for folder in found {
            match glob.is_plain() {
                true => next.push(joined(&folder, part)),
                false => {
                    let all = names(if folder.is_empty() { "." } else { &folder }, &glob)?;
                    next.extend(all.iter().map(|name| joined(&folder, name)));
                }
            }
        }
        charge_nodes(next.len())?;
        found = next;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn patterns_fit_as_in_a_shell() {
        let cases = [
            ("*.conf", "a.conf", true),
            ("*.conf", ".conf", false),
            (".*", ".conf", true),
            ("*", "", true),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "aXbY", false),
            ("host[0-9]?", "host12", true),
            ("host[!0-9]", "host1", false),
            ("[]x]", "]", true),
            ("[a", "[a", true),
            ("?", "é", true),
            ("**a", "ba", true),
            ("[a-]", "-", true),
        ];
        for (pattern, name, fits) in cases {
            assert_eq!(Glob::new(pattern).fits(name), fits, "{pattern} {name}");
        }
        let slow = format!("{}b", "*a".repeat(30));
        assert!(!Glob::new(&slow).fits(&"a".repeat(3_000)), "it takes no time that explodes");
    }
}
