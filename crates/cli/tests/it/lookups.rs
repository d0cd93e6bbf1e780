//! Lookups in documents: what they read while a run goes on, and that saved plans stand on it.

use super::e2e_support::{env, with};

const DOCUMENT: &str = "workflow: l
vars: { note: \"{{ lookup('file', 'note.txt') }}\" }
tasks:
  - id: read
    steps:
      - id: say
        debug:
          msg: >-
            {{ note }}; {{ lookup('env', 'WHO') }}; {{ lookup('pipe', 'pwd | grep -c .') }};
            {{ lookup('template', 'hello.j2') }}; {{ query('file', 'note.txt', 'files/two.txt') | length }};
            {{ lookup('env', 'NOT_SET', default='none') }}; {{ lookup('file', 'gone', errors='ignore') }}
    outputs: { said: '{{ msg }}' }
";

#[test]
fn lookups_reach_files_variables_commands_and_templates() {
    let env = with(DOCUMENT).var("WHO", "ada");
    env.file("note.txt", "from a file\n")
        .file("files/two.txt", "")
        .file("templates/hello.j2", "hi {{ note }}");
    env.run(["run", "w.yaml"]).success();
    let said = &env.state()["tasks"]["read"]["outputs"]["said"];
    assert_eq!(said, "from a file; ada; 1; hi from a file; 2; none; ");
}

#[test]
fn a_template_file_looks_things_up_too() {
    let env = with("workflow: l\ntasks: [{ id: t, template: { src: t.j2, dest: out } }]\n");
    env.file("t.j2", "{{ lookup('file', 'note.txt') }}").file("note.txt", "one");
    env.run(["run", "w.yaml"]).success();
    assert_eq!(env.read("out").as_deref(), Some("one"));
    env.run(["plan", "w.yaml", "-o", "p.plan"]).success();
    env.file("note.txt", "two");
    env.run(["apply", "p.plan"]).status(1).says("note.txt");
}

#[test]
fn a_password_is_made_once_and_not_in_check_mode() {
    let env = with(
        "workflow: l
tasks:
  - { id: p, copy: { content: \"{{ lookup('password', 'keys/db length=12') }}\", dest: out } }
",
    );
    env.run(["run", "w.yaml", "--check"]).success();
    assert!(!env.has("keys/db"));
    env.run(["run", "w.yaml"]).success();
    let made = env.read("out").expect("it was written");
    assert_eq!(made.len(), 12);
    assert_eq!(env.read("keys/db").map(|kept| kept.trim().to_owned()), Some(made));
    env.run(["run", "w.yaml"]).success();
    assert_eq!(env.state()["tasks"]["p"]["changed"], false);
}

#[test]
fn what_cannot_be_reached_says_so() {
    let env = with("workflow: l\ntasks: [{ id: u, debug: { msg: \"{{ lookup('url', 'http://x/') }}\" } }]\n");
    env.run(["run", "w.yaml"]).status(1).says("out of reach");
    let env = with("workflow: l\ntasks: [{ id: u, debug: { msg: \"{{ lookup('file', 'gone') }}\" } }]\n");
    env.run(["run", "w.yaml"]).status(1).says("gone");
}

#[test]
fn a_saved_plan_stands_on_what_lookups_read() {
    let document = "workflow: l
tasks: [{ id: c, copy: { content: \"{{ lookup('file', 'note.txt') ~ lookup('env', 'WHO') }}\", dest: out } }]
";
    let lay_out = || {
        let env = with(document).var("WHO", "ada");
        env.file("note.txt", "one").file("other.txt", "x");
        env.run(["plan", "w.yaml", "-o", "p.plan"]).success();
        env
    };
    let env = lay_out();
    env.file("note.txt", "two");
    env.run(["apply", "p.plan"]).status(1).says("note.txt");
    let env = lay_out().var("WHO", "eve");
    env.run(["apply", "p.plan"]).status(1).says("WHO");
    let env = lay_out();
    env.file("other.txt", "y");
    env.run(["apply", "p.plan"]).success();
    assert_eq!(env.read("out").as_deref(), Some("oneada"));
}

#[test]
fn a_resume_reads_what_was_planned() {
    let env = env();
    env.file(
        "w.yaml",
        "workflow: l
tasks:
  - id: c
    steps:
      - run: test -e go
      - copy: { content: \"{{ lookup('file', 'note.txt') }}\", dest: out }
",
    );
    env.file("note.txt", "as planned");
    env.run(["run", "w.yaml"]).status(1);
    std::fs::remove_file(env.project().join("note.txt")).expect("removed");
    env.file("go", "");
    env.run(["resume"]).success();
    assert_eq!(env.read("out").as_deref(), Some("as planned"));
}
