//! Documents that mean harm: refused fast, with little memory, and with a code.

use std::time::Duration;

use crate::e2e_support::env;

/// No document may take longer to refuse. The aim is a second; a busy machine gets more before a test fails.
const LIMIT: Duration = Duration::from_secs(30);

/// The most memory, in kilobytes, of the whole process: address space, which is more than what is resident.
/// Threads reserve some of it, so that 200 MB resident need a little more.
const MEMORY: u64 = 200 * 1024;

/// Refuses `content` with `code`, and says how long that took.
#[allow(clippy::print_stdout, reason = "how long it took is worth a look, and no reason to fail")]
fn refused(name: &str, content: &[u8], code: &str) {
    let env = env();
    env.file("w.yaml", content);
    for command in ["validate", "run"] {
        let output = env.call([command, "w.yaml"]).var("MALLOC_ARENA_MAX", "1").limit(LIMIT).run();
        output.status(1).says(code);
        println!("{name}: {command} refused it in {:?}", output.took);
    }
    // The same again under a limit on memory: GNU time is not everywhere, `ulimit` is.
    let before = format!("ulimit -d {MEMORY}");
    env.call(["validate", "w.yaml"]).after_shell(&before).limit(LIMIT).run().status(1).says(code);
}

#[test]
fn an_alias_bomb() {
    let mut bomb = String::from("workflow: bomb\nvars:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb.push_str(&format!("  a{n}: &a{n} [{aliases}]\n"));
    }
    bomb.push_str("tasks: [{ id: a, run: 'true' }]\n");
    refused("an alias bomb", bomb.as_bytes(), "WL0102");
}

#[test]
fn a_hundred_megabytes() {
    let mut text = b"workflow: big\ntasks:\n".to_vec();
    while text.len() < 100 << 20 {
        text.extend_from_slice(b"  - { id: task, run: echo a line that is like all others }\n");
    }
    refused("100 MB", &text, "WL0102");
}

#[test]
fn a_hundred_thousand_levels() {
    let text = format!("workflow: deep\nvars: {{ a: {}{} }}\n", "[".repeat(100_000), "]".repeat(100_000));
    refused("100,000 brackets", text.as_bytes(), "WL0102");
    let mut text = String::from("workflow: deep\nvars:\n");
    for level in 0..2_000 {
        text.push_str(&" ".repeat(level + 1));
        text.push_str("a:\n");
    }
    refused("2,000 levels of indentation", text.as_bytes(), "WL0102");
}

#[test]
fn what_is_not_utf8() {
    refused("invalid UTF-8", b"workflow: \xff\xfe\ntasks: []\n", "WL0103");
}

#[test]
fn an_expression_that_never_ends() {
    // What can be evaluated when planning is refused then, the rest when its step is due.
    for (number, code) in [("1000000000", "WL0310"), ("100000000 * run.id | length", "WL0636")] {
        let env = env();
        let text =
            "workflow: x\ntasks:\n  - id: a\n    debug: { msg: '{{ range(NUMBER) | list | length }}' }\n";
        env.file("w.yaml", text.replace("NUMBER", number));
        let before = format!("ulimit -d {MEMORY}");
        let output = env.call(["run", "w.yaml"]).after_shell(&before).limit(LIMIT).run();
        output.status(1);
        assert!(format!("{output:?}").contains(code), "{output:?}");
    }
}
