//! The crash sweep: the real process is killed after every journal record and at random moments, and resumed.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;
use windlass_testkit::sweep::{self, Case};
use windlass_testkit::{Fault, TestEnv, normalised};

use crate::e2e_support::{env, with};

/// Sixty-four steps with effects: every one appends a line to a file of its own, so that a step that runs twice
/// leaves two. Layers of eight; each task needs two of the layer above; some have several steps, loops, or
/// hand on outputs.
fn document() -> String {
    let mut text = String::from("workflow: crash\npolicy: { max_parallelism: 4 }\ntasks:\n");
    for layer in 0..6 {
        for place in 0..8 {
            let id = format!("t{layer}{place}");
            let needs = match layer {
                0 => String::new(),
                _ => format!("needs: [t{}{place}, t{}{}]", layer - 1, layer - 1, (place + 3) % 8),
            };
            let mark = |step: &str| format!("echo {id}{step} >> marks/{id}-{step}");
            writeln!(text, "  - id: {id}").expect("a string grows");
            if !needs.is_empty() {
                writeln!(text, "    {needs}").expect("a string grows");
            }
            if place == 0 {
                let (a, b) = (mark("a"), mark("b"));
                writeln!(text, "    steps:\n      - {{ name: a, run: {a}, register: first }}")
                    .expect("a string grows");
                writeln!(text, "      - {{ name: b, run: '{b}; echo {{{{ first.rc }}}}' }}")
                    .expect("a string grows");
            } else if place == 1 {
                writeln!(text, "    steps:\n      - name: each\n        loop: [x, y]")
                    .expect("a string grows");
                writeln!(text, "        run: echo {{{{ item }}}} >> marks/{id}-{{{{ item }}}}")
                    .expect("a string grows");
            } else {
                writeln!(text, "    run: {}; echo said-{id}", mark("run")).expect("a string grows");
                writeln!(text, "    outputs: {{ said: '{{{{ stdout }}}}' }}").expect("a string grows");
            }
        }
    }
    text
}

fn lay_out() -> TestEnv {
    let env = with(&document());
    env.file("marks/.keep", "");
    env
}

/// How often each step began, from the events.
fn starts(events: &[Value]) -> BTreeMap<String, usize> {
    let mut starts = BTreeMap::new();
    for event in events.iter().filter(|event| event["event"] == "step_started") {
        let task = event["task"].as_str().unwrap_or_default();
        let step = event["step"].as_str().unwrap_or_default();
        // Items of a loop are `each[0]`, `each[1]`, which wrote `x` and `y`.
        let step = match (step, event["item"].as_u64()) {
            ("each[0]", _) | ("each", Some(0)) => "x",
            ("each[1]", _) | ("each", Some(1)) => "y",
            (step, _) => step,
        };
        *starts.entry(format!("{task}-{step}")).or_default() += 1;
    }
    starts
}

/// What each step left is what its starts allow: one line if it began once, and none too many.
fn check(env: &TestEnv, after: &str) {
    let starts = starts(&env.events());
    let mut steps = 0;
    for entry in std::fs::read_dir(env.project().join("marks")).expect("steps left marks") {
        let name = entry.expect("the folder can be read").file_name().to_string_lossy().into_owned();
        if name == ".keep" {
            continue;
        }
        steps += 1;
        let text = env.read(&format!("marks/{name}")).unwrap_or_default();
        let (lines, began) = (text.lines().count(), starts.get(&name).copied().unwrap_or(0));
        assert!(began >= 1, "after {after}: {name} left a mark and never began");
        assert!(
            (1..=began).contains(&lines),
            "after {after}: {name} began {began} times, left {lines} lines"
        );
    }
    assert_eq!(steps, 60, "after {after}: every step left its mark");
}

fn case<'a>() -> Case<'a> {
    Case { lay_out: &lay_out, document: "w.yaml", measure: normalised, check: &check }
}

#[test]
fn e2e_crash_after_each_record() {
    let crashes = sweep::crash_after_each_record(&case());
    assert!(crashes > 150, "{crashes} crashes are too few for 60 steps");
}

#[test]
fn e2e_crash_at_random_moments() {
    let soak = std::env::var("WINDLASS_SOAK_KILLS").ok().and_then(|kills| kills.parse().ok());
    let kills = soak.unwrap_or(50);
    let seed =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let hits = sweep::crash_at_random(&case(), kills, seed);
    println!("{hits} of {kills} kills hit (seed {seed})");
    assert!(hits * 2 >= kills, "only {hits} of {kills} kills came before the end");
}

/// Steps that were under way and say `hold` wait for a person, and are told what to do.
#[test]
fn a_step_in_doubt_that_says_hold_waits_for_a_person() {
    let document = "workflow: hold
tasks:
  - { id: pay, on_doubt: hold, run: echo paid >> paid }
  - { id: thank, needs: [pay], run: echo thanks >> thanks }
";
    for (verdict, code, paid, thanks) in [("rerun", 0, 2, 1), ("skip", 0, 1, 1), ("fail", 1, 1, 0)] {
        let env = with(document);
        // It happened, and nobody wrote it down.
        env.call(["run", "w.yaml"]).fault(&Fault::KillBefore(3)).run().killed();
        env.run(["resume"]).status(2);
        assert_eq!(env.state()["state"], "interrupted", "nobody was there to ask");
        env.run(["resume", "--in-doubt", verdict]).status(code);
        assert_eq!(crate::e2e_support::lines(&env, "paid"), paid, "{verdict}");
        assert_eq!(crate::e2e_support::lines(&env, "thanks"), thanks, "{verdict}");
    }
}

#[test]
fn a_full_disk_stops_the_run_and_room_lets_it_go_on() {
    let env = with(
        "workflow: full
tasks:
  - { id: a, run: echo a >> order }
  - { id: b, needs: [a], run: echo b >> order }
",
    );
    let output = env.call(["run", "w.yaml"]).fault(&Fault::FullDiskAfter(4)).run();
    output.status(1).says("resume");
    env.run(["resume"]).success();
    assert_eq!(env.read("order").as_deref(), Some("a\nb\n"));
    assert_eq!(env.state()["state"], "completed");
}

#[test]
fn a_panic_of_the_driver_loses_nothing() {
    let env = with(
        "workflow: panic
tasks:
  - { id: a, run: echo a >> order }
  - { id: b, needs: [a], run: echo b >> order }
",
    );
    env.call(["run", "w.yaml"]).fault(&Fault::PanicAfter(4)).run().status(1);
    env.run(["resume"]).success();
    assert_eq!(env.read("order").as_deref(), Some("a\nb\n"));
}

#[test]
fn nothing_to_resume_is_said_plainly() {
    let env = env();
    env.run(["resume"]).success().says("nothing to resume");
    env.file("w.yaml", "workflow: x\ntasks: [{ id: a, run: 'true' }]\n");
    env.run(["run", "w.yaml"]).success();
    env.run(["resume"]).success().says("nothing to resume");
}

#[test]
fn a_resume_needs_neither_the_document_nor_its_files() {
    let env = with(
        "workflow: gone
tasks:
  - { id: first, run: 'true' }
  - { id: config, needs: [first], template: { src: app.j2, dest: out.conf } }
",
    );
    env.file("app.j2", "made for {{ run.name }}\n");
    env.call(["run", "w.yaml"]).fault(&Fault::KillAfter(2)).run().killed();
    for file in ["w.yaml", "app.j2"] {
        std::fs::remove_file(env.project().join(file)).expect("it was there");
    }
    env.run(["resume"]).success();
    assert_eq!(env.read("out.conf").as_deref(), Some("made for gone\n"));
}
