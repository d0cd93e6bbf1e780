//! One line of a `known_hosts` file.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::pattern::{Hosts, Pattern};

/// Where a line stands: `FILE:NUMBER`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// The line, from one.
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// What a line says of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    /// It is the host's.
    Key,
    /// It signs the certificates of hosts.
    Authority,
    /// It must never be taken.
    Revoked,
}

/// One line that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) marker: Marker,
    pub(crate) hosts: Hosts,
    /// The key's type, as inside the key.
    pub(crate) kind: String,
    /// The key as it travels.
    pub(crate) blob: Vec<u8>,
    pub(crate) place: Place,
}

/// Reads one line; nothing for comments, empty lines, and lines that OpenSSH would skip as well.
pub(crate) fn parse(text: &str, place: Place) -> Option<Line> {
    let text = text.trim();
    if text.is_empty() || text.starts_with('#') {
        return None;
    }
    let mut words = text.split_ascii_whitespace();
    let mut word = words.next()?;
    let marker = match word {
        "@cert-authority" => Marker::Authority,
        "@revoked" => Marker::Revoked,
        // A marker that we do not know must not turn into a host's name.
        other if other.starts_with('@') => return None,
        _ => Marker::Key,
    };
    if marker != Marker::Key {
        word = words.next()?;
    }
    let hosts = hosts(word)?;
    let kind = words.next()?;
    let blob = STANDARD.decode(words.next()?).ok()?;
    // The type stands twice: before the key and in it. A line in which they differ is damaged.
    (kind_of(&blob)? == kind).then(|| Line { marker, hosts, kind: kind.to_owned(), blob, place })
}

/// The first string of a key as it travels: its type.
fn kind_of(blob: &[u8]) -> Option<&str> {
    let length = u32::from_be_bytes(blob.get(..4)?.try_into().ok()?);
    let end = usize::try_from(length).ok()?.checked_add(4)?;
    std::str::from_utf8(blob.get(4..end)?).ok()
}

fn hosts(word: &str) -> Option<Hosts> {
    if let Some(rest) = word.strip_prefix('|') {
        let mut parts = rest.split('|');
        let (Some("1"), Some(salt), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        return Some(Hosts::Hashed { salt: STANDARD.decode(salt).ok()?, hash: STANDARD.decode(hash).ok()? });
    }
    let patterns = word.split(',').filter(|p| !p.is_empty()).map(|word| {
        let text = word.strip_prefix('!');
        Pattern { negated: text.is_some(), text: text.unwrap_or(word).to_ascii_lowercase() }
    });
    Some(Hosts::Patterns(patterns.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    fn place() -> Place {
        Place { file: Path::new("known_hosts").into(), line: 3 }
    }

    fn read(text: &str) -> Option<Line> {
        parse(text, place())
    }

    #[test]
    fn lines_mean_what_they_mean_to_openssh() {
        for (text, name, marker) in [
            (format!("web1 {KEY}"), "web1", Marker::Key),
            (format!("  web1,10.0.0.1 {KEY} a comment"), "10.0.0.1", Marker::Key),
            (format!("WEB1 {KEY}"), "web1", Marker::Key),
            (format!("[web1]:2222 {KEY}"), "[web1]:2222", Marker::Key),
            (format!("@cert-authority *.example.com {KEY}"), "a.example.com", Marker::Authority),
            (format!("@revoked\t*\t{KEY}"), "web1", Marker::Revoked),
            // HMAC-SHA1 of the name `hashed.example.com`.
            (
                format!("|1|c2FsdHNhbHRzYWx0c2FsdHNhbHQ=|H6kYmtQ1mpybKTb5X/fgCW2KIV0= {KEY}"),
                "hashed.example.com",
                Marker::Key,
            ),
        ] {
            let line = read(&text).unwrap_or_else(|| panic!("{text} is a line"));
            assert_eq!(line.marker, marker, "{text}");
            assert!(line.hosts.match_name(name), "{text}");
            assert_eq!(line.hosts.match_name("other"), text.contains('\t'), "{text}");
            assert_eq!(line.kind, "ssh-ed25519");
        }
    }

    #[test]
    fn lines_that_say_nothing_are_skipped() {
        let cut = &KEY[..KEY.len() - 3];
        for text in [
            "",
            "# web1",
            "web1",
            "web1 ssh-ed25519",
            "web1 ssh-ed25519 !!!",
            &format!("web1 {cut}"),
            &format!("web1 {}", KEY.replace("ssh-ed25519", "ssh-rsa")),
            &format!("@unknown web1 {KEY}"),
            &format!("@revoked {KEY}"),
            &format!("|2|c2FsdA==|c2FsdA== {KEY}"),
            &format!("|1|c2FsdA== {KEY}"),
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
