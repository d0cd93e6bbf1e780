//! Connections that are kept between runs, through the program: a later run makes none, and people see and end them.

use std::time::Duration;

use windlass_swarm::Swarm;
use windlass_testkit::TestEnv;

use crate::e2e_support::env;

const HOSTS: u16 = 5;

/// A project whose connections are kept, and its hosts.
fn project(swarm: &Swarm) -> TestEnv {
    let env = env();
    env.file("windlass.yaml", "ssh: { persist: 2m }\n").file("hosts.ini", swarm.inventory());
    env
}

const PING: [&str; 5] = ["exec", "-i", "hosts.ini", "all", "ping"];

#[test]
fn a_second_run_logs_in_nowhere() {
    let swarm = Swarm::start(HOSTS, Duration::from_millis(5)).expect("it starts");
    let (env, all) = (project(&swarm), usize::from(HOSTS));
    for round in 1..=3 {
        let told = env.run(PING);
        assert_eq!(told.success().stdout().matches("SUCCESS").count(), all, "{}", told.stdout());
        let seen = swarm.seen();
        assert_eq!((seen.logins, seen.modules), (all, round * all), "{seen:?}");
    }
    let list = env.run(["connections", "--json"]).success().json();
    let list = list.as_array().expect("a list");
    assert_eq!(list.len(), all);
    assert!(list.iter().all(|one| one["uses"] == 3 && one["left_s"].as_u64() > Some(60)), "{list:?}");
    assert!(env.run(["connections"]).success().stdout().contains("in 1"), "it says for how long");
    env.call(PING).var("WINDLASS_SSH_PERSIST", "off").run().success();
    assert_eq!(swarm.seen().logins, 2 * all, "the environment goes before the project");
    let closed = env.run(["connections", "--close"]);
    assert_eq!(closed.success().stdout(), format!("{all} closed\n"));
    assert_eq!(env.run(["connections", "--json"]).success().json(), serde_json::json!([]));
    env.run(PING).success();
    assert_eq!(swarm.seen().logins, 3 * all);
    env.run(["connections", "--close"]).success();
}

#[test]
fn a_time_that_is_none_is_told_where_it_stands() {
    let swarm = Swarm::start(1, Duration::ZERO).expect("it starts");
    let env = project(&swarm);
    for (text, said) in [
        ("ssh: { persist: 2d }\n", "for a day at most"),
        ("ssh: { persist: soon }\n", "windlass.yaml:1:17"),
        ("ssh: { persits: 2m }\n", "persits"),
    ] {
        env.file("windlass.yaml", text);
        env.run(PING).status(1).says(said);
    }
    env.file("windlass.yaml", "");
    for text in ["2d", "soon", "0s"] {
        env.call(PING).var("WINDLASS_SSH_PERSIST", text).run().status(1).says("WINDLASS_SSH_PERSIST");
    }
    assert_eq!(swarm.seen().logins, 0);
}
