//! What the tests need of the machine, and how it gets there where it is missing.

use std::path::PathBuf;
use std::process::Command;

use crate::Chore;
use crate::cargo::go;

/// Programs that tests call, with the Debian package that brings each.
const NEEDS: &[(&str, &str)] = &[("sh", "dash"), ("cat", "coreutils"), ("grep", "grep"), ("sed", "sed")];

/// Installs what is missing. On most machines that is nothing.
pub(crate) fn install() -> Chore {
    let missing: Vec<&(&str, &str)> = NEEDS.iter().filter(|(program, _)| find(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    println!("xtask: the tests need {}", packages.join(", "));
    let by_hand = || format!("install {} and try again", packages.join(", "));
    if find("apt-get").is_none() {
        return Err(by_hand());
    }
    let mut words = vec!["apt-get", "install", "--yes", "--no-install-recommends"];
    if find("sudo").is_some() {
        words.splice(0..0, ["sudo", "--non-interactive"]);
    }
    words.extend(&packages);
    go(Command::new(words[0]).args(&words[1..]).env("DEBIAN_FRONTEND", "noninteractive"))
        .map_err(|why| format!("{why}\n{}", by_hand()))
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
