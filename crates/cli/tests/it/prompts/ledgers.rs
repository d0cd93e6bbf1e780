//! What dead runs hold back on shared budgets: it is named, settled once, and adds up with the journal wherever they died.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use windlass_testkit::sweep::each;
use windlass_testkit::{Fault, TestEnv};

use super::model::{CALL, calls, spent, with};

const DOCUMENT: &str = "tasks:
  - { id: one, prompt: 'say: one', model: tiny, max_output_tokens: 20 }
  - { id: two, prompt: 'say: two', model: tiny, max_output_tokens: 20 }
  - { id: three, needs: [one, two], prompt: 'say: three', model: tiny, max_output_tokens: 20 }
";

/// How budgets stand, in billionths of a dollar: used, the part of it that is a bound, and held back by nobody alive.
fn all_stand(env: &TestEnv) -> BTreeMap<String, [u64; 3]> {
    let shown = env.run(["budget", "show", "--json"]).success().json();
    let stands = |budget: &Value| {
        assert_eq!(budget["reserved"]["costs"], json!({}), "nobody is under way: {budget}");
        let part = |name: &str| budget[name]["costs"]["USD"].as_f64().unwrap_or_default();
        let parts = ["used", "bound", "orphaned"].map(|name| (part(name) * 1e9).round() as u64);
        (budget["budget"].as_str().unwrap_or_default().to_owned(), parts)
    };
    shown["budgets"].as_array().expect("a list").iter().map(stands).collect()
}

fn stands(env: &TestEnv, name: &str) -> [u64; 3] {
    all_stand(env).get(name).copied().unwrap_or_default()
}

fn waiting(env: &TestEnv) -> Vec<Value> {
    let shown = env.run(["budget", "show", "--json"]).success().json();
    shown["waiting"].as_array().expect("a list").clone()
}

/// A check of the doctor's: its level and what it found.
fn doctor(env: &TestEnv, args: &[&str]) -> (String, String) {
    let told = env.run(["doctor", "--json"].iter().chain(args)).json();
    let checks = told["checks"].as_array().expect("a list");
    let check = checks.iter().find(|check| check["check"] == "budgets").expect("it looks at budgets");
    (check["level"].as_str().unwrap_or_default().to_owned(), format!("{} {}", check["found"], check["hint"]))
}

#[test]
fn what_a_dead_run_holds_is_named_and_settled_at_its_bound_by_the_doctor() {
    let env = with(DOCUMENT);
    // One step's start is written down, and nothing of what it asked.
    env.call(["run", "w.yaml", "--id", "dead"]).fault(&Fault::KillAfter(3)).run().killed();
    let held = waiting(&env);
    assert_eq!((held.len(), &held[0]["run"]), (1, &json!("dead")), "{held:?}");
    let shown = env.run(["budget", "show"]);
    shown.success().says("run dead is not running and holds").says("`windlass resume dead` goes on with it");
    let (level, told) = doctor(&env, &[]);
    assert_eq!(level, "note");
    assert!(told.contains("run dead is not running and holds"), "{told}");
    assert!(told.contains("windlass doctor --repair"), "{told}");
    assert!(stands(&env, "project")[2] > 0, "to look changes nothing");

    let (level, told) = doctor(&env, &["--repair"]);
    assert!(level == "note" && told.contains("at the bound"), "what is not exact is flagged: {told}");
    assert_eq!((waiting(&env).len(), doctor(&env, &[]).0.as_str()), (0, "ok"));
    for name in ["project", "day", "month"] {
        let [used, bound, orphaned] = stands(&env, name);
        assert!(used > 0 && used == bound && orphaned == 0, "{name}: {used} {bound} {orphaned}");
    }
    // It can be gone on with all the same, and what was counted is counted once.
    env.run(["resume", "dead"]).success();
    assert_eq!(stands(&env, "project")[0], spent(&env));
    assert!(spent(&env) > 3 * CALL && calls(&env) >= 3);
}

#[test]
fn a_dead_run_of_another_project_is_named_with_its_folder_and_left_to_it() {
    let env = with(DOCUMENT);
    let home = env.root().join("home-of-all");
    let home = home.to_str().expect("a path");
    env.file("other/.git/HEAD", "").file("other/w.yaml", env.read("w.yaml").expect("it is there"));
    let model = env.project().join("model.py");
    std::fs::copy(&model, env.project().join("other/model.py")).expect("copied");
    let call = |args: &[&str]| env.call(args.iter().copied()).var("WINDLASS_HOME", home);
    call(&["-C", "other", "run", "w.yaml", "--id", "dead"]).fault(&Fault::KillAfter(3)).run().killed();
    let shown = call(&["budget", "show"]).run();
    shown.success().says("run dead in ").says("/other is not running").says("there `windlass resume dead`");
    let held = || call(&["budget", "show", "--json"]).run().json()["waiting"].as_array().map_or(0, Vec::len);
    call(&["doctor", "--repair"]).run();
    assert_eq!(held(), 1, "it is not this project's");
    // Where nobody can go there any more, nobody but the doctor can count it.
    std::fs::remove_dir_all(env.project().join("other")).expect("removed");
    let told = call(&["doctor", "--repair"]).run().stdout();
    assert!(told.contains("at the bound"), "{told}");
    assert_eq!(held(), 0);
}

#[test]
fn wherever_a_run_dies_its_ledgers_add_up_with_its_journal() {
    let clean = with(DOCUMENT);
    clean.run(["run", "w.yaml"]).success();
    let numbers = |event: &str| -> Vec<u64> {
        let events = clean.events();
        let hits = events.iter().filter(|of| event.is_empty() || of["event"] == event);
        hits.filter_map(|event| event["seq"].as_u64()).collect()
    };
    let (records, first) = (numbers("").len() as u64, numbers("step_started")[0]);
    assert!(records > 10 && stands(&clean, "project") == [3 * CALL, 0, 0]);
    // What a record is to tell has happened by then, and what it is to begin is held back already.
    let faults: Vec<Fault> = (2..=records).map(Fault::KillBefore).collect();
    each(&faults, |fault| {
        let env = with(DOCUMENT);
        env.call(["run", "w.yaml"]).fault(fault).run().killed();
        let first = matches!(fault, Fault::KillBefore(n) if *n == first);
        let before = if first { stands(&env, "project") } else { [1, 0, 1] };
        env.run(["budget", "release", "latest"]).success();
        let [used, bound, orphaned] = stands(&env, "project");
        assert!(orphaned == 0 && used >= calls(&env) as u64 * CALL, "{fault}: {used} is counted");
        if first {
            // Of these holds the journal has no start: they cost nothing.
            assert!(before[2] > 0 && used == 0 && bound == 0, "{fault}: {before:?} became {used}");
        }
        env.run(["resume"]).success();
        let (spent, stand) = (spent(&env), all_stand(&env));
        for name in ["project", "day", "month"] {
            let [used, _, orphaned] = stand[name];
            assert_eq!((used, orphaned), (spent, 0), "{fault}: {name} and the journal");
        }
    });
}
