//! Transactions and `runs undo` over hosts: whatever happens on the way, every disk is as it was.

use windlass_testkit::rig::Rig;
use windlass_testkit::{Fault, TestEnv};

use crate::e2e_support::with;

/// What is there before.
const LAY_OUT: &str = "rm -rf /srv/t; mkdir -p /srv/t/old/a; cd /srv/t; echo -n old >conf; echo one >list;
    echo deep >old/a/b; chmod 640 conf; chown ops:ops conf; chmod 750 old/a; ln -s conf link; seq 300000 >big";

/// Content, mode, owner and target of everything there.
const TREE: &str =
    "cd /srv && find t -printf '%p %m %u %g %y %l ' -type f -exec sha256sum {} ';' -o -printf '\\n' | sort";

const STEPS: &str = "
      - copy: { content: 'new', dest: /srv/t/conf, mode: '0600', owner: root, backup: true }
      - lineinfile: { path: /srv/t/list, line: more }
      - file: { path: /srv/t/made/deep, state: directory }
      - template: { src: t.j2, dest: /srv/t/made/deep/file }
      - copy: { src: big, dest: /srv/t/big }
      - file: { src: list, dest: /srv/t/link, state: link, force: true }
      - file: { path: /srv/t/old, state: absent }
";

/// Waits for the gate that takes steps back, and stops it and every way to it as soon as the last step is undone.
const CUT: &str = "rm -f /run/cut; nohup sh -c '
    until p=$(pgrep -f \"windlass-[g]ate.* serve\"); do :; done
    until [ -e /srv/t/old/a/b ]; do :; done
    kill -STOP $p; systemctl stop ssh.socket ssh; pkill -KILL -f \"sshd.*root@[n]otty\"; kill -KILL $p; touch /run/cut
    ' >/dev/null 2>&1 &";

fn document(last: &str) -> String {
    format!(
        "workflow: t\ntasks:\n  - id: change\n    hosts: all\n    transaction: true\n    steps:{STEPS}{last}"
    )
}

fn lay_out(rig: &Rig, document: &str) -> (TestEnv, Vec<String>) {
    let env = with(document);
    // A host that is away is given up soon.
    let hosts = rig.inventory() + "ansible_timeout=2\n";
    env.file("rig.ini", hosts).file("t.j2", "{{ inventory_hostname }}\n");
    env.file("big", vec![b'x'; 1 << 20]);
    for host in rig.hosts() {
        host.exec(LAY_OUT).success();
    }
    (env, trees(rig))
}

fn trees(rig: &Rig) -> Vec<String> {
    rig.hosts().iter().map(|host| host.exec(TREE).success().stdout().to_owned()).collect()
}

fn records(env: &TestEnv) -> u64 {
    env.events().iter().filter_map(|event| event["seq"].as_u64()).max().expect("there are events")
}

const RUN: [&str; 4] = ["run", "w.yaml", "-i", "rig.ini"];

#[test]
fn what_steps_did_on_hosts_is_taken_back_whoever_dies_meanwhile() {
    let Some(rig) = Rig::for_test(3) else { return };
    let fails = document("      - { run: exit 3, when: inventory_hostname == 'h2' }\n");

    // One host of three fails: all are as they were.
    let (env, due) = lay_out(&rig, &fails);
    assert!(due[0].contains("t/conf 640 ops ops"), "{}", due[0]);
    let failed = env.run(RUN);
    assert!(failed.status(1).stdout().contains("undone"), "{}", failed.stdout());
    assert_eq!(trees(&rig), due);
    assert_eq!(env.state()["tasks"]["change"]["state"], "undone");
    let last = records(&env);

    // The controller is killed while it goes on and while it takes back.
    for record in super::crashes(&env, [last / 4, last / 2, last * 3 / 4, last - 3]) {
        let (env, due) = lay_out(&rig, &fails);
        env.call(RUN).fault(&Fault::KillAfter(record)).run().killed();
        env.run(["resume"]).status(1);
        assert_eq!(trees(&rig), due, "after record {record}");
        assert_eq!(env.state()["tasks"]["change"]["state"], "undone", "after record {record}");
    }

    // A run that went well is taken back, and its undo may be cut off.
    let (env, due) = lay_out(&rig, &document(""));
    env.run(RUN).success();
    let first = records(&env);
    assert!(trees(&rig).iter().zip(&due).all(|(now, due)| now != due));
    env.call(["runs", "undo", "latest"]).fault(&Fault::KillAfter(first + 9)).run().killed();
    env.run(["resume"]);
    assert_eq!(trees(&rig), due);

    // A host that is away is told of, and the others are taken back all the same.
    let (env, due) = lay_out(&rig, &document(""));
    env.run(RUN).success();
    rig.host(2).kill().expect("it goes off");
    env.run(["runs", "undo", "latest"]).status(1).says("change/");
    rig.host(2).start().expect("it goes on");
    let now = trees(&rig);
    assert_eq!((&now[0], &now[2]), (&due[0], &due[2]));
    assert_ne!(now[1], due[1]);
    env.run(["gate", "clean", "-i", "rig.ini"]).success();
    for host in rig.hosts() {
        assert_eq!(host.exec("find / -xdev -name '*windlass*' -not -path '/proc/*'").stdout(), "");
    }
}

#[test]
fn a_finished_run_is_taken_back_on_hosts_where_it_was_kept() {
    let Some(rig) = Rig::for_test(2) else { return };
    let plain = document("").replace("    transaction: true\n", "");
    let keep: Vec<&str> = RUN.iter().copied().chain(["--keep"]).collect();
    let undo = ["runs", "undo", "latest"];

    // Nothing was kept: the steps are named, and nothing is touched.
    let (env, due) = lay_out(&rig, &plain);
    env.run(RUN).success();
    let done = trees(&rig);
    env.run(undo).status(1).says("change/").says("--keep");
    assert_eq!(trees(&rig), done);

    // The run is cut off and resumed, and so is its undo.
    let (env, _) = lay_out(&rig, &plain);
    env.call(&keep).fault(&Fault::KillAfter(20)).run().killed();
    env.run(["resume"]).success();
    assert!(trees(&rig).iter().zip(&due).all(|(now, due)| now != due));
    let first = records(&env);
    env.call(undo).fault(&Fault::KillAfter(first + 7)).run().killed();
    env.run(["resume"]);
    assert_eq!(trees(&rig), due);

    // The connection is cut in the middle, when the first of the steps is taken back: what is left is named, and taken
    // back by the next one.
    let (env, _) = lay_out(&rig, &plain);
    env.run(&keep).success();
    rig.host(1).exec(CUT).success();
    env.run(undo).status(1).says("h1");
    rig.host(1).exec("until [ -e /run/cut ]; do sleep 0.1; done; systemctl start ssh").success();
    let now = trees(&rig);
    assert!(now[0] != due[0] && now[0].contains("t/old/a/b"), "some of it was taken back: {}", now[0]);
    assert_eq!(now[1], due[1]);
    env.run(undo).success();
    assert_eq!(trees(&rig), due);

    // A host is away: it is named, the others are taken back, and once more takes back what is left.
    let (env, _) = lay_out(&rig, &plain);
    env.run(&keep).success();
    rig.host(2).kill().expect("it goes off");
    env.run(undo).status(1).says("h2");
    rig.host(2).start().expect("it goes on");
    assert_eq!(trees(&rig)[0], due[0]);
    env.run(undo).success();
    assert_eq!(trees(&rig), due);
}
