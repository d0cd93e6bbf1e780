//! What must hold of everything that is read from text which somebody else wrote: for the fuzz target, and for a
//! property test.

use crate::config::{Dump, check_args, read_hops};
use crate::endpoint::{check_host, check_user};
use crate::known::check_file;

/// Reads a text as a `known_hosts` file, as names, arguments and jump hosts, and as the output of `ssh -G`.
///
/// # Panics
/// Where what was read is not what it should be.
pub fn read(text: &str) {
    let first = text.lines().next().unwrap_or_default();
    check_file(text, first);
    for word in [text, first] {
        if check_host(word).is_ok() {
            assert!(harmless(word), "{word:?}");
        }
        if check_user(word).is_ok() {
            assert!(harmless(word), "{word:?}");
        }
        for hop in read_hops(word).unwrap_or_default() {
            assert!(harmless(&hop.host) && hop.user.as_deref().is_none_or(harmless), "{word:?}");
            assert!(hop.port != Some(0), "{word:?}");
        }
    }
    let args: Vec<String> = text.split(' ').map(str::to_owned).collect();
    if check_args(&args).is_ok() {
        assert!(!text.chars().any(char::is_control) && args[0].starts_with('-'), "{text:?}");
    }
    let dump = Dump::parse(text);
    assert!(dump.differing(&dump).is_empty(), "{text:?}");
}

/// Neither an option nor more than one word, for any shell.
fn harmless(word: &str) -> bool {
    let meta = |c: char| c.is_whitespace() || c.is_control() || "'\"`$;&|<>(){}[]*?!~".contains(c);
    !word.is_empty() && !word.starts_with('-') && !word.contains(meta)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    /// Lines that are likely to mean something.
    fn line() -> impl Strategy<Value = String> {
        let marker = prop::sample::select(vec!["", "", "@revoked ", "@cert-authority ", "@x "]);
        (marker, "[a-c*?!,.:\\[\\]|1=]{0,9}").prop_map(|(marker, hosts)| format!("{marker}{hosts} {KEY}\n"))
    }

    proptest! {
        #[test]
        fn hostile_texts_are_read_as_nothing_worse(text in "(?s).{0,60}|[-a-z@:,\\[\\] %.;]{0,20}") {
            super::read(&text);
        }

        #[test]
        fn files_are_searched_as_if_line_by_line(name in "[a-c.]{0,4}", lines in prop::collection::vec(line(), 0..6)) {
            super::read(&format!("{name}\n{}", lines.concat()));
        }
    }
}
