//! Who looks after packages and services on the host.

use std::{fs, path::Path};

use serde_json::Value;

use super::{Asked, Facts, content, distribution, facts};
use crate::{Error, tool};

/// Package managers by the file that shows them. Where several are there, the last one counts.
const MANAGERS: &[(&str, &str)] = &[
    ("/usr/bin/rpm-ostree", "atomic_container"),
    ("/usr/bin/yum", "dnf"),
    ("/usr/bin/dnf-3", "dnf"),
    ("/usr/bin/dnf5", "dnf5"),
    ("/usr/bin/apt-get", "apt"),
    ("/usr/bin/zypper", "zypper"),
    ("/usr/sbin/urpmi", "urpmi"),
    ("/usr/bin/pacman", "pacman"),
    ("/bin/opkg", "opkg"),
    ("/usr/pkg/bin/pkgin", "pkgin"),
    ("/usr/local/bin/brew", "homebrew"),
    ("/sbin/apk", "apk"),
    ("/usr/bin/emerge", "portage"),
    ("/usr/bin/xbps-install", "xbps"),
    ("/usr/bin/swupd", "swupd"),
    ("/usr/sbin/sorcery", "sorcery"),
];

pub(super) fn pkg_mgr(_: &Asked<'_>) -> Result<Facts, Error> {
    let there = |path: &str| Path::new(path).exists();
    let found = MANAGERS.iter().rev().find(|(path, _)| there(path)).map_or("unknown", |(_, name)| name);
    let facts_of = distribution::of(Path::new("/"));
    let name = match facts_of.get("os_family").and_then(Value::as_str) {
        Some("RedHat") if there("/run/ostree-booted") => "atomic_container",
        Some("RedHat") => {
            let program = ["/usr/bin/dnf", "/usr/bin/microdnf"].into_iter().find(|path| there(path));
            match program.map(fs::canonicalize) {
                Some(Ok(real)) if real == Path::new("/usr/bin/dnf5") => "dnf5",
                Some(_) => "dnf",
                None => "unknown",
            }
        }
        // Others may be installed there, and are not what keeps the system.
        Some("Debian") => "apt",
        Some("Altlinux") if found == "apt" => "apt_rpm",
        _ => found,
    };
    Ok(facts([("pkg_mgr", name.into())]))
}

pub(super) fn service_mgr(asked: &Asked<'_>) -> Result<Facts, Error> {
    let first = content("/proc/1/comm");
    let first = first.map(|name| name.rsplit('/').next().unwrap_or_default().to_owned());
    // Many are called so, and a shell is the first process of a container.
    let told = first.filter(|name| name != "init" && !name.ends_with("sh"));
    let name = match told.as_deref() {
        Some("procd") => "openwrt_init",
        Some("runit-init") => "runit",
        Some("svscan") => "svc",
        Some("openrc-init") => "openrc",
        Some(name) => name,
        None => guessed(asked),
    };
    Ok(facts([("service_mgr", name.into())]))
}

/// By what is installed.
fn guessed(asked: &Asked<'_>) -> &'static str {
    let there = |path: &str| Path::new(path).exists();
    let program = |name: &str| tool::find(name, asked.cx).is_some();
    let systemd = program("systemctl");
    let init = fs::read_link("/sbin/init").unwrap_or_default();
    if systemd && ["/run/systemd/system/", "/dev/.run/systemd/", "/dev/.systemd/"].into_iter().any(there) {
        "systemd"
    } else if program("initctl") && there("/etc/init/") {
        "upstart"
    } else if there("/sbin/openrc") {
        "openrc"
    } else if systemd && init.file_name().is_some_and(|name| name == "systemd") {
        "systemd"
    } else if there("/etc/init.d/") {
        "sysvinit"
    } else if there("/etc/dinit.d/") {
        "dinit"
    } else {
        "service"
    }
}
