//! Many hosts at once: an SSH server of the test's own stands for all of them.

use std::time::Duration;

use windlass_swarm::Swarm;

use crate::e2e_support::env;

const HOSTS: usize = 50;

#[test]
fn every_host_has_its_result_and_no_more_work_at_once_than_allowed() {
    let swarm = Swarm::start(50, Duration::from_millis(30)).expect("it starts");
    let env = env();
    env.file("hosts.ini", swarm.inventory());
    let told = env.run(["exec", "-i", "hosts.ini", "--chunk", "7", "all", "ping"]);
    assert_eq!(told.success().stdout().matches("SUCCESS").count(), HOSTS, "{}", told.stdout());
    let seen = swarm.seen();
    assert_eq!(
        (seen.logins, seen.modules),
        (HOSTS, HOSTS),
        "one connection and one module for each: {seen:?}"
    );
    assert!((2..=7).contains(&seen.most), "{seen:?}");

    // Those who are wanted at once are there at once, over connections of their own.
    let told = env.run(["exec", "-i", "hosts.ini", "--chunk", "100", "all", "ping"]);
    assert_eq!(told.success().stdout().matches("SUCCESS").count(), HOSTS, "{}", told.stdout());
    let again = swarm.seen();
    assert_eq!((again.logins, again.modules), (2 * HOSTS, 2 * HOSTS), "{again:?}");
    assert!(again.most > seen.most && again.most <= HOSTS, "{again:?}");
}
