//! The facts of this machine, held against those that Ansible finds where it is installed.

use std::{collections::BTreeMap, path::Path, process::Command};

use serde_json::{Map, Value, json};
use windlass_gate::{Args, Cancel, Context, Reply, Silent, find};

fn setup(params: Value) -> Result<Reply, windlass_gate::Error> {
    let module = find("setup").expect("it is in the table");
    let args = Args::check(module.spec(), params).expect("the parameters are good");
    let (env, cancel) = (BTreeMap::new(), Cancel::new());
    let cx = Context {
        check: None,
        diff: false,
        cwd: Path::new("/"),
        env: &env,
        cancel: &cancel,
        deadline: None,
        progress: &Silent,
        capture_limit: 1 << 20,
    };
    module.run(&args, &cx)
}

#[test]
fn what_is_asked_for_is_told() {
    let least = setup(json!({"gather_subset": "!all"})).unwrap().facts;
    assert_eq!(least["ansible_system"], "Linux");
    assert_eq!(least["gather_subset"], json!(["!all"]));
    assert!(least["ansible_date_time"]["epoch"].as_str().is_some() && !least.contains_key("ansible_devices"));
    let some = setup(json!({"filter": "*_mb,ansible_kernel"})).unwrap().facts;
    assert!(some["ansible_memtotal_mb"].as_u64() > Some(0) && some["ansible_kernel"].is_string());
    assert!(some.keys().all(|name| name.ends_with("_mb") || name == "ansible_kernel"), "{some:?}");
    let why = setup(json!({"gather_subset": ["no_such"]})).unwrap_err().to_string();
    assert!(why.starts_with("Bad subset 'no_such' given to Ansible."), "{why}");
}

#[test]
fn facts_of_the_hosts_own_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    put("json.fact", "{\"a\": [1, 2]}");
    put("ini.fact", "[General]\nRole = web\n");
    put("said.fact", "#!/bin/sh\necho '{\"pid\": \"'$$'\"}'\n");
    put("bad.fact", "#!/bin/sh\necho no >&2; exit 3\n");
    put("other", "x");
    for name in ["said.fact", "bad.fact"] {
        let path = dir.path().join(name);
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let facts =
        setup(json!({"gather_subset": ["!all", "!min", "local"], "fact_path": dir.path()})).unwrap().facts;
    let local = &facts["ansible_local"];
    assert_eq!((&local["json"]["a"][1], &local["ini"]["General"]["role"]), (&json!(2), &json!("web")));
    assert!(local["said"]["pid"].is_string() && local.get("other").is_none(), "{local}");
    assert!(local["bad"].as_str().unwrap().contains("rc: 3, err: no"), "{local}");
}

/// What moves while one looks, or tells of the program that looks.
const MOVES: [&str; 9] = [
    "ansible_date_time",
    "ansible_env",
    "ansible_loadavg",
    "ansible_memfree_mb",
    "ansible_memory_mb",
    "ansible_mounts",
    "ansible_swapfree_mb",
    "ansible_uptime_seconds",
    "ansible_lvm",
];

/// What is not found out here.
const ABSENT: [&str; 11] = [
    "ansible_fibre_channel_wwn",
    "ansible_hostnqn",
    "ansible_iscsi_iqn",
    "ansible_nvme",
    "ansible_python",
    "ansible_python_version",
    "ansible_selinux",
    "ansible_selinux_python_present",
    "ansible_system_capabilities",
    "ansible_system_capabilities_enforced",
    "ansible_systemd",
];

#[test]
fn the_facts_are_ansibles() {
    let said = Command::new("ansible")
        .args(["-i", "localhost,", "-c", "local", "localhost", "-m", "setup"])
        .args(["-e", "ansible_python_interpreter={{ ansible_playbook_python }}"])
        .env("ANSIBLE_LOCALHOST_WARNING", "False")
        .env("LC_ALL", "C.UTF-8")
        .output();
    let Ok(said) = said else { return };
    let theirs = facts(&said.stdout).unwrap_or_else(|| panic!("ansible: {said:?}"));
    let ours = setup(json!({})).unwrap().facts;
    let mut wrong = Vec::new();
    for (name, fact) in &theirs {
        let known = MOVES.contains(&name.as_str()) || ABSENT.contains(&name.as_str());
        let mut own = ours.get(name).cloned().unwrap_or_default();
        let mut fact = fact.clone();
        for list in [&mut own, &mut fact] {
            // Sets of theirs, in no order.
            if let Value::Array(items) = list {
                items.sort_by_key(Value::to_string);
            }
            // Features are told by `ethtool`, which is not asked here.
            if let Value::Object(fields) = list {
                ["features", "timestamping", "hw_timestamp_filters", "phc_index"].iter().for_each(|name| {
                    fields.remove(*name);
                });
            }
        }
        if !known && own != fact {
            wrong.push(format!("{name}: ours {own}, theirs {fact}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for name in MOVES {
        assert_eq!(shape(&ours[name]), shape(&theirs[name]), "{name}");
    }
    let known = |name: &&String| !theirs.contains_key(*name);
    assert_eq!(ours.keys().filter(known).collect::<Vec<_>>(), Vec::<&String>::new());
}

fn facts(said: &[u8]) -> Option<Map<String, Value>> {
    let text = String::from_utf8_lossy(said);
    let (_, json) = text.split_once("=> ")?;
    serde_json::from_str::<Value>(json).ok()?.get("ansible_facts")?.as_object().cloned()
}

/// The names in a map and the kinds of what it holds; of a list that of its first.
fn shape(value: &Value) -> Value {
    match value {
        // What the environment is depends on who looks.
        Value::Object(fields) if fields.contains_key("PATH") => "environment".into(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.first().map(shape).into_iter().collect(),
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        other => other.clone(),
    }
}
