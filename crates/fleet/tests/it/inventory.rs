//! Inventories: what they mean is what ansible-core says of them, and what is wrong is told with its place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use windlass_fleet::inventory::{Inventory, Options, show};

/// One inventory of the corpus and what ansible-core says of it.
struct Case {
    name: String,
    sources: Vec<String>,
    folder: PathBuf,
    expected: Value,
    /// What is not compared, and why.
    skip: Value,
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventories")
}

fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn cases() -> Vec<Case> {
    let list = read_json(&corpus().join("cases.json"));
    let case = |case: &Value| {
        let name = case["name"].as_str().unwrap().to_owned();
        let sources = case["sources"].as_array().unwrap();
        Case {
            sources: sources.iter().map(|source| source.as_str().unwrap().to_owned()).collect(),
            folder: corpus().join(&name),
            skip: case["skip"].clone(),
            expected: read_json(&corpus().join(format!("expected/{name}.json"))),
            name,
        }
    };
    list.as_array().unwrap().iter().map(case).collect()
}

impl Case {
    fn try_load(&self) -> Result<Inventory, String> {
        Inventory::load(&self.sources, &Options::new(&self.folder))
            .map_err(|problems| format!("{}:\n{problems}", self.name))
    }

    fn load(&self) -> Inventory {
        self.try_load().unwrap_or_else(|problems| panic!("{problems}"))
    }
}

fn open() -> show::View {
    show::View { secrets: true, ..show::View::default() }
}

#[test]
fn inventories_mean_what_ansible_says() {
    let cases = cases();
    assert!(cases.len() >= 40, "the corpus has {} inventories", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let inventory = match case.try_load() {
            Ok(inventory) => inventory,
            Err(problems) => {
                wrong.push(problems);
                continue;
            }
        };
        let list = show::list(&inventory, &open());
        for (part, ours, theirs) in differences(&list, &trusted(&case.expected["list"])) {
            wrong.push(format!("{}: {part}\n    ours   {ours}\n    Ansible {theirs}", case.name));
        }
        let all = inventory.group("all").unwrap();
        for (key, vars) in [("graph", false), ("graph_vars", true)] {
            let ours = show::graph(&inventory, all, vars, &open());
            let theirs = case.expected[key].as_str().unwrap();
            if case.skip[key].is_string() {
                continue;
            }
            if ours.trim_end() != theirs.trim_end() {
                wrong.push(format!("{}: {key}\n{ours}\n--- Ansible\n{theirs}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Ansible marks texts that it would not render; what they say is the same.
fn trusted(value: &Value) -> Value {
    match value {
        Value::Object(map) => match map.get("__ansible_unsafe") {
            Some(text) => text.clone(),
            None => map.iter().map(|(key, value)| (key.clone(), trusted(value))).collect(),
        },
        other => other.clone(),
    }
}

/// What differs between two inventories, by path.
fn differences(ours: &Value, theirs: &Value) -> Vec<(String, String, String)> {
    let (ours, theirs) = (flat(ours), flat(theirs));
    let paths: std::collections::BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let text = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
    paths
        .into_iter()
        .filter(|path| ours.get(*path) != theirs.get(*path))
        .map(|path| (path.clone(), text(ours.get(path)), text(theirs.get(path))))
        .collect()
}

/// Objects down to the third level, where variables are.
fn flat(value: &Value) -> BTreeMap<String, Value> {
    let mut parts = BTreeMap::new();
    let mut left = vec![(String::new(), value.clone(), 0)];
    while let Some((path, value, depth)) = left.pop() {
        match value {
            Value::Object(map) if depth < 4 => {
                left.extend(map.into_iter().map(|(key, value)| (format!("{path}/{key}"), value, depth + 1)));
            }
            other => {
                parts.insert(path, other);
            }
        }
    }
    parts
}

#[test]
fn patterns_mean_what_ansible_says() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for case in cases() {
        let Ok(inventory) = case.try_load() else { continue };
        for answer in case.expected["patterns"].as_array().unwrap() {
            count += 1;
            let pattern = answer["pattern"].as_str().unwrap();
            let ours = match inventory.select(pattern, answer["limit"].as_str()) {
                Ok(selection) => json!(selection.hosts.iter().map(|host| &**host).collect::<Vec<_>>()),
                Err(_) => json!("an error"),
            };
            let theirs = if answer["error"].is_null() { &answer["hosts"] } else { &json!("an error") };
            if ours != *theirs {
                wrong.push(format!("{}: {pattern} {}: {ours}, Ansible {theirs}", case.name, answer["limit"]));
            }
        }
    }
    assert!(count >= 100, "the corpus has {count} patterns");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where ansible-core is installed, the stored answers are what it says today.
#[test]
fn the_answers_are_those_of_the_ansible_that_is_here() {
    if Command::new("ansible-inventory").arg("--version").output().is_err() {
        return;
    }
    // Each answer takes Ansible a second or more.
    let cases = cases();
    std::thread::scope(|scope| {
        for part in cases.chunks(cases.len().div_ceil(4)) {
            scope.spawn(|| part.iter().for_each(compare_live));
        }
    });
}

fn compare_live(case: &Case) {
    let mut command = Command::new("ansible-inventory");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ANSIBLE_")) {
        command.env_remove(name);
    }
    command.current_dir(&case.folder).arg("--list").env("LC_ALL", "C.UTF-8");
    command.env("ANSIBLE_CONFIG", corpus().join("ansible.cfg"));
    case.sources.iter().for_each(|source| {
        command.arg("-i").arg(source);
    });
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {}", case.name, String::from_utf8_lossy(&output.stderr));
    let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(show::list(&case.load(), &open()), trusted(&theirs), "{}", case.name);
}

/// A folder with these files; those whose text begins as a script's does are executable.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        if text.starts_with("#!") {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    folder
}

/// The problems of one inventory, one on each line.
fn problems(files: &[(&str, &str)], sources: &[&str]) -> Vec<String> {
    let folder = folder(files);
    match Inventory::load(sources, &Options::new(folder.path())) {
        Ok(inventory) => panic!("{sources:?} has no problem: {inventory:?}"),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[track_caller]
fn told(told: &[String], parts: &[&str]) {
    for part in parts {
        assert!(told.iter().any(|line| line.contains(part)), "{part} is not told in {told:#?}");
    }
    assert_eq!(told.len(), parts.len(), "{told:#?}");
}

#[test]
fn every_problem_of_an_ini_file_is_told_with_its_place() {
    let text = "\
w1 a
w2 'open
w3:
[web:foo]
passed over
[web bad]
[x:vars]
no equals sign
[y:children]
missing
a b
[1:2:3]
--- a=1
w[1]
w[1:2:0]
w[0:99999999] x=1
ok[1:2] k=v w
[z]
p ansible_group_priority=1
[z:vars]
ansible_group_priority=high
";
    told(
        &problems(&[("hosts.ini", text)], &["hosts.ini"]),
        &[
            "hosts.ini:1:4: expected `name=value` after the host, found `a` [WL0700]",
            "hosts.ini:2:1: a quote is not closed",
            "hosts.ini:3:1: the host `w3:` ends in `:`",
            "hosts.ini:4:1: the section `[web:foo]` has an unknown type",
            "hosts.ini:6:1: `[web bad]` is no section",
            "hosts.ini:7:1: `[x:vars]` needs the group `x`",
            "hosts.ini:8:1: expected `name=value`, found `no equals sign`",
            "hosts.ini:10:1: `[y:children]` names the group `missing`",
            "hosts.ini:11:1: expected the name of a group, found `a b`",
            "hosts.ini:12:1: `[1:2:3]` is no section",
            "hosts.ini:21:1: `ansible_group_priority` takes a whole number",
        ],
    );
    let hosts = "--- a=1\nw[1]\nw[1:2:0]\nw[0:99999999] x=1\nok[1:2] k=v w\n";
    told(
        &problems(&[("hosts.ini", hosts)], &["hosts.ini"]),
        &[
            "hosts.ini:1:1: `---` begins a YAML file",
            "hosts.ini:2:1: in the host `w[1]`, a range is `[begin:end]`",
            "hosts.ini:3:1: in the host `w[1:2:0]`, the step of a range cannot be 0",
            "hosts.ini:4:1: `w[0:99999999]` stands for more than 100000 hosts [WL0714]",
            "hosts.ini:5:13: expected `name=value` after the host, found `w`",
        ],
    );
}

#[test]
fn every_problem_of_a_yaml_file_is_told_with_its_place() {
    let text = "\
all:
  hosts: [a, b]
  children:
    web:
      hosts:
        w1: text
        1: {}
        w[1:]: {}
      vars: 5
    ghost: just a text
    2: {}
  vars:
    secret: !vault |
      $ANSIBLE_VAULT;1.1;AES256
      6162
";
    told(
        &problems(&[("hosts.yaml", text)], &["hosts.yaml"]),
        &[
            "hosts.yaml:13:13: the value of `secret` is encrypted with Ansible Vault, which is not supported [WL0717]",
        ],
    );
    let text = text.split("  vars:\n    secret").next().unwrap();
    told(
        &problems(&[("hosts.yaml", text)], &["hosts.yaml"]),
        &[
            "hosts.yaml:2:10: `hosts` of the group `all` is a mapping of names, found a list",
            "hosts.yaml:6:13: a host has a mapping of variables, found a text",
            "hosts.yaml:7:9: the name of a host must be a text; quote it: \"1\"",
            "hosts.yaml:8:9: in the host `w[1:]`, a range needs its end",
            "hosts.yaml:9:13: `vars` of the group `web` is a mapping of names, found a whole number",
            "hosts.yaml:10:5: `ghost` is no known host and no known group",
            "hosts.yaml:11:5: the name of a group must be a text; quote it: \"2\"",
        ],
    );
    told(
        &problems(&[("h.yaml", "[1, 2]\n")], &["h.yaml"]),
        &["h.yaml:1:1: an inventory is a mapping of groups"],
    );
    told(&problems(&[("h.yaml", "a: [\n")], &["h.yaml"]), &["[WL0101]"]);
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    told(&problems(&[], &["nowhere"]), &["there is no inventory `nowhere`: No such file"]);
    told(
        &problems(&[("aws.yml", "plugin: amazon.aws.aws_ec2\n")], &["aws.yml"]),
        &["aws.yml:1:1: this configures an inventory plugin of Ansible, which is not supported [WL0716]"],
    );
    told(&problems(&[("h.toml", "[web]\n")], &["h.toml"]), &["inventories in TOML are not supported"]);
    told(&problems(&[("h.ini", "$ANSIBLE_VAULT;1.1;AES256\n61\n")], &["h.ini"]), &["the file is encrypted"]);
    let files = [
        ("h.ini", "w1\n"),
        ("group_vars/all.yml", "$ANSIBLE_VAULT;1.1;AES256\n61\n"),
        ("host_vars/w1", "[1]"),
    ];
    told(
        &problems(&files, &["h.ini"]),
        &[
            "group_vars/all.yml:1:1: the file is encrypted",
            "host_vars/w1:1:1: a file with variables holds a mapping",
        ],
    );
}

#[test]
fn problems_of_all_sources_are_told_at_once() {
    let files = [("a.ini", "w1 x\n"), ("b.yaml", "all: {hosts: [x]}\n"), ("group_vars/all.yml", "a: [\n")];
    assert_eq!(problems(&files, &["a.ini", "b.yaml", "c.ini", "d,"]).len(), 4);
}

#[test]
fn groups_in_a_circle_are_refused_with_the_circle() {
    let ini = "[a:children]\nb\n[b:children]\nc\n[c:children]\na\n[d:children]\na\n";
    told(
        &problems(&[("h.ini", ini)], &["h.ini"]),
        &["h.ini:6:1: groups hold each other in a circle: `a` > `b` > `c` > `a` [WL0712]"],
    );
    told(
        &problems(&[("h.yaml", "a: {children: {a: {}}}\n")], &["h.yaml"]),
        &["h.yaml:1:16: groups hold each other in a circle: `a` > `a`"],
    );
    told(
        &problems(&[("h.ini", "[web:children]\nall\n")], &["h.ini"]),
        &["groups hold each other in a circle: `all` > `web` > `all`"],
    );
    let deep: String =
        (0..200).map(|n| format!("[g{n}:children]\ng{}\n", n + 1)).chain(["[g200]\n".to_owned()]).collect();
    told(&problems(&[("h.ini", &deep)], &["h.ini"]), &["lies more than 128 groups below `all`"]);
}

#[test]
fn names_that_cannot_be_seen_are_refused() {
    for name in ["a\\u0007b", "a\\nb", "a\\u2028b", "a\\u202eb", ""] {
        let json = format!("{{\"web\": {{\"hosts\": {{\"{name}\": {{}}}}}}}}");
        told(&problems(&[("h.json", &json)], &["h.json"]), &["[WL0713]"]);
        let json = format!("{{\"{name}\": {{\"hosts\": {{}}}}}}");
        told(&problems(&[("h.json", &json)], &["h.json"]), &["[WL0713]"]);
    }
    told(&problems(&[("h.ini", &format!("{}\n", "a".repeat(1025)))], &["h.ini"]), &["more than 1024 bytes"]);
}

/// Ansible reads `host_vars/../outside.yml` for a host that is called so.
#[test]
fn names_of_hosts_lead_to_no_other_files() {
    let folder = folder(&[
        ("inv/h.ini", "[..]\n../../outside\n..\n.\nsub/x\n/abs\nok\n"),
        ("inv/host_vars/ok.yml", "v: 1\n"),
        ("inv/host_vars/sub/x.yml", "v: 2\n"),
        ("outside.yml", "v: 3\n"),
        ("inv/other.yml", "v: 4\n"),
    ]);
    let inventory = Inventory::load(&["inv/h.ini"], &Options::new(folder.path())).unwrap();
    for host in inventory.hosts() {
        let want = if &**host.name() == "ok" { json!(1) } else { json!(null) };
        assert_eq!(inventory.vars(host.name()).get("v").cloned().unwrap_or_default(), want, "{host:?}");
    }
}

#[test]
fn programs_that_fail_are_told_with_what_they_said() {
    let run = |text: &str| problems(&[("inv.sh", &format!("#!/bin/sh\n{text}\n"))], &["./inv.sh"]);
    told(
        &run("echo oops; echo 'no\n  credentials' >&2; exit 7"),
        &[
            "the inventory `./inv.sh --list` failed: it ended with status 7; it said: no | credentials [WL0715]",
        ],
    );
    told(&run("echo '{\"a\": [1,]}'"), &["./inv.sh --list:1:10: this is no JSON"]);
    told(&run("echo '[]'"), &["a JSON object is expected, found a list"]);
    told(&run(":"), &["it printed nothing"]);
    told(&run("kill -9 $$"), &["it was ended by signal 9"]);
    told(&run("echo '{\"_meta\": {}}'"), &["`_meta` needs `hostvars`"]);
    told(
        &run("echo '{\"g\": {\"hosts\": [1], \"vars\": 2, \"children\": 3}, \"_meta\": {\"hostvars\": {}}}'"),
        &["the name of a host is a text", "`vars` is a mapping", "`children` is a list"],
    );
    told(
        &problems(&[("inv", "#!/no/such/interpreter\n")], &["inv"]),
        &["it cannot be started: No such file or directory"],
    );
    told(
        &run("case $1 in --list) echo '{\"g\": [\"h\"]}';; *) echo bad; exit 1;; esac"),
        &["the inventory `./inv.sh --host h` failed: it ended with status 1"],
    );
}

#[test]
fn programs_have_limited_time_and_leave_nothing() {
    let folder = folder(&[("inv", "#!/bin/sh\nsleep 300 & echo $! > child\necho waiting >&2\nwait\n")]);
    let options =
        Options { program_time: std::time::Duration::from_millis(300), ..Options::new(folder.path()) };
    let start = std::time::Instant::now();
    let problems = Inventory::load(&["inv"], &options).unwrap_err();
    assert!(start.elapsed() < std::time::Duration::from_secs(10), "{:?}", start.elapsed());
    told(&[problems.to_string()], &["it took too long; it said: waiting"]);
    let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
    let is_there = || {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
        !status.is_empty() && !status.contains(") Z ")
    };
    // A signal that was sent still has to arrive.
    while is_there() {
        assert!(start.elapsed() < std::time::Duration::from_secs(20), "its child is still there");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Host names are arguments, never words of a shell.
#[test]
fn programs_are_called_without_a_shell() {
    let script = r#"#!/bin/sh
if [ "$1" = --list ]; then echo '{"g": ["a; touch pwned", "$(touch pwned)"]}'
else printf '{"asked": "%s"}' "$2"; fi
"#;
    let folder = folder(&[("a b;c.sh", script)]);
    let inventory = Inventory::load(&["a b;c.sh"], &Options::new(folder.path())).unwrap();
    assert_eq!(inventory.vars("a; touch pwned")["asked"], "a; touch pwned");
    assert_eq!(inventory.vars("$(touch pwned)")["asked"], "$(touch pwned)");
    assert!(!folder.path().join("pwned").exists());
    assert!(
        inventory.warnings().iter().any(|warning| warning.message.contains("called again for each host"))
    );
}

#[test]
fn the_document_s_own_folder_wins_over_the_inventory_s() {
    let folder = folder(&[
        ("inv/h.ini", "[web]\nw1 a=0 h=0\n[web:vars]\nb=0\nc=0\n[all:vars]\nd=0\n"),
        ("inv/group_vars/web.yml", "b: 1\nc: 1\n"),
        ("inv/host_vars/w1.yml", "h: 1\n"),
        ("flow/group_vars/all.yml", "b: 2\nd: 2\n"),
        ("flow/group_vars/web.yml", "c: 3\n"),
        ("flow/host_vars/w1.yml", "h: 4\n"),
    ]);
    let beside = Some(folder.path().join("flow"));
    let inventory =
        Inventory::load(&["inv/h.ini"], &Options { beside, ..Options::new(folder.path()) }).unwrap();
    let vars = json!(*inventory.vars("w1"));
    assert_eq!(vars, json!({"a": 0, "b": 1, "c": 3, "d": 2, "h": 4}));
    let names: Vec<_> =
        inventory.files().iter().map(|file| file.path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["all.yml", "web.yml", "w1.yml", "web.yml", "h.ini", "w1.yml"]);
    let again = Inventory::load(
        &["inv/h.ini"],
        &Options { beside: Some(folder.path().join("flow")), ..Options::new(folder.path()) },
    );
    assert_eq!(again.unwrap().files(), inventory.files(), "the same content has the same hashes");
}

#[test]
fn the_environment_names_paths_or_hosts() {
    let folder = folder(&[("a.ini", "a\n"), ("b", "b\n")]);
    let options = Options::new(folder.path());
    assert_eq!(options.sources("a.ini,b"), ["a.ini", "b"]);
    assert_eq!(options.sources("a.ini, "), ["a.ini"]);
    assert_eq!(options.sources("web1,web2,"), ["web1,web2,"]);
    assert_eq!(options.sources("nowhere"), ["nowhere"]);
    assert!(options.sources(" , ").is_empty());
}

#[test]
fn paths_in_the_folder_are_shown_from_there() {
    let folder = folder(&[("h.ini", "w1 x\n"), ("group_vars/all.yml", "[1]\n")]);
    let whole = folder.path().join("h.ini").to_string_lossy().into_owned();
    let problems = Inventory::load(&[whole], &Options::new(folder.path())).unwrap_err();
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert!(
        lines[0].starts_with("group_vars/all.yml:1:1: ") && lines[1].starts_with("h.ini:1:4: "),
        "{lines:#?}"
    );
}

#[test]
fn this_machine_is_there_without_being_named() {
    let inventory = Inventory::localhost();
    assert_eq!(inventory.hosts().count(), 0);
    assert!(inventory.select("all", None).unwrap().hosts.is_empty());
    assert_eq!(inventory.select("localhost", None).unwrap().hosts, ["localhost".into()]);
    assert_eq!(inventory.vars("localhost")["ansible_connection"], "local");
    assert!(inventory.host("localhost").unwrap().is_implicit());
    assert!(inventory.host("web1").is_none() && inventory.vars("web1").is_empty());
    let folder = folder(&[("h.ini", "127.0.0.1 v=1\n[all:vars]\na=1\n"), ("g.ini", "[all:vars]\na=1\n")]);
    let explicit = Inventory::load(&["h.ini"], &Options::new(folder.path())).unwrap();
    assert_eq!(explicit.select("localhost", None).unwrap().hosts, ["127.0.0.1".into()]);
    assert_eq!(&**explicit.host("::1").unwrap().name(), "127.0.0.1");
    let implicit = Inventory::load(&["g.ini"], &Options::new(folder.path())).unwrap();
    assert_eq!(json!(*implicit.vars("localhost")), json!({"a": 1, "ansible_connection": "local"}));
}

#[test]
fn magic_variables_are_those_of_ansible() {
    let folder = folder(&[("h.ini", "[web]\nw1.example.com\n10.0.0.1\n[prod:children]\nweb\n")]);
    let inventory = Inventory::load(&["h.ini"], &Options::new(folder.path())).unwrap();
    let magic = inventory.magic_vars("w1.example.com");
    assert_eq!(magic["inventory_hostname"], "w1.example.com");
    assert_eq!(magic["inventory_hostname_short"], "w1");
    assert_eq!(magic["group_names"], json!(["prod", "web"]));
    assert_eq!(magic["inventory_dir"], json!(folder.path().to_str()));
    assert_eq!(inventory.magic_vars("10.0.0.1")["inventory_hostname_short"], "10.0.0.1");
    let hosts = json!(["w1.example.com", "10.0.0.1"]);
    let groups = json!(*inventory.dictionary());
    assert_eq!(groups, json!({"all": hosts, "ungrouped": [], "web": hosts, "prod": hosts}));
}

#[test]
fn hosts_in_the_same_groups_share_what_the_groups_say() {
    let folder = folder(&[("h.ini", "[web]\nw1\nw2\nw3 x=1\n[web:vars]\nv=1\n")]);
    let inventory = Inventory::load(&["h.ini"], &Options::new(folder.path())).unwrap();
    assert!(std::sync::Arc::ptr_eq(&inventory.vars("w1"), &inventory.vars("w2")));
    let [shared, own] = inventory.layers("w3");
    assert!(std::sync::Arc::ptr_eq(&shared, &inventory.vars("w1")));
    assert_eq!(json!(*own), json!({"x": 1}));
}

#[test]
fn patterns_that_mean_nothing_are_told() {
    let folder = folder(&[("h.ini", "[web]\nw1\nw2\n"), ("empty.retry", "\n\n")]);
    let inventory = Inventory::load(&["h.ini"], &Options::new(folder.path())).unwrap();
    let error =
        |pattern: &str, limit: Option<&str>| inventory.select(pattern, limit).unwrap_err().to_string();
    assert_eq!(error("web[2]", None), "the pattern `web[2]` has an index beyond the 2 hosts that it matches");
    assert!(error("~(", None).starts_with("the pattern `~(` is no regular expression"));
    assert_eq!(error("!", None), "`!` needs a name or a pattern behind it");
    assert!(error("all", Some("@nowhere")).contains("cannot read the file"));
    assert!(error("all", Some("@empty.retry")).ends_with("names no host"), "an empty list is not all hosts");
    let selection = inventory.select("web:nosuch,w*,ghost*", None).unwrap();
    assert_eq!(selection.unmatched, ["web:nosuch", "ghost*"]);
    let none = inventory.select("nosuch", None).unwrap().some("nosuch").unwrap_err();
    assert_eq!(none.message, "`nosuch` means no host: nothing matches `nosuch`");
}

#[test]
fn warnings_are_no_errors() {
    let text =
        "all: {hosts: {a: {1x: 1}, localhost: {}, 127.0.0.1: {}}, odd: {}, children: {a: {}}}\nx: text\n";
    let folder = folder(&[("h.yaml", text), ("e.ini", "[g]\nw[3:1]\n")]);
    let inventory = Inventory::load(&["h.yaml", "e.ini"], &Options::new(folder.path())).unwrap();
    let all: Vec<_> = inventory.warnings().iter().map(ToString::to_string).collect();
    told(
        &all,
        &[
            "`1x` is no name for a variable",
            "`127.0.0.1` is this machine",
            "`odd` is passed over",
            "`a` is the name of a host and of a group",
            "`x` is passed over",
            "the range in `w[3:1]` holds no host",
        ],
    );
}

#[test]
fn secrets_are_masked_unless_asked_for() {
    let folder = folder(&[(
        "h.ini",
        "w1 ansible_password=s3cret ansible_become_pass=t0p db_password=x\n[all:vars]\nansible_ssh_pass=v3ry\n",
    )]);
    let inventory = Inventory::load(&["h.ini"], &Options::new(folder.path())).unwrap();
    let all = inventory.group("all").unwrap();
    for shown in [
        show::list(&inventory, &show::View::default()).to_string(),
        show::tree(&inventory, &show::View::default()).to_string(),
        show::graph(&inventory, all, true, &show::View::default()),
        format!("{inventory:?} {:?} {all:?}", inventory.host("w1")),
    ] {
        assert!(!["s3cret", "t0p", "v3ry"].iter().any(|secret| shown.contains(secret)), "{shown}");
    }
    assert!(show::list(&inventory, &open()).to_string().contains("s3cret"));
}

#[test]
fn ranges_do_not_multiply_what_is_large() {
    let value = "x".repeat(100_000);
    told(
        &problems(&[("h.ini", &format!("w[1:50000] a={value}\n"))], &["h.ini"]),
        &["take too much memory [WL0714]"],
    );
    told(&problems(&[("h.ini", &format!("{value}[1:50000]\n"))], &["h.ini"]), &["cannot be that long"]);
}
