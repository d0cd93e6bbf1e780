//! Prompts that ask several times: each round is written down, and a crash repeats none that is.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use windlass_testkit::sweep::{self, Case};
use windlass_testkit::{Fault, TestEnv};

use super::crash::measure;
use super::model::{CALL, HEAD, calls, result, spent};
use crate::e2e_support::{env, lines};

/// A model that calls a tool twice in its first answer and once in its second, then says what is no JSON, then what
/// does not match, and then what does. What it answers depends on what it is asked alone.
const TALKER: &str = r#"#!/usr/bin/env python3
import hashlib, json, os, sys
request = json.load(sys.stdin)
turns = len(request["messages"])
if os.path.exists("down") and turns > int(open("down").read()):
    os.kill(os.getpid(), 9)
with open("calls", "a") as calls:
    calls.write(hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest() + "\n")
def call(name, text):
    return {"type": "tool_call", "id": "c%s%s" % (turns, text), "name": name, "input": {"text": text}}
answers = {
    1: {"parts": [call("write", "a"), call("write", "b")], "stop": "tool_use"},
    3: {"parts": [{"type": "text", "text": "x" * 9000}, call("write", "c")], "stop": "tool_use"},
    5: {"text": "forty-two"},
    7: {"text": "{\"score\": \"forty-two\"}"},
    9: {"text": "{\"score\": 42}"},
}
print(json.dumps({"usage": {"input": 10, "output": 5}, **answers[turns]}))
"#;

const TASKS: &str = r#"tasks:
  - id: talk
    prompt: rate it
    model: tiny
    max_output_tokens: 4000
    schema_retries: 2
    output_schema: { type: object, required: [score], properties: { score: { type: integer } } }
    max_rounds: 4
    tools:
      - name: write
        parameters: { type: object, properties: { text: { type: string } }, required: [text] }
        command: { argv: [sh, -c, 'echo "$0" >> written', '{{ args.text }}'] }
  - { id: after, needs: [talk], run: 'echo {{ tasks.talk.output | quote }}' }
"#;

/// How many requests the talk has, and how many tools it calls.
const REQUESTS: usize = 5;
const TOOLS: usize = 3;

fn with(tasks: &str) -> TestEnv {
    let env = env();
    env.file("model.py", TALKER).file("w.yaml", format!("{HEAD}{tasks}"));
    let path = env.project().join("model.py");
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    env
}

/// The notes of a kind, with the requests that they are about.
fn noted(lines: &[Value], kind: &str) -> Vec<String> {
    let hits = lines.iter().filter(|line| line["note"] == kind);
    hits.map(|line| line["request"].as_str().expect("it names its request").to_owned()).collect()
}

fn nanos(line: &Value) -> u64 {
    (line["usage"]["cost"]["amount"].as_f64().unwrap_or(0.0) * 1e9).round() as u64
}

/// What the project's budget has counted, in billionths of a dollar.
fn project(env: &TestEnv) -> (u64, Value) {
    let shown = env.run(["budget", "show", "--json"]).success().json();
    let all = shown["budgets"].as_array().expect("a list").clone();
    let project = all.into_iter().find(|budget| budget["budget"] == "project").expect("it was asked");
    let used = project["used"]["costs"]["USD"].as_f64().unwrap_or(0.0);
    ((used * 1e9).round() as u64, project)
}

/// No request is sent and no tool called once what came of it is written down; all that was paid is counted, and a
/// request that nobody lived to tell of once, at its bound.
fn check(env: &TestEnv, after: &str) {
    let lines: Vec<Value> = env.run(["runs", "audit", "latest"]).json_lines();
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines.iter().filter(|line| line["event"] == "noted") {
        let request = line["request"].as_str().expect("it names its request");
        let (kind, told) = (line["note"].as_str().unwrap_or_default(), open.entry(request).or_default());
        match kind {
            "asks" => assert_eq!(*told, 0, "after {after}: asked again once its reply was written down"),
            "replied" => *told += 1,
            _ => {}
        }
    }
    let (asks, replies) = (noted(&lines, "asks"), noted(&lines, "replied"));
    assert_eq!(replies.len(), REQUESTS - 1, "after {after}: the last reply is the step's end");
    let paid = calls(env);
    assert!(paid <= asks.len(), "after {after}: {paid} requests, and {} were written down", asks.len());
    let orphans: Vec<u64> = lines.iter().filter(|line| line["event"] == "orphaned").map(nanos).collect();
    let total: u64 = lines.iter().map(nanos).sum();
    assert_eq!(total, spent(env), "after {after}: the audit tells of all that was used\n{lines:#?}");
    assert_eq!(total, REQUESTS as u64 * CALL + orphans.iter().sum::<u64>(), "after {after}: {orphans:?}");
    assert!(paid <= REQUESTS + orphans.len(), "after {after}: {paid} requests, {} orphans", orphans.len());
    assert!(orphans.iter().all(|most| (CALL..1_000_000_000).contains(most)), "after {after}: {orphans:?}");
    let (counted, project) = project(env);
    assert_eq!(counted, total, "after {after}: {project}");
    assert_eq!(project["orphaned"]["costs"], json!({}), "after {after}");
    let tools = lines_of(env);
    assert!((TOOLS..=TOOLS + 1).contains(&tools), "after {after}: tools were called {tools} times");
    assert_eq!(result(env, "talk")["requests"].as_array().map(Vec::len), Some(REQUESTS), "after {after}");
}

fn lines_of(env: &TestEnv) -> usize {
    lines(env, "written")
}

#[test]
fn no_round_is_repeated_once_it_is_written_down() {
    let lay_out = || with(TASKS);
    let case = Case { lay_out: &lay_out, document: "w.yaml", measure, check: &check };
    let crashes = sweep::crash_after_each_record(&case);
    assert!(crashes >= 15, "{crashes}");
}

#[test]
fn a_resume_needs_no_more_than_what_is_left() {
    let env = with(TASKS);
    let first = env.call(["run", "w.yaml"]).fault(&Fault::KillAfter(9)).run();
    first.killed();
    let reserved = |env: &TestEnv| {
        let starts: Vec<f64> = env
            .events()
            .iter()
            .filter(|event| event["event"] == "step_started" && event["task"] == "talk")
            .filter_map(|event| event["reserved"]["cost"]["amount"].as_f64())
            .collect();
        starts
    };
    env.run(["resume"]).success();
    let held = reserved(&env);
    assert!(held.len() == 2 && held[1] < held[0], "{held:?}");
}

#[test]
fn what_a_step_hides_is_in_no_note() {
    let tasks = TASKS.replace("    model: tiny\n", "    model: tiny\n    no_log: true\n");
    let env = with(&tasks.replace("{{ tasks.talk.output | quote }}", "x"));
    env.call(["run", "w.yaml"]).fault(&Fault::KillAfter(7)).run().killed();
    env.run(["resume"]).success();
    for (path, content) in env.everything() {
        let text = String::from_utf8_lossy(&content);
        let ours = path.to_string_lossy().contains(".windlass");
        assert!(!(ours && text.contains("xxxxxxxx")), "{} has what the model said", path.display());
    }
    let total: u64 = env.run(["runs", "audit", "latest"]).json_lines().iter().map(nanos).sum();
    assert_eq!(total, spent(&env));
    assert!(calls(&env) > REQUESTS, "what is hidden cannot be gone on with");
}

#[test]
fn a_step_that_failed_on_the_way_goes_on_where_it_was() {
    let env = with(TASKS);
    env.file("down", "3");
    env.run(["run", "w.yaml"]).status(1);
    assert_eq!((calls(&env), lines_of(&env)), (2, TOOLS));
    let before = spent(&env);
    std::fs::remove_file(env.project().join("down")).expect("it is there");
    env.run(["resume"]).success();
    assert_eq!((calls(&env), lines_of(&env)), (REQUESTS, TOOLS));
    assert_eq!(spent(&env), before + (REQUESTS as u64 - 2) * CALL);
    let total: u64 = env.run(["runs", "audit", "latest"]).json_lines().iter().map(nanos).sum();
    assert_eq!((total, project(&env).0), (spent(&env), spent(&env)));
}
