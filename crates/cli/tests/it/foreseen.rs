//! Check mode over a whole document: each step sees what those before it would have made, so that a check says of
//! every step what the run then says.

use windlass_testkit::rig::Rig;
use windlass_testkit::{TestEnv, steps};

use super::e2e_support::with;

/// One thing built on another, with modules that only look in between.
const DOCUMENT: &str = r#"
workflow: built
tasks:
  - id: files
    steps:
      - file: { path: made/d, state: directory, mode: '0750' }
      - copy: { dest: made/d/f, content: "one\n" }
      - lineinfile: { path: made/d/f, line: two }
      - lineinfile: { path: made/d/f, line: two }
      - blockinfile: { path: made/d/f, block: three }
      - replace: { path: made/d/f, regexp: one, replace: "1" }
      - file: { path: made/d/f, mode: '0600', owner: "12", group: "34" }
      - file: { path: made/link, src: d/f, state: link }
      - stat: { path: made/link, follow: true }
        register: seen
      - slurp: { src: made/link }
        register: text
      - assert:
          that:
            - seen.stat.mode == '0600' and seen.stat.uid == 12
            - "'two' in text.content | b64decode and '1' in text.content | b64decode"
      - tempfile: { state: directory, path: made, prefix: work. }
        register: work
      - template: { src: t.j2, dest: '{{ work.path }}/t' }
      - assemble: { src: '{{ work.path }}', dest: made/whole }
      - archive: { path: made/d, dest: made/d.tar, format: tar }
      - file: { path: made/out, state: directory }
      - unarchive: { src: made/d.tar, dest: made/out, remote_src: true }
      - unarchive: { src: made/d.tar, dest: made/out, remote_src: true }
      - find: { paths: made, recurse: true, patterns: 't,f' }
        register: found
      - assert: { that: [found.matched > 2] }
      - copy: { src: made/out/d/, dest: made/again, remote_src: true, mode: preserve }
      - file: { path: made/d, state: absent }
      - file: { path: made/d, state: absent }
      - command: { cmd: 'touch made/flag', creates: made/out/d/f }
      - copy: { dest: made/link, content: new, follow: true }
        when: not seen.stat.exists
      - file: { path: '{{ work.path }}', state: absent }
"#;

fn foresees(env: &TestEnv, args: &[&str]) {
    let check: Vec<&str> = args.iter().copied().chain(["--check", "--diff", "--json"]).collect();
    let foreseen = steps(&env.run(&check).json());
    env.run(args).success();
    assert_eq!(foreseen, steps(&env.state()));
}

#[test]
fn a_check_says_of_every_step_what_the_run_then_says() {
    let env = with(DOCUMENT);
    env.file("t.j2", "{{ seen.stat.size }}\n");
    env.run(["run", "w.yaml", "--check"]).success();
    assert!(!env.has("made"), "a check makes nothing");
    foresees(&env, &["run", "w.yaml"]);
    // And when most of it is there already. Archives have the seconds of what is in them: a check in the same one
    // as the first run would foresee another archive than the run after it.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    foresees(&env, &["run", "w.yaml"]);
}

#[test]
fn what_depends_on_a_command_is_unknown_and_says_so() {
    let env = with(
        "workflow: u\ntasks:
  - id: t
    steps:
      - command: mkdir made
      - copy: { dest: made/f, content: x }
      - copy: { dest: other, content: x }
",
    );
    let state = env.run(["run", "w.yaml", "--check", "--json"]).json();
    let due = [("command", "skipped"), ("copy-2", "changed"), ("copy", "skipped")];
    let due = due.map(|(step, word)| (format!("t/{step}@localhost"), word.to_owned()));
    assert_eq!(steps(&state), due.into());
    let why = &state["tasks"]["t"]["steps"][1]["hosts"]["localhost"];
    assert!(why.to_string().contains("what `command` does"), "{why:#}");
    // What nothing could have made is a failure, as in the run.
    let env = with("workflow: u\ntasks:\n  - { id: t, copy: { dest: made/f, content: x } }\n");
    env.run(["run", "w.yaml", "--check"]).status(1).says("made");
}

#[test]
fn what_stands_on_what_a_command_tells_is_unknown_everywhere() {
    let env = with(
        r#"
workflow: told
tasks:
  - id: pick
    steps:
      - run: echo v2
        register: r
      - set_fact: { version: "{{ r.stdout }}" }
      - copy: { dest: "{{ version }}.txt", content: x }
      - template: { src: t.j2, dest: t }
      - copy: { dest: cond, content: x }
        when: r is changed
      - copy: { dest: each, content: x }
        loop: "{{ r.stdout_lines }}"
      - assert: { that: "r.rc == 0" }
      - debug: { var: r }
      - command: { cmd: touch made, creates: made }
        register: made
      - copy: { dest: sure, content: x }
        when: made.changed
      - copy: { dest: guarded, content: x }
        when: r is skipped
      - run: echo last
    outputs: { got: "{{ stdout }}", sure: "yes" }
  - { id: cond, needs: [pick], when: tasks.pick.output == 'x', copy: { dest: a, content: x } }
  - { id: uses, needs: [pick], copy: { dest: b, content: "{{ tasks.pick.outputs.got }}" } }
  - { id: other, needs: [pick], copy: { dest: c, content: "{{ tasks.pick.outputs.sure }}" } }
stages:
  - name: draft
    repeat: { until: score == 'x', max_rounds: 2 }
    tasks:
      - { id: rate, run: echo x, outputs: { score: "{{ stdout }}" } }
"#,
    );
    env.file("t.j2", "{{ version }}\n");
    let check = env.run(["run", "w.yaml", "--check"]);
    check.success().says("pick/copy  unknown").says("depends on what pick/set_fact does");
    let state = env.run(["run", "w.yaml", "--check", "--json"]).json();
    let words = steps(&state);
    let changed: Vec<&str> =
        words.iter().filter(|(_, word)| *word == "changed").map(|(at, _)| &**at).collect();
    assert_eq!(
        changed,
        ["other/copy@localhost", "pick/command@localhost", "pick/copy-4@localhost", "pick/copy-5@localhost"]
    );
    assert!(words.values().all(|word| ["changed", "skipped"].contains(&word.as_str())), "{words:#?}");
}

#[test]
fn users_and_groups_are_foreseen_on_hosts() {
    let Some(rig) = Rig::for_test(1) else { return };
    let env = with(
        r#"
workflow: accounts
tasks:
  - id: t
    hosts: all
    steps:
      - group: { name: crew, gid: 4242 }
      - user: { name: ada, group: crew, shell: /bin/sh, groups: [adm] }
      - user: { name: ada, group: crew, groups: [adm] }
      - file: { path: /srv/ada, state: directory, owner: ada, group: crew }
      - copy: { dest: /home/ada/.profile, content: "x\n", owner: ada, mode: '0600' }
      - stat: { path: /home/ada }
        register: home
      - slurp: { src: /etc/group }
        register: listed
      - assert: { that: [home.stat.pw_name == 'ada', "'crew:x:4242:' in listed.content | b64decode"] }
      - lineinfile: { path: /etc/ssh/banner, line: hi, create: true }
      - file: { path: /srv/ada, owner: ada }
      - user: { name: ada, state: absent, remove: true }
      - stat: { path: /home/ada/.profile }
        register: gone
      - assert: { that: [not gone.stat.exists] }
      - user: { name: bob }
      - user: { name: bob, comment: Bob }
      - group: { name: bob }
"#,
    );
    env.file("rig.ini", rig.inventory());
    foresees(&env, &["run", "w.yaml", "-i", "rig.ini"]);
    foresees(&env, &["run", "w.yaml", "-i", "rig.ini"]);
}

/// Steps of two users, and one after which the gate is another.
const USERS: &str = r#"
workflow: users
tasks:
  - id: t
    hosts: all
    steps:
      - file: { path: /srv/f/theirs, state: directory, mode: '0755' }
      - file: { path: /srv/f/theirs, owner: ops }
      - copy: { dest: /srv/f/open, content: "one\n", mode: '0644' }
      - copy: { dest: /srv/f/secret, content: "s", mode: '0600' }
      - slurp: { src: /srv/f/open }
        become: true
        become_user: ops
        register: seen
      - assert: { that: ["seen.content | b64decode == 'one\n'"] }
      - copy: { src: /srv/f/secret, dest: /srv/f/theirs/s, remote_src: true }
        become: true
        become_user: ops
        ignore_errors: true
      - copy: { dest: /srv/f/theirs/x, content: "two\n" }
        become: true
        become_user: ops
      - lineinfile: { path: /srv/f/theirs/x, line: three }
      - copy: { dest: /srv/f/last, content: "four\n" }
        environment: { WINDLASS_GATE_FAULT: panic }
        ignore_errors: true
      - lineinfile: { path: /srv/f/theirs/x, line: three }
      - lineinfile: { path: /srv/f/last, line: five }
      - slurp: { src: /srv/f/theirs/x }
        become: true
        become_user: ops
        register: after
      - assert: { that: ["after.content | b64decode == 'two\nthree\n'"] }
      - stat: { path: /srv/f/last }
        register: last
      - assert: { that: [last.stat.size == 10] }
"#;

#[test]
fn users_of_a_host_foresee_one_thing_and_so_does_the_gate_after_one_that_was_lost() {
    let Some(rig) = Rig::for_test(2) else { return };
    let env = with(USERS);
    env.file("rig.ini", rig.inventory());
    foresees(&env, &["run", "w.yaml", "-i", "rig.ini"]);
    for host in rig.hosts() {
        assert_eq!(host.exec("cat /srv/f/last; rm -r /srv/f").stdout(), "four\nfive\n");
    }
}
