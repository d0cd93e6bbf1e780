//! What the `ssh` program says when it fails, as our own kinds of errors.

use crate::{Endpoint, Error};

/// What the program says when another attempt may go better.
const EARLY: &[&str] = &[
    "Connection closed by",
    "Connection reset by",
    "kex_exchange_identification",
    "Exceeded MaxStartups",
    "Broken pipe",
];
const UNREACHABLE: &[&str] = &[
    "Connection refused",
    "Connection timed out",
    "Operation timed out",
    "No route to host",
    "Network is unreachable",
    "Host is down",
    "stdio forwarding failed",
];

/// Makes an error of what the program wrote. `why` says why it was called at all.
pub(super) fn read(said: &str, endpoint: &Endpoint, why: &str) -> Error {
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let line = told(said);
    let address = endpoint.host.clone();
    if said.contains("Permission denied (") || said.contains("Too many authentication failures") {
        let password = match endpoint.password {
            Some(_) => "; the ssh program takes no password from us",
            None => "",
        };
        return Error::Auth {
            user: endpoint.user.clone().unwrap_or_else(|| "ssh".into()),
            address,
            detail: format!(" ({line}; by the ssh program, since {why}{password})"),
            beyond: None,
        };
    }
    if said.contains("Could not resolve hostname") {
        return Error::Resolve { host: address, why: line };
    }
    if said.contains("Host key verification failed") {
        return Error::Program(format!("{line} (host key verification failed)"));
    }
    if has(UNREACHABLE) {
        return Error::Unreachable { address, source: std::io::Error::other(line) };
    }
    if has(EARLY) {
        return Error::Closed { address, why: line };
    }
    Error::Program(if line.is_empty() { "it ended and says nothing".into() } else { line })
}

/// The line that tells most: the last that is neither empty nor a mere epilogue. A changed key is told in a box.
fn told(said: &str) -> String {
    if let Some(line) = said.lines().find(|line| line.contains("HOST IDENTIFICATION HAS CHANGED")) {
        let words = line.trim_matches(|c: char| c == '@' || c.is_whitespace());
        let place = said.lines().find(|line| line.starts_with("Offending")).unwrap_or_default();
        return format!("{words} {place}").trim().chars().filter(|c| !c.is_control()).collect();
    }
    let telling = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with("Host key verification failed") && !line.starts_with("Warning:")
    };
    let line = said.lines().rfind(telling).unwrap_or_default().trim();
    line.chars().filter(|c| !c.is_control()).take(400).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_says_becomes_an_error_of_its_kind() {
        let endpoint = Endpoint::new("web1");
        for (said, transient, expected) in [
            (
                "ssh: connect to host web1 port 22: Connection refused\r\n",
                true,
                "cannot connect to web1: ssh: connect",
            ),
            (
                "kex_exchange_identification: Connection closed by remote host\r\n",
                true,
                "web1 closed the connection",
            ),
            (
                "a@web1: Permission denied (publickey).\r\n",
                false,
                "ssh@web1: permission denied (a@web1: Permission",
            ),
            (
                "No ED25519 host key is known for web1 and you have requested strict checking.\nHost key verification failed.\n",
                false,
                "ssh program: No ED25519 host key is known",
            ),
            ("ssh: Could not resolve hostname web1: Name or service not known", false, "cannot resolve web1"),
            ("", false, "ssh program: it ended and says nothing"),
        ] {
            let error = read(said, &endpoint, "a reason");
            assert_eq!(error.is_transient(), transient, "{said}");
            assert!(error.to_string().starts_with(expected), "{error}");
        }
    }
}
