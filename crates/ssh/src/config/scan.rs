//! Whether a configuration can differ from host to host: most have nothing but a few general options, and then
//! one call of `ssh -G`, or none, serves a thousand hosts.

use std::path::{Path, PathBuf};

/// What the configuration files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Nothing that changes how we connect.
    Plain,
    /// Options, the same for all hosts.
    Shared,
    /// Blocks for some hosts, or what we do not look into.
    PerHost,
}

/// Options that may stand in a plain configuration: how we connect does not depend on them, or (the last two)
/// only what we write down and what is tried when everything else was refused.
pub(super) const HARMLESS: &[&str] = &[
    "addkeystoagent",
    "clearallforwardings",
    "compression",
    "escapechar",
    "exitonforwardfailure",
    "fingerprinthash",
    "forwardx11",
    "forwardx11timeout",
    "forwardx11trusted",
    "ipqos",
    "loglevel",
    "requesttty",
    "sendenv",
    "streamlocalbindmask",
    "streamlocalbindunlink",
    "tcpkeepalive",
    "updatehostkeys",
    "visualhostkey",
    "xauthlocation",
    "gssapiauthentication",
    "hashknownhosts",
];

/// Options that a plain configuration passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extras {
    /// New host keys are written hashed.
    pub(crate) hash_known_hosts: bool,
    /// The `ssh` program may try GSSAPI.
    pub(crate) gssapi: bool,
}

/// Looks through the files; those that are not there hold nothing.
pub(crate) fn scan(files: &[PathBuf]) -> (Scope, Extras) {
    let (mut scope, mut extras) = (Scope::Plain, Extras::default());
    for file in files {
        scope = scope.max(match std::fs::read(file) {
            Ok(bytes) => scan_text(&String::from_utf8_lossy(&bytes), file, &mut extras),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Scope::Plain,
            // `ssh` will say what is wrong with it.
            Err(_) => Scope::PerHost,
        });
    }
    (scope, extras)
}

fn scan_text(text: &str, file: &Path, extras: &mut Extras) -> Scope {
    let mut scope = Scope::Plain;
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
        let (key, value) = line.split_at(end);
        let value = value.trim_start_matches(|c: char| c.is_whitespace() || c == '=').trim_end();
        scope = scope.max(match key.to_ascii_lowercase().as_str() {
            "host" if value == "*" => Scope::Plain,
            "host" | "match" => Scope::PerHost,
            "include" => included(value, file),
            "gssapiauthentication" => note(value, &mut extras.gssapi),
            "hashknownhosts" => note(value, &mut extras.hash_known_hosts),
            key if HARMLESS.contains(&key) => Scope::Plain,
            _ => Scope::Shared,
        });
    }
    scope
}

fn note(value: &str, into: &mut bool) -> Scope {
    *into |= value.eq_ignore_ascii_case("yes");
    Scope::Plain
}

/// `Include` counts as blocks, unless it is the pattern of a folder that holds nothing: distributions ship
/// `Include /etc/ssh/ssh_config.d/*.conf`.
fn included(value: &str, file: &Path) -> Scope {
    let Some(folder) = value.strip_suffix("/*.conf").or_else(|| value.strip_suffix("/*")) else {
        return Scope::PerHost;
    };
    if folder.starts_with('~') || folder.contains(['*', '?', '[', '"', '$', '%', ' ']) {
        return Scope::PerHost;
    }
    let folder = file.parent().unwrap_or(Path::new("/")).join(folder);
    match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().map_or(Scope::Plain, |_| Scope::PerHost),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Scope::Plain,
        Err(_) => Scope::PerHost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_counts_by_what_could_differ() {
        for (text, expected) in [
            ("", Scope::Plain),
            ("# Host web\n\n", Scope::Plain),
            (
                "Host *\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n    GSSAPIAuthentication yes\n",
                Scope::Plain,
            ),
            ("Host *\n  User ops\n", Scope::Shared),
            ("user=ops", Scope::Shared),
            ("StrictHostKeyChecking accept-new", Scope::Shared),
            ("Host web1\n", Scope::PerHost),
            ("HOST = web1", Scope::PerHost),
            ("Host * !web1", Scope::PerHost),
            ("Match final all\n", Scope::PerHost),
            ("Include config.d/*\n", Scope::Plain),
            ("Include full/*.conf\n", Scope::PerHost),
            ("Include empty/*.conf\n", Scope::Plain),
            ("Include other\n", Scope::PerHost),
            ("Include ~/x/*\n", Scope::PerHost),
            ("NoSuchOption 1\n", Scope::Shared),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::create_dir(folder.path().join("empty")).expect("it is made");
            std::fs::create_dir(folder.path().join("full")).expect("it is made");
            std::fs::write(folder.path().join("full/a.conf"), "Host a\n").expect("it is written");
            let file = folder.path().join("config");
            std::fs::write(&file, text).expect("it is written");
            assert_eq!(scan(&[file, folder.path().join("absent")]).0, expected, "{text}");
        }
    }

    #[test]
    fn what_a_plain_configuration_says_is_kept() {
        let mut extras = Extras::default();
        let scope =
            scan_text("Host *\nHashKnownHosts yes\nGSSAPIAuthentication no\n", Path::new("c"), &mut extras);
        assert_eq!((scope, extras), (Scope::Plain, Extras { hash_known_hosts: true, gssapi: false }));
    }
}
