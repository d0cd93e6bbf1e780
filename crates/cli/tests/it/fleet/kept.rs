//! Connections that are kept between rollouts over real hosts: nothing of a run stays but the gates that wait, and
//! those know nothing of it.

use std::time::{Duration, Instant};

use windlass_testkit::rig::{Host, Rig};
use windlass_testkit::{Fault, Signal, TestEnv};

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

/// The gates on a host by their process numbers.
fn pids(host: &Host) -> Vec<String> {
    let said = host.exec("pgrep -f 'windlass-gat[e].* serve' || true").stdout();
    said.split_whitespace().map(str::to_owned).collect()
}

const SECRET: &str = "mother-of-pearl-4711";

/// Steps that a gate could remember: an environment, a content that comes, and one that is foreseen.
fn secretive() -> String {
    format!(
        "workflow: secretive
tasks:
  - id: work
    hosts: all
    environment: {{ TOKEN: {SECRET} }}
    steps:
      - command: printenv TOKEN
      - copy: {{ src: big.bin, dest: /opt/big }}
      - copy: {{ content: \"{SECRET}\", dest: /opt/ghost }}
"
    )
}

/// A project whose one host has a gate that a run with a secret gave back.
fn given_back(rig: &Rig) -> (TestEnv, Vec<String>) {
    let env = site(rig);
    env.file("windlass.yaml", "ssh: { persist: 5m }\n").file("w.yaml", secretive());
    env.run(RUN).success();
    let host = rig.host(1);
    until("its gate waits", || connections(&env).iter().all(|one| one["ready"] == 1));
    let pids = pids(host);
    assert_eq!(pids.len(), 1, "{pids:?}");
    (env, pids)
}

const NEXT: [&str; 6] =
    ["exec", "-i", "rig.ini", "h1", "shell", "echo ${TOKEN-nothing}; cat /proc/$PPID/environ | tr '\\0' ' '"];

#[test]
fn a_gate_goes_from_run_to_run_and_forgets_each() {
    let Some(rig) = Rig::for_test(1) else { return };
    let host = rig.host(1);
    let (env, first) = given_back(&rig);
    let lies = host.exec("ls /root/.cache/windlass").stdout().trim().to_owned();
    assert!(lies.starts_with("windlass-gate-") && !lies.contains('\n'), "nothing lies beside it: {lies}");
    // What a check foresees is that check's: the next one foresees it anew, and a run finds nothing of it.
    host.exec("rm /opt/ghost");
    for _ in 0..2 {
        let told = env.run(RUN.iter().copied().chain(["--check"])).success().stdout();
        assert!(told.contains("changed=1"), "{told}");
    }
    assert_eq!(host.exec("ls /opt/ghost || true").stdout(), "");
    let told = env.run(NEXT).success().stdout();
    assert!(told.contains("nothing") && !told.contains(SECRET), "{told}");
    assert_eq!(pids(host), first, "one gate did all of it");

    // Each user has a gate of its own, that of root too where no password is asked for.
    env.file(
        "rig.ini",
        rig.inventory().replace("ansible_user=root", "ansible_user=ops\nansible_become=true"),
    );
    for _ in 0..2 {
        let told = env.run(["exec", "-i", "rig.ini", "h1", "command", "id -un"]);
        assert!(told.success().stdout().contains("\nroot\n"), "{}", told.stdout());
    }
    let ops = connections(&env).into_iter().find(|one| one["to"].as_str().unwrap().starts_with("ops@"));
    assert_eq!(ops.map(|one| (one["uses"].clone(), one["ready"].clone())), Some((2.into(), 1.into())));
    env.run(["connections", "--close"]).success();
    until("all gates end", || gates(host) == 0);
}

#[test]
fn a_gate_that_cannot_be_trusted_to_be_clean_is_not_handed_on() {
    let Some(rig) = Rig::for_test(1) else { return };
    let host = rig.host(1);
    let (env, mut last) = given_back(&rig);
    let mut next = |what: &str| {
        let told = env.run(NEXT).success().stdout();
        assert!(told.contains("nothing") && !told.contains(SECRET), "{what}: {told}");
        until("one gate waits", || connections(&env).iter().all(|one| one["ready"] == 1) && gates(host) == 1);
        let now = pids(host);
        assert_ne!(std::mem::replace(&mut last, now.clone()), now, "{what}");
    };
    host.exec("kill -9 $(pgrep -f 'windlass-gat[e].* serve')");
    next("it was killed");
    host.exec("cd /root/.cache/windlass && rm windlass-gate-* && echo 'exit 7' >windlass-gate-0");
    next("its program is gone");
    host.exec("cd /root/.cache/windlass && f=$(echo windlass-gate-??*) && cp -p $f x && mv x $f");
    next("another program lies in its place, though it looks the same");

    // Whoever is killed, or ends what runs, leaves nothing that runs; the connection stays.
    env.file("w.yaml", "workflow: long\ntasks: [{ id: slow, hosts: all, command: sleep 1000 }]\n");
    let sleeps = || host.exec("pgrep -fc 'sleep 100[0]' || true").stdout().trim() != "0";
    let mut running = env.call(RUN).start();
    running.until("the step runs", sleeps);
    running.signal(Signal::KILL);
    running.wait().killed();
    until("what ran is ended", || !sleeps());
    next("its controller was killed");
    let mut running = env.call(RUN).start();
    running.until("the step runs", sleeps);
    running.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(200));
    running.signal(Signal::INT);
    running.wait().status(2);
    until("what ran is ended", || !sleeps());
    let told = env.run(NEXT).success().stdout();
    assert!(told.contains("nothing"), "{told}");
    assert_eq!(connections(&env).len(), 1, "one connection did all of it");
    env.run(["connections", "--close"]).success();
}
