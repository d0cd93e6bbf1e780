//! Whether anything matches a path with wildcards, as Python's `glob` decides it.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

use crate::view::Fs;

/// Whether a path with `*`, `?` and `[…]` in it, relative to `base`, matches anything that is there. Names that
/// begin with a dot match only a pattern that does too; wildcards in `base` are plain letters.
pub(crate) fn any(base: &Path, pattern: &Path, fs: Fs<'_>) -> bool {
    let parts: Vec<Component<'_>> = pattern.components().collect();
    matches(base.to_owned(), &parts, fs, &mut |_| true)
}

/// Everything that matches such a path, in no particular order.
pub(crate) fn list(base: &Path, pattern: &Path, fs: Fs<'_>) -> Vec<PathBuf> {
    let parts: Vec<Component<'_>> = pattern.components().collect();
    let mut found = Vec::new();
    matches(base.to_owned(), &parts, fs, &mut |path| {
        found.push(path);
        false
    });
    found
}

/// Tells of every match, until one is enough.
fn matches(
    base: PathBuf,
    parts: &[Component<'_>],
    fs: Fs<'_>,
    enough: &mut dyn FnMut(PathBuf) -> bool,
) -> bool {
    let Some((part, rest)) = parts.split_first() else {
        return fs.symlink_metadata(&base).is_ok() && enough(base);
    };
    let name = part.as_os_str();
    if !name.as_bytes().iter().any(|byte| b"*?[".contains(byte)) {
        return matches(base.join(name), rest, fs, enough);
    }
    let Ok(names) = fs.names(&base) else { return false };
    names.iter().any(|found| name_matches(name, found) && matches(base.join(found), rest, fs, enough))
}

/// Whether a text matches a pattern as a whole, as Python's `fnmatch` decides it: dots and slashes are letters
/// as all others.
pub(crate) fn fnmatch(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    wild(&pattern, &text)
}

fn name_matches(pattern: &OsStr, name: &OsStr) -> bool {
    let (pattern, name) = (pattern.to_string_lossy(), name.to_string_lossy());
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    (name.first() != Some(&'.') || pattern.first() == Some(&'.')) && wild(&pattern, &name)
}

/// Matches with one point to return to, the last star, so that the work is bounded by the two lengths.
fn wild(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => class(&pattern[p..], name[n]),
            Some(c) => (*c == name[n]).then_some(1),
            None => None,
        };
        match (step, star) {
            (Some(length), _) => (p, n) = (p + length, n + 1),
            (None, Some((at, from))) => {
                (p, n) = (at + 1, from + 1);
                star = Some((at, from + 1));
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The length of a bracket expression that matches the letter. One that is not closed is a plain bracket.
fn class(pattern: &[char], letter: char) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let first = if negated { 2 } else { 1 };
    let Some(length) = pattern.iter().skip(first + 1).position(|c| *c == ']') else {
        return (letter == '[').then_some(1);
    };
    let set = &pattern[first..first + 1 + length];
    let mut found = false;
    let mut at = 0;
    while at < set.len() {
        if at + 2 < set.len() && set[at + 1] == '-' {
            found |= (set[at]..=set[at + 2]).contains(&letter);
            at += 3;
        } else {
            found |= set[at] == letter;
            at += 1;
        }
    }
    (found != negated).then_some(first + length + 2)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn names_match_as_in_python() {
        for (pattern, name, expected) in [
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("*b*", "abc", true),
            ("a?c", "abc", true),
            ("a?", "abc", false),
            ("*", ".hidden", false),
            (".*", ".hidden", true),
            ("[ab]x", "bx", true),
            ("[!ab]x", "bx", false),
            ("[a-c]*", "cat", true),
            ("[]]", "]", true),
            ("[a", "[a", true),
            ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("ü*", "über", true),
        ] {
            assert_eq!(name_matches(OsStr::new(pattern), OsStr::new(name)), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn paths_match_through_folders() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("one")).unwrap();
        fs::write(dir.path().join("one/file.txt"), "").unwrap();
        assert!(any(Path::new("/no such folder"), dir.path(), Fs::DISK));
        for (pattern, expected) in [
            ("one", true),
            ("o*/*.txt", true),
            ("o*/*.md", false),
            ("two", false),
            ("one/../one/file.txt", true),
        ] {
            assert_eq!(any(dir.path(), Path::new(pattern), Fs::DISK), expected, "{pattern}");
        }
    }
}
