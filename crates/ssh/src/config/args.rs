//! Which words of the inventory may reach OpenSSH's command line.

use crate::Error;

/// Options that take a word, attached or after them. What is missing here would make `ssh` do something else
/// than connect: forward (`-W`), query (`-Q`), control a master (`-O`), write a log file (`-E`).
const WITH_WORD: &str = "BbceFIiJlmopS";
/// Options that stand alone.
const FLAGS: &str = "46AaCKknqTtvXxYy";

/// Refuses words that are no options, options that would turn `ssh` into something else, and words that no
/// command line should hold. A word of its own would be taken for the host, or for the command.
pub(crate) fn check_args(args: &[String]) -> Result<(), Error> {
    let refuse = |arg: &str, why| {
        let name = arg.chars().take(80).flat_map(char::escape_debug).collect();
        Err(Error::Name { kind: "ssh argument", name, why })
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg.chars().any(char::is_control) {
            return refuse(arg, "holds a control character");
        }
        let Some(letters) = arg.strip_prefix('-') else {
            return refuse(arg, "is no option");
        };
        match takes_word(letters) {
            Some(Takes::Nothing) => {}
            Some(Takes::Next) => match args.next() {
                None => return refuse(arg, "lacks its word"),
                Some(word) if word.chars().any(char::is_control) => {
                    return refuse(word, "holds a control character");
                }
                Some(_) => {}
            },
            None => return refuse(arg, "is not for connections that Windlass makes"),
        }
    }
    Ok(())
}

/// What the words say of the configuration file: `-F FILE`, attached or not.
pub(super) fn config_file(args: &[String]) -> Option<&str> {
    let mut args = args.iter();
    let mut file = None;
    while let Some(arg) = args.next() {
        let letters = arg.strip_prefix('-').unwrap_or_default();
        let at = letters.find(|c| WITH_WORD.contains(c));
        let Some(at) = at else { continue };
        let attached = &letters[at + 1..];
        let word = if attached.is_empty() { args.next().map(String::as_str) } else { Some(attached) };
        if letters[at..].starts_with('F') {
            file = word;
        }
    }
    file
}

enum Takes {
    Nothing,
    Next,
}

/// Reads a bundle like `-tto`: flags, and at most one option with a word at its end.
fn takes_word(letters: &str) -> Option<Takes> {
    if letters.is_empty() {
        return None;
    }
    for (at, letter) in letters.char_indices() {
        if WITH_WORD.contains(letter) {
            let attached = at + letter.len_utf8() < letters.len();
            return Some(if attached { Takes::Nothing } else { Takes::Next });
        }
        if !FLAGS.contains(letter) {
            return None;
        }
    }
    Some(Takes::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn options_for_connections_pass() {
        for text in [
            "",
            "-C -o ControlMaster=auto -o ControlPersist=60s",
            "-oStrictHostKeyChecking=no",
            "-4vvv -J bastion -F /tmp/config",
            "-ttoUser=x",
        ] {
            assert!(check_args(&words(text)).is_ok(), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "otherhost",
            "-o",
            "-W a:1",
            "-O exit",
            "-Q cipher",
            "-",
            "--",
            "-f",
            "-N",
            "-vW x",
            "-G",
            "-E log",
        ] {
            assert!(check_args(&words(text)).is_err(), "{text}");
        }
        assert!(check_args(&["-o".into(), "User=a\nProxyCommand id".into()]).is_err());
        assert!(check_args(&["-oUser=a\0".into()]).is_err());
    }

    #[test]
    fn the_configuration_file_is_the_last_one_named() {
        assert_eq!(config_file(&words("-C -F a -vFb -o F=c")), Some("b"));
        assert_eq!(config_file(&words("-C -o F=c")), None);
    }
}
