//! The root system that all hosts have in common: a small Debian, made once and never written again.

use std::fs;
use std::path::{Path, PathBuf};

use super::home::{Home, lock};
use super::{Error, PASSWORD, tool};

/// The release of Debian.
const SUITE: &str = "bookworm";

/// What the hosts have beyond the smallest system.
const PACKAGES: &[&str] = &[
    "acl",
    "bzip2",
    "ca-certificates",
    "conntrack",
    "cron",
    "curl",
    "dbus",
    "doas",
    "ebtables",
    "ethtool",
    "iproute2",
    "iptables",
    "iputils-ping",
    "kmod",
    "less",
    "logrotate",
    "netcat-openbsd",
    "nftables",
    "openssh-server",
    "openssl",
    "procps",
    "python3",
    "python3-apt",
    "socat",
    "sudo",
    "systemd",
    "systemd-sysv",
    "unzip",
    "xz-utils",
    "zip",
    "zstd",
];

/// What makes the system a base.
const PREPARE: &str = include_str!("prepare.sh");

/// Names the mirror to take packages from, if it is not to be the machine's own.
const MIRROR: &str = "WINDLASS_RIG_MIRROR";

/// The mirror of a machine that is no Debian.
const PUBLIC: &str = "http://deb.debian.org/debian";

/// The base's folder. Of several processes that need it, one makes it and the others wait.
pub(super) fn ready(home: &Home) -> Result<PathBuf, Error> {
    let name = format!("base-{}", recipe());
    let base = home.folder().join(&name);
    if base.exists() {
        return Ok(base);
    }
    let _one_at_a_time = lock(&home.folder().join("base.lock"))?;
    if base.exists() {
        return Ok(base);
    }
    let unfinished = home.folder().join(format!("{name}.new"));
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(Error::io(format!("removing {}", unfinished.display())))?;
    }
    make(home, &unfinished)?;
    fs::rename(&unfinished, &base).map_err(Error::io(format!("making {}", base.display())))?;
    Ok(base)
}

/// Another recipe makes another base: the first digits of its digest.
fn recipe() -> String {
    let recipe = format!("{SUITE}\n{}\n{PASSWORD}\n{PREPARE}", PACKAGES.join(","));
    let mut digest = windlass_model::digest::sha256_hex(recipe.as_bytes());
    digest.truncate(12);
    digest
}

fn make(home: &Home, folder: &Path) -> Result<(), Error> {
    if tool::find("debootstrap").is_none() {
        return Err(Error::Machine(vec!["no debootstrap (package debootstrap)".into()]));
    }
    let packages = home.folder().join("packages");
    fs::create_dir_all(&packages).map_err(Error::io(format!("making {}", packages.display())))?;
    // Mounts and processes of the making go with it, however it ends.
    let mut command = tool::command("unshare");
    command.args([
        "--mount",
        "--pid",
        "--fork",
        "--kill-child=KILL",
        "--mount-proc",
        "--propagation",
        "private",
    ]);
    command.args(["debootstrap", "--variant=minbase"]);
    command.arg(format!("--include={}", PACKAGES.join(",")));
    command.arg(format!("--cache-dir={}", packages.display()));
    command.arg(SUITE).arg(folder).arg(mirror());
    if let Some(proxy) = proxy() {
        command.env("http_proxy", proxy);
    }
    tool::finish(&mut command, "")?;
    let mut command = tool::command("chroot");
    command.arg(folder).args(["sh", "-c", PREPARE, "prepare", PASSWORD]);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    tool::finish(&mut command, "")
}

/// The mirror that the machine's own package manager uses.
fn mirror() -> String {
    if let Ok(mirror) = std::env::var(MIRROR) {
        return mirror;
    }
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    let more = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    files.extend(more.map(|entry| entry.path()));
    files.sort();
    let mut texts = files.iter().filter_map(|file| fs::read_to_string(file).ok());
    texts.find_map(|text| debian_in(&text)).unwrap_or_else(|| PUBLIC.into())
}

/// The proxy that the machine's own package manager uses; debootstrap knows only that of the environment.
fn proxy() -> Option<String> {
    if std::env::var_os("http_proxy").is_some() {
        return None;
    }
    let mut config = tool::command("apt-config");
    let asked = config.args(["dump", "--format", "%v%n", "Acquire::http::Proxy"]).output().ok()?;
    let proxy = String::from_utf8(asked.stdout).ok()?.lines().next()?.trim().to_owned();
    Some(proxy).filter(|proxy| proxy.contains("://"))
}

/// The first address of Debian itself in a list of sources, in either of its two forms.
fn debian_in(sources: &str) -> Option<String> {
    let lines = sources.lines().map(str::trim);
    let mut addresses = lines
        .filter(|line| line.starts_with("deb ") || line.starts_with("URIs:"))
        .flat_map(str::split_whitespace)
        .filter(|word| word.contains("://"));
    addresses.find(|address| address.trim_end_matches('/').ends_with("/debian")).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::debian_in;

    #[test]
    fn the_machines_mirror_is_found_in_both_forms() {
        let new = "Types: deb\nURIs: http://mirror.example/debian-security\n\nURIs: http://mirror.example/debian/\n";
        assert_eq!(debian_in(new).as_deref(), Some("http://mirror.example/debian/"));
        let old = "# deb http://a/debian x main\ndeb [signed-by=/k.gpg] https://b/debian bookworm main\n";
        assert_eq!(debian_in(old).as_deref(), Some("https://b/debian"));
        assert_eq!(debian_in("deb https://packages.example/apt stable main\n"), None);
    }
}
