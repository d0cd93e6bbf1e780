//! What the machine must have, asked before anything is begun.

use std::fs;

use super::{Error, tool};

/// Programs, each with the Debian package that brings it.
const PROGRAMS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("mount", "mount"),
    ("nsenter", "util-linux"),
    ("pivot_root", "util-linux"),
    ("ssh-keygen", "openssh-client"),
    ("unshare", "util-linux"),
];

/// Privileges by their bit: making devices, networks and mounts.
const CAPABILITIES: &[(u32, &str)] = &[(12, "CAP_NET_ADMIN"), (21, "CAP_SYS_ADMIN"), (27, "CAP_MKNOD")];

/// Says everything that is missing at once.
pub(super) fn check() -> Result<(), Error> {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push("not root".to_owned());
    } else {
        missing.extend(privileges());
    }
    // Where overlayfs is a module, it appears once it is loaded.
    if !overlay() {
        tool::run("modprobe", ["overlay"]).ok();
        if !overlay() {
            missing.push("no overlayfs in the kernel".into());
        }
    }
    for (program, package) in PROGRAMS.iter().filter(|(program, _)| tool::find(program).is_none()) {
        missing.push(format!("no {program} (package {package})"));
    }
    if missing.is_empty() { Ok(()) } else { Err(Error::Machine(missing)) }
}

fn overlay() -> bool {
    fs::read_to_string("/proc/filesystems")
        .is_ok_and(|all| all.lines().any(|line| line.trim_end().ends_with("\toverlay")))
}

/// The privileges that root lacks, as in a container.
fn privileges() -> Vec<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let held = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let held = held.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(u64::MAX);
    let lacking = CAPABILITIES.iter().filter(|(bit, _)| held & (1 << bit) == 0);
    lacking.map(|(_, name)| format!("root without {name}")).collect()
}
