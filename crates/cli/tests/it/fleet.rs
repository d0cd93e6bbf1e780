//! Rollouts over real hosts: systemd, sshd, an address and a disk of their own.

mod facts;
mod faults;
mod kept;
mod release;
mod undo;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use windlass_testkit::rig::{PASSWORD, Rig};
use windlass_testkit::{Fault, TestEnv};

use crate::e2e_support::with;

const SITE: &str = r#"
workflow: site
vars: { app: shop }
tasks:
  - id: files
    hosts: all
    steps:
      - file: { path: "/opt/{{ app }}", state: directory, mode: "0755" }
      - copy: { content: "name={{ inventory_hostname }}\n", dest: "/opt/{{ app }}/name", mode: "0640" }
      - template: { src: app.j2, dest: "/opt/{{ app }}/conf" }
      - copy: { src: big.bin, dest: "/opt/{{ app }}/big" }
      - lineinfile: { path: /etc/hosts, line: "192.0.2.1 {{ app }}" }
      - command: cat /etc/hostname
        changed_when: false
        register: said
      - stat: { path: /etc/hostname }
        register: there
      - assert: { that: ["there.stat.exists", "ansible_check_mode or said.stdout == inventory_hostname"] }
    outputs: { size: "{{ there.stat.size }}" }
  - id: after
    needs: [files]
    copy: { content: "{{ tasks.files.outputs | length }}", dest: count }
"#;

/// The content of a file that is larger than a window of the protocol.
fn big() -> Vec<u8> {
    (0..5_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn site(rig: &Rig) -> TestEnv {
    let env = with(SITE);
    env.file("app.j2", "{{ inventory_hostname }} of {{ groups['all'] | join(',') }}\n");
    env.file("big.bin", big()).file("rig.ini", rig.inventory());
    env
}

const RUN: [&str; 4] = ["run", "w.yaml", "-i", "rig.ini"];

fn check() -> Vec<&'static str> {
    RUN.iter().copied().chain(["--check"]).collect()
}

/// The records after which a run is cut off: some of them, and in a soak each that a run without faults has.
fn crashes<const N: usize>(clean: &TestEnv, some: [u64; N]) -> Vec<u64> {
    let last = clean.events().iter().filter_map(|event| event["seq"].as_u64()).max();
    let last = last.expect("there are events");
    assert!(last > 20, "{last} records are too few");
    match std::env::var_os("WINDLASS_SOAK_KILLS") {
        Some(_) => (1..last).collect(),
        None => some.into_iter().filter(|record| *record < last).collect(),
    }
}

/// What a run wrote to a host's disk, without the gate and what a login leaves.
fn written(now: Vec<PathBuf>) -> Vec<String> {
    let names = now.into_iter().map(|path| path.to_string_lossy().into_owned());
    names.filter(|path| !path.starts_with("root/.cache") && path != "root").collect()
}

#[test]
fn a_rollout_is_predicted_then_done_and_a_second_one_changes_nothing() {
    let Some(rig) = Rig::for_test(3) else { return };
    let env = site(&rig);
    let before: Vec<_> = rig.hosts().iter().map(|host| host.disk()).collect();
    let checked = env.run(check());
    assert!(checked.success().stdout().contains("changed=16"), "{}", checked.stdout());
    for (host, before) in rig.hosts().iter().zip(&before) {
        assert_eq!(
            written(host.disk().changes_since(before)),
            Vec::<String>::new(),
            "a check writes nothing"
        );
    }
    let first = env.run(RUN);
    assert!(first.success().stdout().contains("changed=16"), "{}", first.stdout());
    assert_eq!(env.read("count").as_deref(), Some("3"));
    for host in rig.hosts() {
        let name = host.name();
        let seen = host
            .exec("cat /opt/shop/name /opt/shop/conf; stat -c %a /opt/shop/name; sha256sum </opt/shop/big");
        assert!(
            seen.stdout().starts_with(&format!("name={name}\n{name} of h1,h2,h3\n640\n")),
            "{}",
            seen.stdout()
        );
    }
    let again = env.run(RUN);
    assert!(again.success().stdout().contains("changed=0"), "{}", again.stdout());
}

#[test]
fn a_host_that_is_gone_is_told_of_in_bounded_time_and_a_resume_finishes_when_it_is_back() {
    let Some(rig) = Rig::for_test(3) else { return };
    let env = site(&rig);
    rig.host(2).kill().expect("it goes off");
    let begun = Instant::now();
    let failed = env.run(RUN);
    assert!(
        begun.elapsed() < Duration::from_secs(120),
        "three attempts take at most 35 s, and the machine may be busy"
    );
    failed.status(1).says("files/file@h2").says("unreachable");
    for number in [1, 3] {
        rig.host(number).exec("test -s /opt/shop/big");
    }
    rig.host(2).start().expect("it goes on");
    env.run(["resume"]).success();
    assert_eq!(rig.host(2).exec("cat /opt/shop/name").stdout(), "name=h2\n");
    assert_eq!(env.read("count").as_deref(), Some("3"));
}

#[test]
fn a_controller_that_is_killed_after_any_record_is_resumed() {
    let Some(rig) = Rig::for_test(2) else { return };
    let clean = site(&rig);
    clean.run(RUN).success();
    for record in crashes(&clean, [1, 3, 6, 9, 14, 20, 27]) {
        let env = site(&rig);
        rig.hosts().iter().for_each(|host| drop(host.exec("rm -rf /opt/shop")));
        env.call(RUN).fault(&Fault::KillAfter(record)).run().killed();
        env.run(["resume"]).success();
        for host in rig.hosts() {
            assert_eq!(host.exec("cat /opt/shop/name").stdout(), format!("name={}\n", host.name()));
            host.exec("! pgrep -f 'windlass-gate.* serve' || sleep 3; ! pgrep -f 'windlass-gate.* serve'");
        }
    }
}

#[test]
fn a_host_key_that_is_not_the_one_we_know_is_refused_before_anything_is_sent() {
    let Some(rig) = Rig::for_test(2) else { return };
    let env = site(&rig);
    let known = std::fs::read_to_string(rig.known_hosts()).expect("it is there");
    let (one, two) = (rig.host(1).host_key(), rig.host(2).host_key());
    env.file("known", known.replace(&two, &one));
    let hosts = rig.inventory().replace(
        &rig.known_hosts().display().to_string(),
        &env.project().join("known").display().to_string(),
    );
    env.file("rig.ini", hosts);
    env.run(["exec", "-i", "rig.ini", "h1", "ping"]).success();
    let refused = env.run(["exec", "-i", "rig.ini", "h2", "ping"]);
    refused.status(1).says("SHA256:");
    assert!(refused.stdout().contains("h2 | UNREACHABLE!"), "{}", refused.stdout());
}

#[test]
fn another_user_is_become_and_a_wrong_password_is_told() {
    let Some(rig) = Rig::for_test(1) else { return };
    let env = site(&rig);
    let as_user = |user: &str, more: &str| {
        rig.inventory().replace("ansible_user=root", &format!("ansible_user={user}\n{more}"))
    };
    env.file("rig.ini", as_user("ops", ""));
    let plain = env.run(["exec", "-i", "rig.ini", "h1", "command", "id -un"]);
    assert!(plain.success().stdout().contains("\nops\n"), "{}", plain.stdout());
    let root = env.run(["exec", "-i", "rig.ini", "--become", "h1", "command", "id -un"]);
    assert!(root.success().stdout().contains("\nroot\n"), "{}", root.stdout());
    env.file("rig.ini", as_user("ops", "ansible_become_user=pw\nansible_become=true"));
    let other = env.run(["exec", "-i", "rig.ini", "h1", "command", "id -un"]);
    assert!(other.success().stdout().contains("\npw\n"), "{}", other.stdout());
    // With a password for the login and one for sudo; the rig gives that user no key.
    let with = |login: &str, sudo: &str| {
        as_user(
            "pw",
            &format!("ansible_password={login}\nansible_become_password={sudo}\nansible_become=true"),
        )
    };
    env.file("rig.ini", with(PASSWORD, PASSWORD));
    let root = env.run(["exec", "-i", "rig.ini", "h1", "command", "id -un"]);
    assert!(root.success().stdout().contains("\nroot\n"), "{}", root.stdout());
    let begun = Instant::now();
    env.file("rig.ini", with(PASSWORD, "no-such-word"));
    env.run(["exec", "-i", "rig.ini", "h1", "command", "id -un"])
        .status(1)
        .says("password for becoming root");
    env.file("rig.ini", with("no-such-word", PASSWORD));
    let told = env.run(["exec", "-i", "rig.ini", "h1", "command", "id -un"]);
    assert!(told.status(1).says("permission denied").stdout().contains("UNREACHABLE!"), "{}", told.stdout());
    assert!(begun.elapsed() < Duration::from_secs(60));
    for (path, content) in env.everything() {
        let kept = content.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes());
        assert!(!kept || path.ends_with("rig.ini"), "a password is in {}", path.display());
    }
    // What is said of a host and cannot be done is told, and not left out.
    env.file("rig.ini", as_user("ops", "ansible_become=true\nansible_become_flags=-E"));
    env.run(["exec", "-i", "rig.ini", "h1", "command", "id"]).status(1).says("ansible_become_flags");
}

#[test]
fn a_gate_that_was_tampered_with_is_replaced_and_cleaning_leaves_nothing_of_ours() {
    let Some(rig) = Rig::for_test(1) else { return };
    let env = site(&rig);
    let host = rig.host(1);
    let before = host.disk();
    env.run(["gate", "push", "-i", "rig.ini"]).success();
    host.exec("printf 'exit 7' > /root/.cache/windlass/windlass-gate-*");
    env.run(["exec", "-i", "rig.ini", "h1", "ping"]).success();
    let told = env.run(["gate", "info", "-i", "rig.ini", "--json"]).success().json();
    let (hash, path) = (told["h1"]["hash"].as_str().unwrap(), told["h1"]["path"].as_str().unwrap());
    assert!(path.ends_with(hash), "{path}");
    assert_eq!(host.exec(&format!("sha256sum < {path}")).stdout().split(' ').next(), Some(hash));
    env.run(["gate", "clean", "-i", "rig.ini"]).success();
    let left: Vec<_> = host.disk().changes_since(&before);
    let ours: Vec<_> = left.iter().filter(|path| path.to_string_lossy().contains("windlass")).collect();
    assert!(ours.is_empty(), "{ours:?}");
}
