//! What is to be known of a host, under Ansible's names: its system, its hardware, its network.
//!
//! Each file finds one part out, mostly by reading what the kernel shows; programs of the host are asked where
//! they alone know (`ip`, `date`, `getent`). What needs Python, or tells of it, is left out, and so are the rare
//! parts (`facter`, `ohai`, storage networks, capabilities).

mod block;
mod cpu;
mod distribution;
mod dmi;
mod local;
mod mounts;
mod network;
mod platform;
mod security;
mod subset;
mod tools;
mod virt;

use std::{fs, path::Path};

use serde_json::{Map, Value};

use crate::{Context, Error};

pub(crate) use subset::chosen;

/// Facts by their names, without Ansible's prefix.
type Facts = Map<String, Value>;

/// Where facts of the host's own lie.
pub(crate) struct Asked<'a> {
    pub(crate) fact_path: &'a Path,
    pub(crate) cx: &'a Context<'a>,
}

/// A part of the facts.
pub(crate) struct Part {
    name: &'static str,
    /// Other names that stand for the whole part.
    ids: &'static [&'static str],
    /// Whether it is found out where nothing is asked for.
    always: bool,
    find: fn(&Asked<'_>) -> Result<Facts, Error>,
}

/// Every part, in the order in which they are found out.
static PARTS: &[Part] = &[
    Part {
        name: "platform",
        ids: &[
            "system",
            "kernel",
            "kernel_version",
            "machine",
            "python_version",
            "architecture",
            "machine_id",
        ],
        always: true,
        find: platform::platform,
    },
    Part {
        name: "distribution",
        ids: &["distribution_version", "distribution_release", "distribution_major_version", "os_family"],
        always: true,
        find: distribution::distribution,
    },
    Part { name: "lsb", ids: &[], always: true, find: distribution::lsb },
    Part { name: "selinux", ids: &[], always: true, find: security::selinux },
    Part { name: "apparmor", ids: &[], always: true, find: security::apparmor },
    Part { name: "chroot", ids: &["is_chroot"], always: false, find: security::chroot },
    Part { name: "fips", ids: &[], always: true, find: security::fips },
    Part { name: "pkg_mgr", ids: &[], always: true, find: tools::pkg_mgr },
    Part { name: "service_mgr", ids: &[], always: true, find: tools::service_mgr },
    Part { name: "cmdline", ids: &[], always: true, find: platform::cmdline },
    Part { name: "date_time", ids: &[], always: true, find: platform::date_time },
    Part { name: "env", ids: &[], always: true, find: platform::env },
    Part { name: "loadavg", ids: &[], always: false, find: platform::loadavg },
    Part {
        name: "ssh_pub_keys",
        ids: &[
            "ssh_host_pub_keys",
            "ssh_host_key_dsa_public",
            "ssh_host_key_rsa_public",
            "ssh_host_key_ecdsa_public",
            "ssh_host_key_ed25519_public",
        ],
        always: true,
        find: security::ssh_keys,
    },
    Part {
        name: "user",
        ids: &[
            "user_id",
            "user_uid",
            "user_gid",
            "user_gecos",
            "user_dir",
            "user_shell",
            "real_user_id",
            "effective_user_id",
            "effective_group_ids",
        ],
        always: true,
        find: platform::user,
    },
    Part {
        name: "virtual",
        ids: &[
            "virtualization_type",
            "virtualization_role",
            "virtualization_tech_guest",
            "virtualization_tech_host",
        ],
        always: false,
        find: virt::virtualization,
    },
    Part {
        name: "hardware",
        ids: &["processor", "processor_cores", "processor_count", "mounts", "devices"],
        always: false,
        find: hardware,
    },
    Part { name: "dns", ids: &[], always: true, find: network::dns },
    Part {
        name: "network",
        ids: &["interfaces", "default_ipv4", "default_ipv6", "all_ipv4_addresses", "all_ipv6_addresses"],
        always: false,
        find: network::network,
    },
    Part { name: "local", ids: &[], always: true, find: local::local },
];

/// Finds these parts out, under the names that Ansible gives them in a result.
pub(crate) fn collect(parts: &[&Part], asked: &Asked<'_>) -> Result<Facts, Error> {
    let mut all = Facts::new();
    for part in parts {
        asked.cx.alive()?;
        let facts = (part.find)(asked)?;
        all.extend(facts.into_iter().map(|(name, fact)| (format!("ansible_{name}"), fact)));
    }
    Ok(all)
}

fn hardware(asked: &Asked<'_>) -> Result<Facts, Error> {
    let mut all = cpu::processor();
    for facts in [cpu::memory(), dmi::dmi(asked)?, block::devices(), cpu::uptime(), mounts::mounts()] {
        all.extend(facts);
    }
    // Volume groups are told by programs of the host that take their time.
    all.insert("lvm".into(), "N/A".into());
    Ok(all)
}

/// What a file holds, without white space around it; none where it cannot be read or holds nothing.
fn content(path: impl AsRef<Path>) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// The same as a fact, which is null where there is none.
fn fact(path: impl AsRef<Path>) -> Value {
    content(path).map_or(Value::Null, Value::from)
}

/// The names in a folder, sorted; none where there is no such folder.
fn names(folder: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

/// Facts of a list of names and values.
fn facts<const N: usize>(facts: [(&str, Value); N]) -> Facts {
    facts.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect()
}
