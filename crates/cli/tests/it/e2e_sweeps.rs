//! Sweeps over every native module: each step is repeated, failed, and cut off, and the end is the same.

use windlass_testkit::sweep::{self, Case};
use windlass_testkit::{TestEnv, settled};

use crate::e2e_support::with;

/// One step of every module that has effects, and those that only say something.
const MODULES: &str = "workflow: modules
vars: { name: windlass }
tasks:
  - { id: folder, file: { path: out/deep, state: directory, mode: '0750' } }
  - id: files
    needs: [folder]
    steps:
      - copy: { content: \"one {{ name }}\\n\", dest: out/copy }
        register: copied
      - template: { src: t.j2, dest: out/template }
      - file: { src: copy, dest: out/link, state: link }
      - file: { path: out/touched, state: touch, access_time: preserve, modification_time: preserve }
      - file: { path: old, state: absent }
      - stat: { path: out/copy }
        register: seen
      - assert: { that: [seen.stat.exists, copied is succeeded] }
  - id: commands
    needs: [folder]
    steps:
      - command: { cmd: touch out/made, creates: out/made }
      - shell: echo line > out/shell
        creates: out/shell
      - run: cat out/shell
        changed_when: false
        register: cat
      - set_fact: { said: '{{ cat.stdout }}' }
      - debug: { msg: '{{ said }}' }
      - wait_for: { path: out/made, timeout: 5 }
      - ping:
    outputs: { said: '{{ said }}' }
  - id: last
    needs: [files, commands]
    steps:
      - loop: [a, b, c]
        copy: { content: '{{ item }}', dest: 'out/item-{{ item }}' }
      - copy: { content: '{{ tasks.commands.outputs.said }}', dest: out/said }
    cleanup:
      - file: { path: out/touched, state: absent }
";

fn lay_out() -> TestEnv {
    let env = with(MODULES);
    env.file("t.j2", "hello {{ name }}\n").file("old", "in the way");
    env
}

/// What the document makes, however it came to its end.
fn check(env: &TestEnv, after: &str) {
    let due = [
        ("out/copy", Some("one windlass\n")),
        ("out/link", Some("one windlass\n")),
        ("out/template", Some("hello windlass\n")),
        ("out/shell", Some("line\n")),
        ("out/made", Some("")),
        ("out/item-a", Some("a")),
        ("out/item-c", Some("c")),
        ("out/said", Some("line")),
        ("out/touched", None),
        ("old", None),
    ];
    for (file, content) in due {
        assert_eq!(env.read(file).as_deref(), content, "after {after}: {file}");
    }
}

fn case<'a>() -> Case<'a> {
    Case { lay_out: &lay_out, document: "w.yaml", measure: settled, check: &check }
}

#[test]
fn every_module_may_run_twice() {
    assert!(sweep::repeat_each_step(&case()) > 15);
}

#[test]
fn every_module_may_fail_and_be_tried_again() {
    assert!(sweep::fail_each_step(&case()) > 15);
}

#[test]
fn every_module_may_be_cut_off() {
    assert!(sweep::crash_after_each_record(&case()) > 30);
}
