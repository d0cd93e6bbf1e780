//! Whether it is a machine of its own, a guest, or a host of guests, by the marks that Ansible looks for.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::json;

use super::{Asked, Facts, content, facts};
use crate::Error;

/// Firmware's words that tell a guest: the file, the word, and of what. A star stands for any end.
const FIRMWARE: &[(&str, &str, &str)] = &[
    ("product_name", "KVM", "kvm"),
    ("product_name", "KVM Server", "kvm"),
    ("product_name", "Bochs", "kvm"),
    ("product_name", "AHV", "kvm"),
    ("product_name", "CloudStack KVM Hypervisor", "kvm"),
    ("sys_vendor", "oVirt", "oVirt"),
    ("product_name", "RHEV Hypervisor", "RHEV"),
    ("product_name", "VMware*", "VMware"),
    ("product_name", "OpenStack Compute", "openstack"),
    ("product_name", "OpenStack Nova", "openstack"),
    ("bios_vendor", "Xen", "xen"),
    ("bios_vendor", "innotek GmbH", "virtualbox"),
    ("bios_vendor", "Amazon EC2", "kvm"),
    ("bios_vendor", "DigitalOcean", "kvm"),
    ("bios_vendor", "Hetzner", "kvm"),
    ("bios_vendor", "Linode", "kvm"),
    ("sys_vendor", "QEMU", "kvm"),
    ("sys_vendor", "Amazon EC2", "kvm"),
    ("sys_vendor", "DigitalOcean", "kvm"),
    ("sys_vendor", "Google", "kvm"),
    ("sys_vendor", "Scaleway", "kvm"),
    ("sys_vendor", "Nutanix", "kvm"),
    ("sys_vendor", "KubeVirt", "KubeVirt"),
    ("sys_vendor", "Microsoft Corporation", "VirtualPC"),
    ("sys_vendor", "Parallels Software International Inc.", "parallels"),
    ("sys_vendor", "OpenStack Foundation", "openstack"),
];

/// What was found; the first mark names the type.
#[derive(Default)]
struct Found {
    first: Option<(String, &'static str)>,
    guest: BTreeSet<String>,
    host: BTreeSet<String>,
}

impl Found {
    fn guest(&mut self, what: &str) {
        self.guest.insert(what.to_owned());
        self.first.get_or_insert_with(|| (what.to_owned(), "guest"));
    }

    fn host(&mut self, what: &str) {
        self.host.insert(what.to_owned());
        self.first.get_or_insert_with(|| (what.to_owned(), "host"));
    }
}

pub(super) fn virtualization(_: &Asked<'_>) -> Result<Facts, Error> {
    Ok(of(Path::new("/")))
}

fn of(root: &Path) -> Facts {
    let at = |path: &str| root.join(path);
    let mut found = Found::default();
    containers(root, &mut found);
    if at("proc/xen").exists() {
        let capabilities = content(at("proc/xen/capabilities")).unwrap_or_default();
        if capabilities.contains("control_d") {
            found.host("xen");
        } else {
            found.first.get_or_insert_with(|| ("xen".to_owned(), "guest"));
        }
    }
    for (file, word, what) in FIRMWARE {
        let said = content(at("sys/devices/virtual/dmi/id").join(file)).unwrap_or_default();
        let fits = match word.strip_suffix('*') {
            Some(start) => said.starts_with(start),
            None => said == *word,
        };
        if fits {
            found.guest(what);
        }
    }
    let processors = content(at("proc/cpuinfo")).unwrap_or_default();
    for line in processors.lines() {
        if line.starts_with("model name") && line.contains("QEMU Virtual CPU") {
            found.guest("kvm");
        } else if line.starts_with("vendor_id") && line.contains("User Mode Linux") {
            found.guest("uml");
        }
    }
    let modules = content(at("proc/modules")).unwrap_or_default();
    let module = |name: &str| modules.lines().any(|line| line.split(' ').next() == Some(name));
    if module("kvm") {
        found.host("kvm");
    }
    if module("vboxdrv") {
        found.host("virtualbox");
    }
    if module("virtio") {
        found.host.insert("kvm".into());
        found.first.get_or_insert_with(|| ("kvm".to_owned(), "guest"));
    }
    if at("dev/kvm").exists() {
        found.host("kvm");
    }
    let (kind, role) = found.first.unwrap_or_else(|| ("NA".to_owned(), "NA"));
    facts([
        ("virtualization_type", kind.into()),
        ("virtualization_role", role.into()),
        ("virtualization_tech_guest", json!(found.guest)),
        ("virtualization_tech_host", json!(found.host)),
    ])
}

fn containers(root: &Path, found: &mut Found) {
    let at = |path: &str| root.join(path);
    for line in content(at("proc/1/cgroup")).unwrap_or_default().lines() {
        if line.contains("/docker/") || (line.contains("/docker-") && line.contains(".scope")) {
            found.guest("docker");
        }
        if line.contains("/lxc/") || line.contains("/machine.slice/machine-lxc") {
            found.guest("lxc");
        }
        if line.contains("/system.slice/containerd.service") {
            found.guest("containerd");
        }
    }
    let environment = fs::read(at("proc/1/environ")).unwrap_or_default();
    for variable in environment.split(|byte| *byte == 0).map(String::from_utf8_lossy) {
        for what in ["lxc", "podman"] {
            if variable.contains(&format!("container={what}")) {
                found.guest(what);
            }
        }
        if variable.strip_prefix("container=").is_some_and(|what| !what.is_empty()) {
            found.guest("container");
        }
    }
    if at("proc/vz").exists() && !at("proc/lve").exists() {
        if at("proc/bc").exists() {
            found.host("openvz");
        } else {
            found.guest("openvz");
        }
    }
    let systemd = content(at("run/systemd/container"));
    if let Some(what) = &systemd {
        found.guest(what);
    }
    if at(".dockerenv").exists() || at(".dockerinit").exists() {
        found.guest("docker");
    }
    let known = ["docker", "lxc", "podman", "openvz", "containerd"];
    if systemd.is_some() || known.iter().any(|known| found.guest.contains(*known)) {
        found.guest.insert("container".into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_tell_guests_and_hosts() {
        for (files, kind, role, guest, host) in [
            (vec![], "NA", "NA", json!([]), json!([])),
            (
                vec![("sys/devices/virtual/dmi/id/sys_vendor", "QEMU")],
                "kvm",
                "guest",
                json!(["kvm"]),
                json!([]),
            ),
            (
                vec![("sys/devices/virtual/dmi/id/product_name", "VMware7,1"), ("dev/kvm", "")],
                "VMware",
                "guest",
                json!(["VMware"]),
                json!(["kvm"]),
            ),
            (vec![(".dockerenv", "")], "docker", "guest", json!(["container", "docker"]), json!([])),
            (
                vec![("proc/1/environ", "A=1\0container=lxc\0")],
                "lxc",
                "guest",
                json!(["container", "lxc"]),
                json!([]),
            ),
            (vec![("proc/modules", "kvm 1 0\n")], "kvm", "host", json!([]), json!(["kvm"])),
        ] {
            let root = tempfile::tempdir().unwrap();
            for (name, text) in &files {
                let path = root.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            let all = of(root.path());
            assert_eq!(
                (&all["virtualization_type"], &all["virtualization_role"]),
                (&kind.into(), &role.into())
            );
            assert_eq!(
                (&all["virtualization_tech_guest"], &all["virtualization_tech_host"]),
                (&guest, &host),
                "{files:?}"
            );
        }
    }
}
