//! What breaks on hosts in the middle of a rollout: each is told of by what is wrong with it and in bounded
//! time, the others finish, a resume finishes the rest, and cleaning leaves nothing of ours.

use std::time::{Duration, Instant};

use windlass_testkit::rig::{Host, PASSWORD, Rig};

use crate::e2e_support::with;

const ROLLOUT: &str = r#"
workflow: faults
tasks:
  - id: work
    hosts: all
    steps:
      - file: { path: /opt/w, state: directory }
      - id: wait
        command: "sh -c 'touch /run/w.here; while [ ! -e /run/w.go ]; do sleep 0.1; done'"
        changed_when: false
      - copy: { src: big.bin, dest: /opt/w/big }
      - copy: { content: "{{ inventory_hostname }}", dest: /opt/w/name }
  - id: after
    needs: [work]
    copy: { content: done, dest: after }
"#;

/// How long all of it may take: a gate that says nothing is given up after 30 s, and the machine may be busy.
const BOUND: Duration = Duration::from_secs(150);

/// The gate of a host, as `pkill` finds it; the brackets keep it from finding the shell that calls it.
const GATE: &str = "windlass-[g]ate.* serve";

/// Where something of ours may lie.
const OURS: &str =
    "find / /dev/shm /var/tmp /tmp /run /root /home /opt -xdev -iname '*windlass*' 2>/dev/null; true";

fn run(host: &Host, script: &str) {
    host.exec(script).success();
}

/// A folder that is a file system of its own.
fn mount(host: &Host, folder: &str, options: &str) {
    run(host, &format!("mkdir -p {folder} && mount -t tmpfs -o {options} tmpfs {folder}"));
}

#[test]
fn whatever_breaks_on_a_host_is_its_own_and_a_resume_finishes() {
    let Some(rig) = Rig::for_test(8) else { return };
    let env = with(ROLLOUT);
    env.file("big.bin", (0..400_000_u32).map(|n| (n >> 3) as u8).collect::<Vec<_>>());
    // `wrong` is the first host again, for a user whose password for sudo is not this one.
    let wrong = |password: &str| {
        let same = format!("ansible_host={}", rig.host(1).addr());
        let user = format!("ansible_user=pw ansible_password={PASSWORD}");
        let role = format!("ansible_become=true ansible_become_password={password}");
        format!("wrong {same} {user} {role}\n{}ansible_timeout=2\n", rig.inventory())
    };
    env.file("rig.ini", wrong("no-such-word"));

    let [fine, cut, killed, dropped, full, read_only, noexec, dead] = rig.hosts() else { panic!("eight") };
    mount(full, "/opt/w", "size=64k");
    run(read_only, "mount --bind /root /root && mount -o remount,ro,bind /root");
    mount(noexec, "/root/.cache", "noexec,mode=700");
    dead.kill().expect("it goes off");

    let begun = Instant::now();
    let mut going = env.call(["run", "w.yaml", "-i", "rig.ini", "--chunk", "20"]).limit(BOUND).start();
    for host in &rig.hosts()[..7] {
        going.until(&format!("work on {}", host.name()), || host.exec("ls /run/w.here").code() == Some(0));
    }
    // The first one is slow: for a while its gate does not get to anything.
    run(fine, &format!("pkill -STOP -f '{GATE}'"));
    cut.partition().expect("the cable is pulled");
    run(killed, &format!("pkill -KILL -f '{GATE}'"));
    // Restarting sshd leaves sessions alone; that of the gate is ended as well.
    run(dropped, "systemctl restart ssh; pkill -KILL -f 'sshd.*root@[n]otty'");
    rig.hosts()[..7].iter().for_each(|host| run(host, "touch /run/w.go"));
    std::thread::sleep(Duration::from_secs(2));
    run(fine, &format!("pkill -CONT -f '{GATE}'"));
    let failed = going.wait();
    assert!(begun.elapsed() < BOUND);
    let said = failed.status(1).stdout().to_owned() + &failed.stderr();
    for (host, why) in [
        ("wrong", "the password for becoming root by sudo is wrong"),
        ("h2", "nothing was heard from the gate"),
        ("h3", "the gate ended"),
        ("h4", "the gate ended"),
        ("h5", "no space left on device"),
        ("h8", "did not answer within 2s"),
    ] {
        let lines: Vec<&str> = said.lines().collect();
        let told = |pair: &[&str]| pair[0].contains(&format!("@{host} ")) && pair[1].contains(why);
        assert!(lines.windows(2).any(told), "{host} is not told of as {why:?}:\n{said}");
    }
    for host in [fine, read_only, noexec] {
        assert_eq!(host.exec("cat /opt/w/name").stdout(), host.name(), "{said}");
    }
    assert!(!env.has("after"), "not all of them did it");
    // The killed gate's children went with it, by its guard.
    killed.exec("! pgrep -f w.[h]ere || sleep 4; ! pgrep -f w.[h]ere").success();

    cut.heal().expect("the cable is back");
    dead.start().expect("it goes on");
    run(dead, "touch /run/w.go");
    run(full, "mount -o remount,size=8m /opt/w");
    env.file("rig.ini", wrong(PASSWORD));
    env.call(["resume"]).limit(BOUND).run().success();
    for host in rig.hosts() {
        let holds = host.exec("wc -c </opt/w/big; cat /opt/w/name").stdout().to_owned();
        // On the first host both of its names were at work.
        let name = if host.name() == "h1" { "wrong".to_owned() } else { host.name() };
        assert_eq!(holds, format!("400000\n{name}"));
    }
    assert_eq!(env.read("after").as_deref(), Some("done"));

    env.run(["gate", "clean", "-i", "rig.ini"]).success();
    run(read_only, "umount -l /root");
    for host in rig.hosts() {
        assert_eq!(host.exec(OURS).stdout(), "", "on {}", host.name());
    }
}

const BROKEN: &str = r#"
workflow: broken
tasks:
  - id: slow
    hosts: all
    command: "sh -c 'touch /run/b.here; while [ ! -e /run/b.go ]; do sleep 0.1; done; printf slow >/run/b.slow'"
  - id: breaks
    hosts: all
    steps:
      - wait_for: { path: /run/b.here, timeout: 60 }
      - id: broken
        copy: { content: done, dest: /run/b.done }
        environment: { WINDLASS_GATE_FAULT: panic }
        ignore_errors: true
        register: said
      - copy: { content: "{{ said.failed }}", dest: /run/b.next }
      - file: { path: /run/b.go, state: touch }
"#;

/// A mistake of ours in a module is that step's failure, and nobody else's.
#[test]
fn a_module_that_breaks_fails_its_step_alone_and_the_host_goes_on() {
    let Some(rig) = Rig::for_test(2) else { return };
    let env = with(BROKEN);
    env.file("rig.ini", rig.inventory());
    let ran = env.call(["run", "w.yaml", "-i", "rig.ini"]).limit(BOUND).run();
    let said = ran.success().stdout().to_owned() + &ran.stderr();
    for host in rig.hosts() {
        let why =
            "the module broke, and it is not known what it had done by then: WINDLASS_GATE_FAULT says so";
        assert!(said.contains(why), "{said}");
        // What it had done, what came after it, and what went on beside it in the gate that broke.
        assert_eq!(host.exec("cat /run/b.done /run/b.next /run/b.slow").stdout(), "doneTrueslow");
        host.exec(&format!("! pgrep -f '{GATE}' || sleep 5; ! pgrep -f '{GATE}'")).success();
    }
    env.run(["gate", "clean", "-i", "rig.ini"]).success();
}
