//! Runs: how they go, how they fail, how they go on, and what is shown of them.

use serde_json::json;

use super::{FAILS_ONCE, env};

#[test]
fn a_run_says_each_step_and_sums_up() {
    let env = env();
    env.file("a.yaml", FAILS_ONCE).file("fixed", "");
    let output = env.run(["run", "a.yaml"]);
    let text = output.success().stdout();
    assert!(text.contains("ok=0 changed=3 skipped=0 failed=0"), "{text}");
    assert!(text.contains("ship/copy") && text.contains("shipped.txt"), "{text}");
    output.says("compile/run  changed");
    assert!(!output.stderr().contains('\u{1b}'), "no escapes in a pipe: {}", output.stderr());
}

#[test]
fn a_failure_shows_its_last_lines_and_how_to_go_on() {
    let env = env();
    env.file("a.yaml", FAILS_ONCE);
    let failed = env.run(["run", "a.yaml", "--id", "r-1"]);
    failed.status(1).says("test/run  failed").says("$ seq 1 30").says("20 more").says("│ 30");
    assert!(failed.stdout().contains("windlass resume r-1"), "{}", failed.stdout());

    env.file("fixed", "");
    let resumed = env.run(["resume"]);
    assert!(resumed.success().stdout().contains("failed=0"), "{}", resumed.stdout());
    assert_eq!(env.read("log").as_deref(), Some("compiled\n"), "what was finished did not run again");
    assert!(env.has("shipped.txt"));
    env.run(["resume"]).success().says("nothing to resume");
    env.run(["resume", "r-1"]).success().says("completed");
}

#[test]
fn json_is_one_document_and_events_are_lines() {
    let env = env();
    env.file("a.yaml", FAILS_ONCE);
    let state = env.run(["run", "a.yaml", "--json"]);
    let state = state.status(1).json();
    assert_eq!(state["state"], "failed");
    assert_eq!(state["tasks"]["ship"]["state"], "skipped");
    let events = env.run(["run", "a.yaml", "--events", "-q"]);
    let words: Vec<_> = events.json_lines().iter().map(|line| line["event"].clone()).collect();
    assert_eq!((words.first(), words.last()), (Some(&json!("run_started")), Some(&json!("run_finished"))));
    assert_eq!(words.iter().filter(|word| **word == "step_finished").count(), 3);
}

#[test]
fn a_quiet_run_says_only_what_went_wrong() {
    let env = env();
    env.file("a.yaml", FAILS_ONCE);
    env.run(["run", "a.yaml", "-q"]).status(1).says("✗ test/run failed").says("│ 30");
    env.file("fixed", "");
    let output = env.run(["run", "a.yaml", "-q"]);
    assert_eq!((output.success().stdout(), output.stderr()), (String::new(), String::new()));
}

#[test]
fn runs_are_found_by_the_beginning_of_their_id() {
    let env = env();
    env.file("a.yaml", FAILS_ONCE).file("fixed", "");
    env.run(["run", "a.yaml", "--id", "alpha-1"]).success();
    env.run(["run", "a.yaml", "--id", "alpha-2"]).success();
    env.run(["run", "a.yaml", "--id", "beta"]).success();
    assert_eq!(env.run(["runs", "show", "b", "--json"]).json()["run_id"], "beta");
    assert_eq!(env.run(["runs", "show", "latest", "--json"]).json()["run_id"], "beta");
    env.run(["runs", "show", "alpha"]).status(1).says("WL0707").says("alpha-1");
    env.run(["runs", "show", "gamma"]).status(1).says("WL0706");
    let list = env.run(["runs", "list"]).stdout();
    assert_eq!(list.lines().count(), 4, "{list}");
    let ids = env.run(["runs", "list", "--json", "--limit", "2"]).json();
    assert_eq!((&ids[0]["run_id"], &ids[1]["run_id"]), (&json!("beta"), &json!("alpha-2")));
}

#[test]
fn a_run_is_shown_with_its_events_and_logs() {
    let env = env();
    env.file("a.yaml", FAILS_ONCE);
    env.run(["run", "a.yaml"]).status(1);
    let tree = env.run(["runs", "show", "latest"]).stdout();
    assert!(tree.contains("├─ ✗ test  failed") && tree.contains("○ ship  not run"), "{tree}");
    let logs = env.run(["runs", "logs", "latest", "test"]).stdout();
    assert!(logs.starts_with("test/run │ 1\n") && logs.contains("test/run │ 30\n"), "{logs}");
    let logs = env.run(["runs", "logs", "latest", "compile", "--json"]).json();
    assert_eq!(logs[0]["step"], "compile/run");
    env.run(["runs", "logs", "latest", "tset"]).status(1).says("did you mean \"test\"?");
    let events = env.run(["runs", "events", "latest", "--events"]).json_lines();
    assert_eq!(events[0]["seq"], 1);
    let graph = env.run(["graph", "--run", "latest"]).stdout();
    assert!(graph.contains("│ ✗ test"), "{graph}");
}

#[test]
fn a_resume_says_what_has_changed_since() {
    let env = env();
    env.file("a.yaml", FAILS_ONCE);
    env.run(["run", "a.yaml"]).status(1);
    std::thread::sleep(std::time::Duration::from_millis(20));
    env.file("a.yaml", "workflow: other\n").file("fixed", "");
    env.run(["resume"]).success().says("warning: a.yaml has changed since the run was planned");
}

#[test]
fn diagnostics_tell_every_event_where_they_are_asked_to() {
    let env = env();
    env.file("a.yaml", FAILS_ONCE).file("fixed", "");
    let talk = env.run(["run", "a.yaml", "-q", "--log-level", "trace", "--log-format", "json"]);
    let lines: Vec<serde_json::Value> =
        talk.success().stderr().lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(lines.iter().any(|line| line["message"] == "step_finished" && line["step"] == "ship/copy"));
}

#[test]
fn tags_and_variables_reach_the_plan() {
    let env = env();
    env.file(
        "a.yaml",
        "workflow: x\nvars: { who: world }\ntasks:\n  - { id: a, run: 'echo hello {{ who }}', tags: [greet] }\n  - { id: b, run: 'touch b' }\n",
    );
    env.run(["run", "a.yaml", "-e", "who=Ada", "--tags", "greet", "-v"]).success().says("│ hello Ada");
    assert!(!env.has("b"));
}

#[test]
fn finished_runs_are_forgotten_and_others_are_not() {
    let env = env();
    env.file("a.yaml", FAILS_ONCE).file("fixed", "");
    for id in ["one", "two", "three"] {
        env.run(["run", "a.yaml", "--id", id]).success();
    }
    let dry = env.run(["runs", "prune", "--keep", "1", "--dry-run"]);
    assert_eq!(dry.success().stdout(), "one\ntwo\n");
    assert_eq!(env.run(["runs", "prune", "--keep", "1", "--json"]).json()["runs"], json!(["one", "two"]));
    assert_eq!(env.run(["runs", "list", "--json"]).json().as_array().map(Vec::len), Some(1));
}
