//! `windlass inventory`: the commands over a small inventory.

use windlass_testkit::TestEnv;

use super::env;

fn with_hosts() -> TestEnv {
    let env = env();
    env.file(
        "hosts.ini",
        "[web]\nw1 ansible_password=s3cret\nw2\n[db]\nd1\n[site:children]\nweb\ndb\n[web:vars]\nport=80\n",
    );
    env.file("group_vars/db.yml", "port: 5432\n");
    env
}

#[test]
fn list_prints_what_a_dynamic_inventory_prints() {
    let env = with_hosts();
    let list = env.run(["inventory", "list", "-i", "hosts.ini"]);
    let list = list.success().json();
    assert_eq!(list["site"]["children"], serde_json::json!(["web", "db"]));
    assert_eq!(list["_meta"]["hostvars"]["d1"]["port"], 5432);
    assert_eq!(list["_meta"]["hostvars"]["w1"]["ansible_password"], "********");
    let open = env.run(["inventory", "list", "-i", "hosts.ini", "--show-secrets", "--limit", "web"]).json();
    assert_eq!(open["_meta"]["hostvars"]["w1"]["ansible_password"], "s3cret");
    assert!(open["_meta"]["hostvars"]["d1"].is_null());
}

#[test]
fn what_is_printed_is_an_inventory_again() {
    let env = with_hosts();
    let list = ["inventory", "list", "-i", "hosts.ini", "--show-secrets"];
    let whole = env.run(list).json();
    env.file("again.yaml", env.run(list.iter().copied().chain(["--yaml"])).success().stdout());
    std::fs::remove_dir_all(env.project().join("group_vars")).unwrap();
    let again = env.run(["inventory", "list", "-i", "again.yaml", "--show-secrets"]).json();
    assert_eq!(again["_meta"], whole["_meta"]);
    assert_eq!(again["web"], whole["web"]);
}

#[test]
fn graph_draws_groups_and_hosts() {
    let env = with_hosts().var("ANSIBLE_INVENTORY", "hosts.ini");
    let graph = env.run(["inventory", "graph"]);
    let want = "\
@all:
  |--@ungrouped:
  |--@site:
  |  |--@web:
  |  |  |--w1
  |  |  |--w2
  |  |--@db:
  |  |  |--d1
";
    assert_eq!(graph.success().stdout(), want);
    let part = env.run(["inventory", "graph", "db", "--vars"]);
    assert_eq!(part.stdout(), "@db:\n  |--d1\n  |  |--{port = 5432}\n  |--{port = 5432}\n");
    env.run(["inventory", "graph", "wbe"]).status(1).says("did you mean `web`?");
}

#[test]
fn host_prints_the_variables_of_one() {
    let env = with_hosts();
    assert_eq!(
        env.run(["inventory", "host", "w2", "-i", "hosts.ini"]).json(),
        serde_json::json!({"port": 80})
    );
    env.run(["inventory", "host", "w9", "-i", "hosts.ini"]).status(1).says("WL0719");
}

#[test]
fn problems_have_their_places_and_no_inventory_is_told() {
    let env = env();
    env.run(["inventory", "list"]).status(1).says("no inventory is named");
    env.file("bad.ini", "w1 x\nw2 'y\n");
    let bad = env.run(["inventory", "list", "-i", "bad.ini"]);
    bad.status(1).says("bad.ini:1:4");
    bad.says("bad.ini:2:1");
    env.run(["inventory", "list", "-i", "w1,", "-l", "x*"]).status(1).says("`x*` means no host");
}
