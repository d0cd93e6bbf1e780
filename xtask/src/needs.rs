//! What the tests need of the machine, and how it gets there where it is missing.

use std::path::PathBuf;
use std::process::Command;

use crate::Chore;
use crate::cargo::go;

/// A program with the Debian package that brings it.
pub(crate) type Need = (&'static str, &'static str);

/// What tests call everywhere.
const NEEDS: &[Need] = &[
    ("bash", "bash"),
    ("busybox", "busybox"),
    ("cat", "coreutils"),
    ("doas", "opendoas"),
    ("grep", "grep"),
    ("pgrep", "procps"),
    ("script", "bsdutils"),
    ("sed", "sed"),
    ("setpriv", "util-linux"),
    ("sh", "dash"),
    ("ssh", "openssh-client"),
    ("ssh-agent", "openssh-client"),
    ("sshd", "openssh-server"),
    ("sudo", "sudo"),
];

/// Installs what the tests need where it is missing. On most machines that is nothing.
pub(crate) fn install() -> Chore {
    programs(NEEDS)
}

/// Installs what is missing of these.
pub(crate) fn programs(needs: &[Need]) -> Chore {
    let missing: Vec<&Need> = needs.iter().filter(|(program, _)| find(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    println!("xtask: this needs {}", packages.join(", "));
    let by_hand = || format!("install {} and try again", packages.join(", "));
    if find("apt-get").is_none() {
        return Err(by_hand());
    }
    // A fresh machine knows no packages yet. Where the lists cannot be had, those that are there may do.
    apt(&["update", "--quiet"]).ok();
    let mut words = vec!["install", "--yes", "--no-install-recommends"];
    words.extend(&packages);
    apt(&words).map_err(|why| format!("{why}\n{}", by_hand()))
}

fn apt(words: &[&str]) -> Chore {
    let mut line = vec!["apt-get"];
    if find("sudo").is_some() {
        line.splice(0..0, ["sudo", "--non-interactive"]);
    }
    line.extend(words);
    go(Command::new(line[0]).args(&line[1..]).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // Programs for administrators are not on everybody's path.
    let admin = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let folders = std::env::split_paths(&path).chain(admin);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}
