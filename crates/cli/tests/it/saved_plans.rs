//! Saved plans: kept, shown, applied once, refused when they no longer hold, and free of secrets.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use windlass_testkit::{Fault, Output, Signal, TestEnv};

use crate::e2e_support::{env, lines, with};

const DOCUMENT: &str = "workflow: site
tasks:
  - { id: a, run: echo ran >> log }
  - id: b
    steps:
      - copy: { content: \"one\\n\", dest: one.txt }
";

/// Plans `w.yaml` into `p.plan`.
#[track_caller]
fn plan(env: &TestEnv) -> Value {
    let output = env.run(["plan", "w.yaml", "-o", "p.plan", "--json"]);
    output.success();
    output.json()
}

fn apply(env: &TestEnv) -> Output {
    env.run(["apply", "p.plan"])
}

#[test]
fn a_plan_is_kept_shown_and_applied_once() {
    let env = with(DOCUMENT);
    let planned = plan(&env);
    assert_eq!(planned["predicted"], json!({"changed": 1, "ok": 0, "skipped": 0, "unknown": 1}));
    assert!(!env.has("log") && !env.has("one.txt"), "planning changes nothing");
    let kept = fs::metadata(env.project().join("p.plan")).expect("it is kept");
    assert_eq!(kept.permissions().mode() & 0o777, 0o600);
    let file: Value = serde_json::from_str(&env.read("p.plan").expect("it is kept")).expect("it is JSON");
    for key in ["plan_id", "created_at", "provenance", "plan"] {
        assert!(file.get(key).is_some(), "{key}");
    }
    assert_eq!(file["provenance"]["digest"], planned["digest"]);
    let shown = env.run(["show", "p.plan", "--json"]).json();
    assert_eq!((&shown["applied_by"], &shown["stale"]), (&Value::Null, &json!([])));
    apply(&env).success();
    let state = env.state();
    assert_eq!((&state["state"], lines(&env, "log")), (&json!("completed"), 1));
    assert_eq!(env.artifact("plan.json")["digest"], planned["digest"]);
    apply(&env).status(1).says("WL0822").says(state["run_id"].as_str().expect("a run has an id"));
    assert_eq!(lines(&env, "log"), 1);
    let shown = env.run(["show", "p.plan", "--json"]).json();
    assert_eq!(shown["applied_by"], state["run_id"]);
    env.run(["show", "p.plan"]).success();
    let again = plan(&env);
    assert_eq!(again["digest"], planned["digest"]);
    assert_ne!(again["plan_id"], planned["plan_id"]);
    apply(&env).success();
    assert_eq!(lines(&env, "log"), 2);
}

#[test]
fn a_stale_plan_is_refused_by_name_before_anything_is_written() {
    let env = with(DOCUMENT);
    plan(&env);
    env.file("w.yaml", DOCUMENT.replace("one\\n", "two\\n"));
    apply(&env).status(1).says("WL0821").says("step b/copy has changed (parameter content)");
    let shown = env.run(["show", "p.plan"]);
    shown.success();
    assert!(shown.stdout().contains("step b/copy has changed"), "{}", shown.stdout());
    env.file("w.yaml", "workflow: [");
    apply(&env).status(1).says("WL0821").says("the document can no longer be planned");
    fs::remove_file(env.project().join("w.yaml")).expect("it was there");
    apply(&env).status(1).says("WL0821");
    env.run(["show", "p.plan"]).success();
    env.file("w.yaml", DOCUMENT).file("one.txt", "other\n");
    let refused = env.run(["apply", "p.plan", "--json"]);
    refused.status(1);
    let problems = refused.json()["error"]["problems"].clone();
    assert_eq!(problems[0]["code"], "WL0821", "{problems}");
    assert!(!env.has("log"));
    assert_eq!(env.read("one.txt").as_deref(), Some("other\n"));
    assert_eq!(env.run(["runs", "list", "--json"]).json().to_string().matches("run_id").count(), 0);
}

#[test]
fn what_is_no_saved_plan_is_refused() {
    let env = with(DOCUMENT);
    env.run(["apply", "w.yaml"]).status(1).says("WL0820");
    env.run(["show", "absent.plan"]).status(1);
    env.run(["plan", "w.yaml", "-o", "w.yaml"]).status(1).says("WL0921");
    assert_eq!(env.read("w.yaml").as_deref(), Some(DOCUMENT));
    plan(&env);
    let text = env.read("p.plan").expect("it is kept");
    env.file("p.plan", text.replace("echo ran", "echo bad"));
    for verb in ["apply", "show"] {
        env.run([verb, "p.plan"]).status(1).says("WL0820");
    }
}

#[test]
fn a_plan_is_not_applied_beside_the_store_that_knows_it() {
    let env = with(DOCUMENT);
    plan(&env);
    let elsewhere = env.root().join("elsewhere");
    env.call(["apply", "p.plan"]).var("WINDLASS_HOME", &elsewhere).run().status(1).says("WL0920");
    assert!(!env.has("log"));
    apply(&env).success();
}

#[test]
fn a_run_that_was_cut_off_keeps_its_plan_and_is_resumed() {
    for record in 1..6 {
        let env = with(DOCUMENT);
        plan(&env);
        env.call(["apply", "p.plan"]).fault(&Fault::KillAfter(record)).run().killed();
        apply(&env).status(1).says("WL0822");
        env.run(["resume"]).success();
        assert_eq!(env.read("one.txt").as_deref(), Some("one\n"));
    }
}

#[test]
fn the_detailed_exit_status_says_whether_there_is_something_to_do() {
    let env = with("workflow: w\ntasks:\n  - { id: a, copy: { content: x, dest: x } }\n");
    let ask = |env: &TestEnv| env.run(["plan", "w.yaml", "--detailed-exitcode"]);
    ask(&env).status(2);
    env.file("x", "x");
    ask(&env).status(0);
    env.file("w.yaml", "workflow: w\ntasks:\n  - { id: a, run: date }\n");
    ask(&env).status(2);
    env.file("w.yaml", "workflow: [");
    ask(&env).status(1);
    env.file(
        "w.yaml",
        "workflow: w\nsecrets: { s: { command: touch begun; sleep 2; echo value } }\ntasks:\n  - { id: a, run: date }\n",
    );
    let mut asked = env.call(["plan", "w.yaml", "--detailed-exitcode"]).start();
    asked.until("its secret", || env.has("begun"));
    asked.signal(Signal::INT);
    asked.wait().status(130);
}

#[test]
fn what_only_looks_changes_nothing_though_it_is_not_known_what_it_sees() {
    let env = with(
        "workflow: w\ntasks:\n  - id: a\n    steps:\n      - { run: date, register: now }\n      \
         - { debug: { msg: \"{{ now.stdout }}\" } }\n      - { copy: { content: x, dest: x } }\n",
    );
    let told = "steps: 1 to change something, 1 unknown before a run, 1 with nothing to change\n";
    let output = env.run(["plan", "w.yaml", "-o", "p.plan"]);
    output.success();
    assert!(output.stdout().contains(told), "{output:?}");
}

#[test]
fn of_two_processes_that_apply_one_plan_one_wins() {
    let env = with("workflow: w\ntasks:\n  - { id: a, run: echo ran >> log }\n");
    for round in 1..=15 {
        plan(&env);
        let both = [env.call(["apply", "p.plan"]).start(), env.call(["apply", "p.plan"]).start()];
        let mut codes = Vec::new();
        for one in both {
            let output = one.wait();
            if output.code() == Some(1) {
                output.says("WL0822");
            }
            codes.push(output.code());
        }
        codes.sort();
        assert_eq!(codes, [Some(0), Some(1)], "round {round}");
        assert_eq!(lines(&env, "log"), round);
    }
}

/// How many secrets are planted.
const SECRETS: usize = 100;

fn secret(n: usize) -> String {
    format!("s3cr\"t-{n:03}-{:08x}", n.wrapping_mul(2_654_435_761))
}

#[test]
fn a_hundred_secrets_are_in_no_saved_plan() {
    let (mut declared, mut tasks) = (String::new(), String::new());
    let mut env = env();
    for n in 0..SECRETS {
        let from = match n % 3 {
            0 => {
                env = env.var(&format!("SECRET_{n}"), secret(n));
                format!("env: SECRET_{n}")
            }
            1 => {
                env.file(&format!("secrets/{n}"), secret(n));
                format!("file: secrets/{n}")
            }
            _ => {
                env.file(&format!("secrets/{n}"), secret(n));
                format!("command: cat secrets/{n}")
            }
        };
        writeln!(declared, "  s{n}: {{ {from} }}").expect("a string takes it");
        // Half of the files are there, and hold the secret already.
        if n % 2 == 0 {
            env.file(&format!("out/{n}"), format!("old {}", secret(n)));
        }
        write!(
            tasks,
            "  - id: t{n}\n    environment: {{ S: \"{{{{ secrets.s{n} }}}}\" }}\n    steps:\n      - copy: {{ content: \"new {{{{ secrets.s{n} }}}}\", dest: out/{n} }}\n      - run: test -n \"$S\"\n"
        )
        .expect("a string takes it");
    }
    fs::create_dir_all(env.project().join("out")).expect("a folder");
    env.file("w.yaml", format!("workflow: w\nsecrets:\n{declared}tasks:\n{tasks}"));
    let planned = env.run(["plan", "w.yaml", "-o", "p.plan"]);
    planned.success();
    let shown = env.run(["show", "p.plan", "--json"]);
    shown.success();
    let kept = env.read("p.plan").expect("it is kept");
    for (what, text) in [
        ("the plan", kept),
        ("stdout", planned.stdout()),
        ("stderr", planned.stderr()),
        ("show", shown.stdout()),
    ] {
        for n in 0..SECRETS {
            let plain = secret(n);
            let escaped = plain.replace('"', "\\\"");
            assert!(!text.contains(&plain) && !text.contains(&escaped), "secret {n} is in {what}");
        }
    }
    apply(&env).success();
    assert_eq!(env.read("out/7"), Some(format!("new {}", secret(7))), "it was there for its step");
}

#[test]
fn a_plan_that_would_hold_a_secret_is_not_written() {
    let env = env().var("TOKEN", "tok-7f3a91c2e85d4b06");
    for leak in ["{{ env.TOKEN }}", "tok-7f3a91c2e85d4b06"] {
        env.file(
            "w.yaml",
            format!("workflow: w\nsecrets: {{ t: {{ env: TOKEN }} }}\ntasks:\n  - {{ id: a, run: \"echo {leak}\" }}\n"),
        );
        let output = env.run(["plan", "w.yaml", "-o", "p.plan"]);
        output.status(1).says("WL0823").says("secret t");
        assert!(!output.stderr().contains("tok-7f3a"), "{}", output.stderr());
        assert!(!env.has("p.plan"));
    }
}

/// A small generator of numbers: a failure names its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// Where the task is that has no other task's file.
const ONCE: usize = 6;

/// More than is shown of a file, of which one letter is another.
fn large(at: usize) -> String {
    let mut text = "a".repeat(150_000);
    text.replace_range(at..=at, "b");
    text
}

/// What the document of the random changes says, and how it is laid out.
struct Site {
    vars: Vec<(&'static str, String)>,
    tasks: Vec<(String, Vec<String>)>,
}

impl Site {
    fn new() -> Self {
        let task =
            |id: &str, keys: &[&str]| (id.to_owned(), keys.iter().map(|&key| key.to_owned()).collect());
        Self {
            vars: vec![("port", "8080".into()), ("name", "app".into())],
            tasks: vec![
                task("base", &["file: { path: etc, state: directory }"]),
                task(
                    "conf",
                    &["needs: [base]", "copy: { content: \"{{ name }}:{{ port }}\\n\", dest: etc/conf }"],
                ),
                task("data", &["needs: [base]", "copy: { src: data.txt, dest: etc/data, mode: \"0644\" }"]),
                task("page", &["needs: [base]", "template: { src: page.j2, dest: etc/page }"]),
                task("zone", &["needs: [base]", "copy: { content: \"{{ env.ZONE }}\\n\", dest: etc/zone }"]),
                task("large", &["needs: [base]", "copy: { content: \"small\\n\", dest: etc/large }"]),
                task("once", &["run: touch mark", "tags: [slow]"]),
            ],
        }
    }

    fn text(&self) -> String {
        self.laid_out(&mut Dice(1), false)
    }

    /// The same document in another layout, where that is asked for.
    fn laid_out(&self, dice: &mut Dice, other: bool) -> String {
        let mut lines = vec!["workflow: site".to_owned()];
        let mut blank = |lines: &mut Vec<String>| {
            if other {
                match dice.roll(4) {
                    0 => lines.push(String::new()),
                    1 => lines.push(format!("# comment {}", dice.roll(1000))),
                    _ => {}
                }
            }
        };
        let quote = if other { '\'' } else { '"' };
        lines.push("vars:".into());
        for (name, value) in &self.vars {
            blank(&mut lines);
            lines.push(format!("  {name}:{}{quote}{value}{quote}", if other { "   " } else { " " }));
        }
        lines.push("tasks:".into());
        let mut tasks: Vec<_> = self.tasks.iter().collect();
        if other {
            tasks.reverse();
        }
        for (id, keys) in tasks {
            blank(&mut lines);
            let mut keys: Vec<String> = keys.clone();
            keys.insert(0, format!("id: {id}"));
            if other {
                keys.reverse();
            }
            for (n, key) in keys.iter().enumerate() {
                lines.push(format!(
                    "  {} {key}{}",
                    if n == 0 { '-' } else { ' ' },
                    if other { "  # so" } else { "" }
                ));
            }
        }
        lines.join("\n") + "\n"
    }
}

/// A project with the site's files, some of which are as the site wants them.
fn site() -> TestEnv {
    let env = env().var("ZONE", "eu");
    reset(&env);
    env
}

fn reset(env: &TestEnv) {
    let etc = env.project().join("etc");
    fs::remove_dir_all(&etc).ok();
    fs::remove_file(env.project().join("mark")).ok();
    env.file("w.yaml", Site::new().text()).file("data.txt", "data\n").file("page.j2", "page {{ name }}\n");
    env.file("etc/conf", "app:8080\n").file("etc/data", "old\n").file("etc/zone", "us\n");
    env.file("etc/large", large(0));
    fs::set_permissions(etc.join("data"), fs::Permissions::from_mode(0o644)).expect("it is ours");
}

/// Changes something that counts, and says what; `zone` is what the environment says then.
fn relevant(env: &TestEnv, dice: &mut Dice) -> (String, String) {
    let mut site = Site::new();
    let word = format!("w{}", dice.roll(1_000_000));
    let (mut zone, n) = ("eu".to_owned(), dice.roll(17));
    match n {
        0 => site.vars[0].1 = word.clone(),
        1 => site.vars[1].1 = word.clone(),
        2 => site.vars.push(("more", word.clone())),
        3 => site.tasks.push((word.clone(), vec!["run: date".into()])),
        4 => drop(site.tasks.remove(1 + dice.roll(5))),
        5 => site.tasks[ONCE].0 = word.clone(),
        6 => site.tasks[ONCE].1[0] = format!("run: touch {word}"),
        7 => drop(site.tasks[1 + dice.roll(4)].1.remove(0)),
        8 => site.tasks[ONCE].1.push(format!("description: {word}")),
        9 => zone = word.clone(),
        10 => drop(env.file("data.txt", &word)),
        11 => drop(env.file("page.j2", format!("{word} {{{{ name }}}}"))),
        12 => drop(env.file("etc/conf", &word)),
        13 => drop(env.file("etc/data", &word)),
        14 => drop(env.file("etc/page", &word)),
        15 => drop(env.file("etc/large", large(1 + dice.roll(149_999)))),
        _ => fs::remove_file(env.project().join("etc/zone")).expect("it is there"),
    }
    env.file("w.yaml", site.text());
    (format!("relevant change {n} ({word})"), zone)
}

/// Changes something that does not count.
fn irrelevant(env: &TestEnv, dice: &mut Dice) -> (String, String) {
    let n = dice.roll(4);
    let word = format!("w{}", dice.roll(1_000_000));
    match n {
        0 => drop(env.file(&format!("other/{word}"), &word)),
        1 => drop(env.file("etc/unrelated", &word)),
        2 => drop(env.file("data.txt", "data\n")),
        _ => {}
    }
    env.file("w.yaml", Site::new().laid_out(dice, true));
    (format!("irrelevant change {n}"), word)
}

/// Changes that count, on four threads.
const RELEVANT: usize = 800;

/// Changes that do not.
const IRRELEVANT: usize = 240;

#[test]
fn every_change_that_counts_makes_a_plan_stale() {
    parallel(RELEVANT, |seed, count| {
        let env = site();
        plan(&env);
        let mut dice = Dice(seed);
        for nth in 0..count {
            let (what, zone) = relevant(&env, &mut dice);
            let output = env.call(["apply", "p.plan"]).var("ZONE", &zone).run();
            assert_eq!(output.code(), Some(1), "{what}, change {nth} of seed {seed}: {}", output.stderr());
            output.says("WL0821");
            assert!(!env.has("mark"), "{what}: nothing is done");
            reset(&env);
        }
        // It was not stale by itself.
        apply(&env).success();
    });
}

#[test]
fn no_change_that_does_not_count_makes_a_plan_stale() {
    parallel(IRRELEVANT, |seed, count| {
        let env = site();
        let mut dice = Dice(seed);
        for nth in 0..count {
            plan(&env);
            let (what, word) = irrelevant(&env, &mut dice);
            let output = env.call(["apply", "p.plan"]).var("UNRELATED", &word).run();
            assert_eq!(output.code(), Some(0), "{what}, change {nth} of seed {seed}: {}", output.stderr());
            reset(&env);
        }
    });
}

fn parallel(count: usize, work: impl Fn(u64, usize) + Sync) {
    std::thread::scope(|threads| {
        for thread in 1..=4u64 {
            let work = &work;
            threads.spawn(move || work(thread * 7_919, count / 4));
        }
    });
}
