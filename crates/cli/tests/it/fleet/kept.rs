//! Connections that are kept between rollouts over real hosts: nothing of a run stays but the gates that wait.

use std::time::{Duration, Instant};

use windlass_testkit::rig::{Host, Rig};
use windlass_testkit::{Fault, TestEnv};

use super::{RUN, site};

/// The gates on a host, as `pgrep` finds them; the brackets keep it from finding the shell that calls it.
fn gates(host: &Host) -> usize {
    host.exec("pgrep -fc 'windlass-gat[e].* serve' || true").stdout().trim().parse().expect("a number")
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn connections(env: &TestEnv) -> Vec<serde_json::Value> {
    let list = env.run(["connections", "--json"]).success().json();
    list.as_array().expect("a list").clone()
}

#[test]
fn rollouts_find_their_connections_and_leave_no_work_behind() {
    let Some(rig) = Rig::for_test(2) else { return };
    let env = site(&rig);
    env.file("windlass.yaml", "ssh: { persist: 5m }\n");
    assert!(env.run(RUN).success().stdout().contains("changed=11"));
    until("a gate waits on each host", || rig.hosts().iter().all(|host| gates(host) == 1));
    assert!(env.run(RUN).success().stdout().contains("changed=0"));
    let list = connections(&env);
    assert!(list.len() == 2 && list.iter().all(|one| one["uses"] == 2), "{list:?}");

    // A run that is killed takes its gates with it, and not the connections.
    rig.hosts().iter().for_each(|host| drop(host.exec("rm -rf /opt/shop")));
    env.call(RUN).fault(&Fault::KillAfter(9)).run().killed();
    until("one gate waits on each host again", || rig.hosts().iter().all(|host| gates(host) == 1));
    env.run(["resume"]).success();
    let list = connections(&env);
    assert!(list.len() == 2 && list.iter().all(|one| one["uses"].as_u64() >= Some(3)), "{list:?}");

    // A host that is switched off and on has another connection, and is reached.
    rig.host(2).kill().expect("it goes off");
    rig.host(2).start().expect("it goes on");
    assert!(env.run(RUN).success().stdout().contains("changed=0"));

    env.run(["gate", "clean", "-i", "rig.ini"]).success();
    until("nothing of ours runs", || rig.hosts().iter().all(|host| gates(host) == 0));
    env.run(["connections", "--close"]).success();
}
