//! Many hosts at once: an SSH server of the test's own stands for all of them.

use std::time::Duration;

use windlass_swarm::Swarm;

use crate::e2e_support::env;

const HOSTS: u16 = 50;

#[test]
fn every_host_has_its_result_and_no_more_work_at_once_than_allowed() {
    let swarm = Swarm::start(HOSTS, Duration::from_millis(30)).expect("it starts");
    let env = env();
    env.file("hosts.ini", swarm.inventory());
    let told = env.run(["exec", "-i", "hosts.ini", "--chunk", "7", "all", "ping"]);
    let all = usize::from(HOSTS);
    assert_eq!(told.success().stdout().matches("SUCCESS").count(), all, "{}", told.stdout());
    let seen = swarm.seen();
    assert_eq!((seen.logins, seen.modules), (all, all), "one connection and one module for each: {seen:?}");
    assert!(seen.most <= 7, "{seen:?}");
}
