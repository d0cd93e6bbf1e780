//! Facts of a real host, found out by its gate and seen by later steps.

use std::process::Command;

use serde_json::Value;
use windlass_testkit::rig::Rig;

use crate::e2e_support::with;

const FACTS: &str = r#"
workflow: facts
tasks:
  - id: look
    hosts: all
    gather_facts: true
    steps:
      - copy:
          content: "{{ ansible_facts.hostname }} {{ ansible_distribution }} {{ ansible_facts.default_ipv4.address }}"
          dest: /root/facts
        when: ansible_facts.os_family == 'Debian' and ansible_service_mgr == 'systemd'
      - copy: { content: never, dest: /root/facts }
        when: ansible_facts.pkg_mgr != 'apt'
"#;

#[test]
fn facts_of_a_host_are_seen_and_are_those_that_ansible_finds() {
    let Some(rig) = Rig::for_test(1) else { return };
    let host = rig.host(1);
    let env = with(FACTS);
    env.file("rig.ini", rig.inventory());
    env.run(["run", "w.yaml", "-i", "rig.ini"]).success();
    assert_eq!(host.exec("cat /root/facts").stdout(), format!("h1 Debian {}", host.addr()));
    let ours = env.run(["exec", "-i", "rig.ini", "h1", "setup", "--json"]).success().json();
    let ours = find(&ours, "ansible_facts").expect("facts are told");
    // `cargo xtask test` says where it installed one.
    let program = std::env::var_os("WINDLASS_ANSIBLE").unwrap_or_else(|| "ansible".into());
    let mut ansible = Command::new(&program);
    ansible.args(["-i", "rig.ini", "h1", "-m", "setup", "-e", "ansible_python_interpreter=/usr/bin/python3"]);
    let Ok(said) = ansible.env("LC_ALL", "C.UTF-8").current_dir(env.project()).output() else {
        assert_eq!(program, "ansible", "it is where the variable says");
        return;
    };
    let text = String::from_utf8_lossy(&said.stdout);
    let (_, theirs) = text.split_once("=> ").unwrap_or_else(|| panic!("{said:?}"));
    let theirs: Value = serde_json::from_str(theirs).expect("ansible says JSON");
    for name in [
        "all_ipv4_addresses",
        "apparmor",
        "architecture",
        "default_ipv4",
        "devices",
        "distribution",
        "distribution_major_version",
        "distribution_release",
        "distribution_version",
        "dns",
        "domain",
        "fqdn",
        "hostname",
        "is_chroot",
        "kernel",
        "lo",
        "machine_id",
        "memtotal_mb",
        "nodename",
        "os_family",
        "pkg_mgr",
        "processor",
        "processor_count",
        "processor_nproc",
        "processor_vcpus",
        "service_mgr",
        "ssh_host_key_ed25519_public",
        "swaptotal_mb",
        "user_dir",
        "user_id",
        "user_shell",
        "user_uid",
        "virtualization_role",
        "virtualization_type",
    ] {
        let name = format!("ansible_{name}");
        let (ours, theirs) = (&ours[&name], &theirs["ansible_facts"][&name]);
        assert_eq!(plain(ours), plain(theirs), "{name}");
    }
    // Where one can mount anything, it is told of in the same words.
    assert_eq!(
        ours["ansible_mounts"].as_array().map(Vec::len),
        theirs["ansible_facts"]["ansible_mounts"].as_array().map(Vec::len)
    );
}

/// What `ethtool` says is not asked for here.
fn plain(fact: &Value) -> Value {
    let mut fact = fact.clone();
    for name in ["features", "timestamping", "hw_timestamp_filters", "phc_index"] {
        if let Some(fields) = fact.as_object_mut() {
            fields.remove(name);
        }
    }
    fact
}

/// A field, wherever it is.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => {
            fields.get(name).or_else(|| fields.values().find_map(|value| find(value, name)))
        }
        Value::Array(items) => items.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}
