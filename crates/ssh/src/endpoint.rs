//! Where to connect, as the inventory says it, and which names are refused before anything is started.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Error, Secret};

/// Where and how to connect, as the inventory says it: before `ssh_config` is applied.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Endpoint {
    /// The name in the inventory, for messages.
    pub name: String,
    /// The address or the alias that `ssh_config` knows.
    pub host: String,
    /// The port, where the inventory names one.
    pub port: Option<u16>,
    /// The user, where the inventory names one.
    pub user: Option<String>,
    /// A password for the `password` and `keyboard-interactive` methods.
    #[serde(skip)]
    pub password: Option<Secret>,
    /// Private keys that the inventory names.
    pub identity_files: Vec<PathBuf>,
    /// Words for OpenSSH's command line (`ansible_ssh_common_args` and friends), split.
    pub ssh_args: Vec<String>,
    /// What to do about a host key that is not known.
    pub host_key_checking: HostKeys,
    /// How long the connection may take until the server has proved who it is.
    pub connect_timeout: Duration,
}

/// What to do about a host key that is not known. A changed or revoked key is refused by the first two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum HostKeys {
    /// Refuse it, unless the user's `ssh_config` is explicitly more lenient.
    #[default]
    Strict,
    /// Write it to the user's `known_hosts` and go on.
    AcceptNew,
    /// Take any key that is not revoked; never send a password to a host whose key has changed.
    Off,
}

impl Endpoint {
    /// An endpoint with this host, and everything else left to the configuration.
    #[must_use]
    pub fn new(host: &str) -> Self {
        Self {
            name: host.to_owned(),
            host: host.to_owned(),
            port: None,
            user: None,
            password: None,
            identity_files: Vec::new(),
            ssh_args: Vec::new(),
            host_key_checking: HostKeys::Strict,
            connect_timeout: Duration::from_secs(10),
        }
    }

    /// The same, with `~/` of its key files made out.
    pub(crate) fn at_home(&self, home: &Path) -> Self {
        let made_out = |file: &PathBuf| match file.strip_prefix("~") {
            Ok(rest) => home.join(rest),
            Err(_) => file.clone(),
        };
        Self { identity_files: self.identity_files.iter().map(made_out).collect(), ..self.clone() }
    }

    /// Refuses what could be read as an option or by a shell.
    pub(crate) fn check(&self) -> Result<(), Error> {
        check_host(&self.host)?;
        if let Some(user) = &self.user {
            check_user(user)?;
        }
        for file in &self.identity_files {
            let text = file.to_string_lossy();
            if text.starts_with('-') || text.chars().any(char::is_control) {
                return Err(Error::Name {
                    kind: "identity file",
                    name: printable(&text),
                    why: "begins with a dash or holds a control character",
                });
            }
        }
        crate::config::check_args(&self.ssh_args)
    }
}

/// Host names end up in the argument lists of `ssh` and in the command lines of proxies.
pub(crate) fn check_host(host: &str) -> Result<(), Error> {
    let refuse = |why| Err(Error::Name { kind: "host", name: printable(host), why });
    if host.is_empty() {
        return refuse("is empty");
    }
    if host.starts_with('-') {
        return refuse("begins with a dash");
    }
    if host.len() > 255 {
        return refuse("is longer than 255 bytes");
    }
    // A percent sign names the zone of an IPv6 address; elsewhere `ssh` would expand it.
    let zoned = host.contains(':');
    let allowed =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':') || (zoned && c == '%');
    if host.chars().all(allowed) { Ok(()) } else { refuse("holds a character that no host name has") }
}

/// User names may be those of a domain or a bastion (`CORP\ann`, `ann@db1`), but no shell may see more in them.
pub(crate) fn check_user(user: &str) -> Result<(), Error> {
    let refuse = |why| Err(Error::Name { kind: "user", name: printable(user), why });
    if user.is_empty() {
        return refuse("is empty");
    }
    if user.starts_with('-') || user.starts_with('#') {
        return refuse("begins with a dash or a hash");
    }
    if user.ends_with('\\') {
        return refuse("ends with a backslash");
    }
    let allowed = |c: char| {
        c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+' | '=' | '\\' | '%' | '#' | ':' | '/')
    };
    if user.chars().all(allowed) { Ok(()) } else { refuse("holds a character that no user name has") }
}

/// What is refused is shown without control characters and not at any length.
fn printable(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_are_none_are_refused() {
        for host in ["web1", "web-1.example.com", "10.0.0.1", "::1", "fe80::1%eth0", "a_b"] {
            assert!(check_host(host).is_ok(), "{host}");
        }
        let long = "a".repeat(256);
        for host in [
            "",
            "-oProxyCommand=id",
            "a b",
            "a\nb",
            "a;b",
            "$(id)",
            "`id`",
            "a|b",
            "a'b",
            "a%h",
            "a/b",
            "u@h",
            "a\0",
            "é",
            &long,
        ] {
            assert!(check_host(host).is_err(), "{host:?}");
        }
    }

    #[test]
    fn users_that_are_none_are_refused() {
        for user in ["root", "ann@example.com", "CORP\\ann", "ann@db#22", "svc+x", "jörg"] {
            assert!(check_user(user).is_ok(), "{user}");
        }
        for user in ["", "-l", "#x", "a b", "a\nb", "a;b", "$USER", "a`b", "a\\", "a'b", "a\"b", "a|b", "a&b"]
        {
            assert!(check_user(user).is_err(), "{user:?}");
        }
    }

    #[test]
    fn key_files_may_lie_at_home() {
        let endpoint = Endpoint {
            identity_files: vec!["~/k".into(), "/k".into(), "~bob/k".into()],
            ..Endpoint::new("a")
        };
        let files = endpoint.at_home(Path::new("/home/ann")).identity_files;
        assert_eq!(files, [Path::new("/home/ann/k"), Path::new("/k"), Path::new("~bob/k")]);
    }

    #[test]
    fn what_is_refused_is_shown_harmlessly() {
        let error = check_host("a\n\x1b[2Jb").expect_err("it is hostile");
        assert_eq!(
            error.to_string(),
            r"host a\n\u{1b}[2Jb is refused: holds a character that no host name has"
        );
    }
}
