//! Inventories on the command line: hosts that are this machine, reached without a connection.

use windlass_testkit::TestEnv;

use crate::e2e_support::with;

const HOSTS: &str = "
[web]
w[1:3]
[db]
d1 port=5432 ansible_password=hunter2-is-secret
[all:vars]
ansible_connection=local
zone=eu
";

const ROLL: &str = "
workflow: roll
tasks:
  - id: conf
    hosts: web:db
    serial: [1, '50%']
    steps:
      - copy: { content: \"{{ inventory_hostname }} {{ zone }} {{ groups['web'] | length }}\", dest: 'out-{{ inventory_hostname }}' }
      - command: echo {{ hostvars['d1'].port }}
        changed_when: false
    outputs: { port: \"{{ stdout }}\" }
  - id: after
    needs: [conf]
    copy: { content: \"{{ tasks.conf.outputs.w2.port }}\", dest: port }
";

fn fleet() -> TestEnv {
    let env = with(ROLL);
    env.file("hosts.ini", HOSTS);
    env
}

#[test]
fn a_workflow_goes_over_the_hosts_of_an_inventory() {
    let env = fleet();
    env.run(["run", "w.yaml", "-i", "hosts.ini"]).success();
    assert_eq!(env.read("out-w2").as_deref(), Some("w2 eu 3"));
    assert_eq!(env.read("port").as_deref(), Some("5432"));
    let again = env.run(["run", "w.yaml", "-i", "hosts.ini", "--json"]).success().json();
    assert_eq!(again["state"], "completed");
    let third = env.run(["run", "w.yaml", "-i", "hosts.ini"]);
    assert!(third.success().stdout().contains("changed=0"), "{}", third.stdout());
}

#[test]
fn a_limit_leaves_the_other_hosts_alone() {
    let env = fleet();
    env.run(["run", "w.yaml", "-i", "hosts.ini", "--limit", "w*:!w1"]).success();
    assert!(env.has("out-w2") && env.has("out-w3") && !env.has("out-w1") && !env.has("out-d1"));
}

#[test]
fn hosts_without_an_inventory_and_patterns_that_mean_nothing_are_told_before_anything_is_touched() {
    let env = fleet();
    env.run(["run", "w.yaml"]).status(1).says("WL0209").says("-i hosts.yaml");
    env.run(["run", "w.yaml", "-i", "nowhere.ini"]).status(1).says("nowhere.ini");
    env.file("w.yaml", ROLL.replace("web:db", "wen"));
    env.run(["run", "w.yaml", "-i", "hosts.ini"]).status(1).says("wen");
    env.run(["run", "w.yaml", "--limit", "w1"]).status(1).says("WL0209");
    assert!(!env.has("out-w1"));
}

#[test]
fn a_password_of_the_inventory_is_kept_nowhere() {
    let env = fleet();
    env.run(["run", "w.yaml", "-i", "hosts.ini"]).success();
    env.run(["plan", "w.yaml", "-i", "hosts.ini", "-o", "p.plan"]).success();
    env.file("own", "hunter2-is-secret");
    let told = env.run(["exec", "-i", "hosts.ini", "db", "command", "cat own"]);
    assert!(!told.success().stdout().contains("hunter2-is-secret"), "{}", told.stdout());
    for (path, content) in env.everything() {
        let shown = content.windows(17).any(|part| part == b"hunter2-is-secret");
        let own = path.ends_with("hosts.ini") || path.ends_with("own");
        assert!(!shown || own, "{}", path.display());
    }
}

#[test]
fn a_saved_plan_reads_its_inventory_again_and_is_stale_where_that_has_changed() {
    let env = fleet();
    env.run(["plan", "w.yaml", "-i", "hosts.ini", "-o", "p.plan"]).success();
    env.file("hosts.ini", HOSTS.replace("zone=eu", "zone=us"));
    env.run(["apply", "p.plan"]).status(1);
    assert!(!env.has("out-w1"));
    env.file("hosts.ini", format!("# a comment\n{HOSTS}"));
    env.run(["apply", "p.plan"]).success();
    assert_eq!(env.read("out-w1").as_deref(), Some("w1 eu 3"));
}

#[test]
fn one_thing_is_done_on_many_hosts() {
    let env = fleet();
    let told = env.run(["exec", "-i", "hosts.ini", "web:!w2", "command", "echo", "hi", "a b"]);
    assert!(
        told.success()
            .stdout()
            .starts_with("w1 | CHANGED | rc=0 >>\nhi a b\nw3 | CHANGED | rc=0 >>\nhi a b\n")
    );
    env.run(["exec", "-i", "hosts.ini", "all", "copy", "content=a b", "dest=x"]).success();
    assert_eq!(env.read("x").as_deref(), Some("a b"));
    let failed = env.run(["exec", "-i", "hosts.ini", "all", "command", "false"]);
    assert!(failed.status(1).stdout().starts_with("d1 | FAILED! | rc=1 >>\n"));
    env.run(["exec", "-i", "hosts.ini", "all", "nomodule"]).status(1).says("nomodule");
}
