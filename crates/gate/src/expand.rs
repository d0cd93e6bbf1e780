//! `~` and `$NAME` in parameters, as Python's `expanduser` and `expandvars` do it.

use std::{collections::BTreeMap, env};

use crate::{fsops::ids, view::Fs};

/// Both expansions; names that are not set stay as they were written.
pub(crate) fn path(text: &str, extra: &BTreeMap<String, String>, fs: Fs<'_>) -> String {
    home(&vars(text, extra), extra, fs)
}

fn lookup(name: &str, extra: &BTreeMap<String, String>) -> Option<String> {
    extra.get(name).cloned().or_else(|| env::var(name).ok())
}

fn vars(text: &str, extra: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, length) = match after.strip_prefix('{') {
            Some(braced) => match braced.find('}') {
                Some(end) => (&braced[..end], end + 2),
                None => ("", 0),
            },
            None => {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        match lookup(name, extra).filter(|_| !name.is_empty()) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[at..=at + length]),
        }
        rest = &after[length..];
    }
    out.push_str(rest);
    out
}

fn home(text: &str, extra: &BTreeMap<String, String>, fs: Fs<'_>) -> String {
    let Some(after) = text.strip_prefix('~') else { return text.to_owned() };
    let end = after.find('/').unwrap_or(after.len());
    let (user, rest) = after.split_at(end);
    let dir = if user.is_empty() {
        lookup("HOME", extra).or_else(|| ids::home_of_uid(rustix::process::getuid().as_raw(), fs))
    } else {
        ids::home_of_name(user, fs)
    };
    dir.map_or_else(|| text.to_owned(), |dir| format!("{}{rest}", dir.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_homes() {
        let extra = BTreeMap::from([
            ("A".to_owned(), "x y".to_owned()),
            ("HOME".to_owned(), "/h/".to_owned()),
            ("A_1".to_owned(), "n".to_owned()),
        ]);
        for (text, expected) in [
            ("$A/b", "x y/b"),
            ("${A}b$A_1.", "x ybn."),
            ("$WINDLASS_NO_SUCH_NAME-${NEITHER_THIS}", "$WINDLASS_NO_SUCH_NAME-${NEITHER_THIS}"),
            ("cost: 5$", "cost: 5$"),
            ("${unclosed", "${unclosed"),
            ("$é", "$é"),
            ("~", "/h"),
            ("~/x", "/h/x"),
            ("~no-such-user-here/x", "~no-such-user-here/x"),
            ("a~", "a~"),
        ] {
            assert_eq!(path(text, &extra, Fs::DISK), expected, "{text}");
        }
    }
}
