//! What guards the host: SELinux, AppArmor, certified ciphers, its own keys.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use serde_json::{Value, json};

use super::{Asked, Facts, content, facts};
use crate::Error;

pub(super) fn selinux(_: &Asked<'_>) -> Result<Facts, Error> {
    let Some(enforce) = content("/sys/fs/selinux/enforce") else {
        return Ok(facts([("selinux", json!({ "status": "disabled" }))]));
    };
    let config = content("/etc/selinux/config").unwrap_or_default();
    let said = |key: &str| {
        let line = config.lines().find_map(|line| line.trim().strip_prefix(key));
        line.map_or_else(|| "unknown".to_owned(), |value| value.trim().to_owned())
    };
    let version = content("/sys/fs/selinux/policyvers").and_then(|text| text.parse::<u64>().ok());
    let selinux = json!({
        "status": "enabled",
        "policyvers": version.map_or_else(|| Value::from("unknown"), Value::from),
        "config_mode": said("SELINUX="),
        "mode": if enforce == "1" { "enforcing" } else { "permissive" },
        "type": said("SELINUXTYPE="),
    });
    Ok(facts([("selinux", selinux)]))
}

pub(super) fn apparmor(_: &Asked<'_>) -> Result<Facts, Error> {
    let on = Path::new("/sys/kernel/security/apparmor").exists();
    Ok(facts([("apparmor", json!({ "status": if on { "enabled" } else { "disabled" } }))]))
}

pub(super) fn chroot(_: &Asked<'_>) -> Result<Facts, Error> {
    let is = std::env::var("debian_chroot").is_ok_and(|name| !name.is_empty());
    let root = |path: &str| fs::metadata(path).map(|meta| (meta.dev(), meta.ino()));
    let is = is
        || match (root("/"), root("/proc/1/root/.")) {
            (Ok(own), Ok(first)) => own != first,
            // Who may not look there goes by the number that a root folder usually has.
            (Ok((_, number)), Err(_)) => ![2, 128, 256].contains(&number),
            (Err(_), _) => false,
        };
    Ok(facts([("is_chroot", is.into())]))
}

pub(super) fn fips(_: &Asked<'_>) -> Result<Facts, Error> {
    let on = content("/proc/sys/crypto/fips_enabled").as_deref() == Some("1");
    Ok(facts([("fips", on.into())]))
}

/// The public keys of the host, out of the first folder that has any.
pub(super) fn ssh_keys(_: &Asked<'_>) -> Result<Facts, Error> {
    let mut all = Facts::new();
    for folder in ["/etc/ssh", "/etc/openssh", "/etc"] {
        for kind in ["dsa", "rsa", "ecdsa", "ed25519"] {
            let line = content(format!("{folder}/ssh_host_{kind}_key.pub")).unwrap_or_default();
            let mut words = line.split_whitespace();
            if let (Some(algorithm), Some(key)) = (words.next(), words.next()) {
                let name = format!("ssh_host_key_{kind}_public");
                all.insert(format!("{name}_keytype"), algorithm.into());
                all.insert(name, key.into());
            }
        }
        if !all.is_empty() {
            break;
        }
    }
    Ok(all)
}
