//! Transactions and `runs undo`: whatever happens on the way, the tree is as it was.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use windlass_testkit::{Fault, TestEnv};

use crate::e2e_support::with;

const STEPS: &str = "
      - copy: { content: 'new', dest: tree/conf, mode: '0600', backup: true }
      - lineinfile: { path: tree/list, line: more }
      - file: { path: tree/made/deep, state: directory }
      - copy: { content: 'x', dest: tree/made/deep/file }
      - file: { src: list, dest: tree/link, state: link }
      - file: { path: tree/old, state: absent }
";

fn transaction() -> String {
    format!(
        "workflow: t\ntasks:\n  - id: change\n    transaction: true\n    steps:{STEPS}      - run: 'exit 3'\n"
    )
}

fn lay_out(document: &str) -> TestEnv {
    let env = with(document);
    env.file("tree/conf", "old")
        .file("tree/list", "one\n")
        .file("tree/old/a/b", "deep")
        .file("tree/old/c", "");
    let at = |name: &str| env.project().join("tree").join(name);
    symlink("conf", at("link")).expect("a link");
    std::fs::set_permissions(at("conf"), std::fs::Permissions::from_mode(0o640)).expect("a mode");
    std::fs::set_permissions(at("old/a"), std::fs::Permissions::from_mode(0o750)).expect("a mode");
    env
}

/// Content, mode, owner and target of everything in the tree.
fn tree(env: &TestEnv) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![env.project().join("tree")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let meta = path.symlink_metadata().expect("it is there");
            let what = match std::fs::read_link(&path) {
                Ok(target) => format!("-> {}", target.display()),
                Err(_) if meta.is_dir() => {
                    folders.push(path.clone());
                    String::new()
                }
                Err(_) => std::fs::read_to_string(&path).expect("text"),
            };
            let name = path.strip_prefix(env.project()).unwrap_or(Path::new("")).display().to_string();
            found.insert(name, format!("{:o} {}:{} {what}", meta.mode(), meta.uid(), meta.gid()));
        }
    }
    found
}

fn records(env: &TestEnv) -> u64 {
    env.events().iter().filter_map(|event| event["seq"].as_u64()).max().expect("there are events")
}

#[test]
fn a_transaction_that_fails_leaves_the_tree_as_it_was() {
    let env = lay_out(&transaction());
    let due = tree(&env);
    assert!(env.run(["run", "w.yaml"]).status(1).stdout().contains("undone"));
    assert_eq!(tree(&env), due);
    let state = env.state();
    assert_eq!((&state["state"], &state["tasks"]["change"]["state"]), (&"failed".into(), &"undone".into()));
    assert!(env.run(["runs", "show", "latest"]).success().stdout().contains("↶"));
}

#[test]
fn a_stage_that_fails_takes_back_all_its_tasks() {
    let document = "workflow: t
stages:
  - name: both
    transaction: true
    tasks:
      - { id: first, copy: { content: new, dest: tree/conf } }
      - id: second
        needs: [first]
        steps:
          - file: { path: tree/old, state: absent }
          - run: exit 3
";
    let env = lay_out(document);
    let due = tree(&env);
    env.run(["run", "w.yaml"]).status(1);
    assert_eq!(tree(&env), due);
    assert_eq!(env.state()["tasks"]["first"]["state"], "undone");
}

fn finished() -> String {
    format!("workflow: t\ntasks:\n  - id: change\n    steps:{STEPS}")
}

#[test]
fn a_finished_run_is_taken_back() {
    let env = lay_out(&finished());
    let due = tree(&env);
    env.run(["run", "w.yaml"]).success();
    assert_ne!(tree(&env), due);
    env.run(["runs", "undo", "latest"]).success();
    assert_eq!(tree(&env), due);
    env.run(["runs", "undo", "latest"]).status(1);
}

#[test]
fn a_command_is_named_as_what_cannot_be_taken_back() {
    let env = lay_out(
        "workflow: t
tasks:
  - id: change
    steps:
      - copy: { content: new, dest: tree/conf }
      - { id: touch, run: echo more >> tree/list }
",
    );
    env.run(["run", "w.yaml"]).success();
    let done = tree(&env);
    env.run(["runs", "undo", "latest"]).status(1).says("change/touch").says("--force");
    assert_eq!(tree(&env), done, "nothing was touched");
    env.run(["runs", "undo", "latest", "--force"]).status(1);
    assert_eq!(env.read("tree/conf").as_deref(), Some("old"));
}

#[test]
fn a_transaction_may_be_cut_off_after_every_record() {
    let clean = lay_out(&transaction());
    clean.run(["run", "w.yaml"]).status(1);
    let last = records(&clean);
    let due = tree(&clean);
    assert!(last > 20, "{last} records are too few");
    for record in 1..last {
        let env = lay_out(&transaction());
        env.call(["run", "w.yaml"]).fault(&Fault::KillAfter(record)).run().killed();
        env.run(["resume"]).status(1);
        assert_eq!(tree(&env), due, "after record {record}");
        assert_eq!(env.state()["tasks"]["change"]["state"], "undone", "after record {record}");
    }
}

#[test]
fn an_undo_may_be_cut_off_after_every_record() {
    let clean = lay_out(&finished());
    let due = tree(&clean);
    clean.run(["run", "w.yaml"]).success();
    let first = records(&clean);
    clean.run(["runs", "undo", "latest"]).success();
    let last = records(&clean);
    assert!(last > first + 6, "{first} to {last} records are too few");
    for record in first + 1..last {
        let env = lay_out(&finished());
        env.run(["run", "w.yaml"]).success();
        env.call(["runs", "undo", "latest"]).fault(&Fault::KillAfter(record)).run().killed();
        env.run(["resume"]);
        assert_eq!(tree(&env), due, "after record {record}");
    }
}
