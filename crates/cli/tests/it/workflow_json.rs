//! Configurations of claude-workflow, run as they are.

use windlass_testkit::TestEnv;

use crate::e2e_support::env;

/// A model that answers with what it was asked and how many outputs came along.
const MODEL: &str = r#"#!/usr/bin/env python3
import json, sys
messages = json.load(sys.stdin)["messages"]
said = "".join(part["text"] for part in messages[-1]["parts"])
before = sum(len(message["parts"]) for message in messages[:-1])
print(json.dumps({"text": "%s after %d" % (said, before), "usage": {"input": 1000, "output": 100}}))
"#;

const PROJECT: &str = "\
providers: { local: { kind: command, argv: [./model.py], input: json, output: json } }
models:
- { id: tiny, provider: local, max_context: 100000, input_cost_per_1m: 1, output_cost_per_1m: 2, tokenizer: chars4 }
";

fn with(config: &str) -> TestEnv {
    let env = env();
    env.file("model.py", MODEL).file("windlass.yaml", PROJECT).file("workflow.json", config);
    let path = env.project().join("model.py");
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    env
}

/// claude-workflow's own example, with a model of ours.
fn spec() -> String {
    let roles = ["spec-analyst", "spec-architect", "spec-developer", "spec-validator"];
    let steps = roles.iter().enumerate().map(|(n, role)| match n {
        0 => format!(r#"{{ "id": "s0", "role": "{role}", "outputs": ["requirements.md"] }}"#),
        _ => format!(r#"{{ "id": "s{n}", "role": "{role}", "depends_on": ["s{}"] }}"#, n - 1),
    });
    let models = roles.map(|role| format!(r#""{role}": "tiny""#)).join(", ");
    format!(
        r#"{{ "workflow": {{ "name": "spec", "type": "spec-default", "models": {{ {models} }}, "steps": [ {} ] }} }}"#,
        steps.collect::<Vec<_>>().join(", ")
    )
}

fn output(env: &TestEnv, task: &str) -> String {
    env.state()["tasks"][task]["output"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_specification_runs_in_batches_and_each_step_sees_the_one_before() {
    let env = with(&spec());
    env.run(["run", "workflow.json"]).success();
    let state = env.state();
    assert_eq!(state["state"], "completed", "{state}");
    assert_eq!(output(&env, "s0"), "Execute spec-analyst step: s0 after 0");
    assert_eq!(output(&env, "s3"), "Execute spec-validator step: s3 after 1");
    // Four times 1,000 tokens in and 100 out.
    assert_eq!(state["usage"]["cost"]["amount"].to_string(), "0.0048");
    let plan = env.run(["plan", "workflow.json", "--json"]).json();
    assert_eq!(plan["policy"]["strategy"], "batched", "{plan}");
    assert_eq!(plan["policy"]["budget"]["cost"]["amount"].to_string(), "10");
}

#[test]
fn an_unknown_model_is_refused_where_it_is_written_and_nothing_is_asked() {
    let env = with(&spec().replace(r#""spec-developer": "tiny""#, "\n\"spec-developer\": \"tini\""));
    env.run(["run", "workflow.json"]).status(1).says("WL0680").says("workflow.json:2:").says("`tiny`");
}

#[test]
fn what_claude_workflow_refuses_is_refused_in_its_words() {
    let env = with(&spec().replace("spec-analyst\", \"outputs", "spec-writer\", \"outputs"));
    let output = env.run(["validate", "workflow.json"]);
    output
        .status(1)
        .says("step.id=s0 role=spec-writer: unknown role for spec-default workflow")
        .says("WL0239");
    env.file("workflow.json", "");
    env.run(["run", "workflow.json"]).status(1).says("workflow configuration is empty").says("WL0230");
}

#[test]
fn nothing_more_is_asked_after_a_failure_and_metadata_comes_along() {
    let config = r#"{ "workflow": { "name": "stops", "type": "custom", "models": { "r": "tiny" }, "steps": [
        { "id": "a", "role": "r", "outputs": ["a {{ 1 }}.md"] }, { "id": "b", "role": "r" },
        { "id": "c", "role": "r", "depends_on": ["b"] } ] } }"#;
    let env = with(config);
    env.file(
        "model.py",
        "#!/bin/sh\ncat >>asked; grep -q 'step: a' asked && exit 1\necho '{\"text\": \"x\"}'\n",
    );
    env.run(["run", "workflow.json"]).status(1);
    let tasks = env.state()["tasks"].clone();
    assert_eq!(tasks["a"]["state"], "failed", "{tasks}");
    // Neither what would start beside it nor what needs nothing of it.
    let asked = env.read("asked").expect("the model was asked");
    assert!(!asked.contains("step: b") && !asked.contains("step: c"), "{asked}");
    assert!(
        asked.contains("Execute r step: a") && !asked.contains(".md"),
        "no model is told of metadata: {asked}"
    );
    // Each task has its own, and whoever reads it sees what was written, which is no template.
    let plan = env.run(["plan", "workflow.json", "--json"]).json();
    let written = [
        serde_json::json!({ "role": "r", "outputs": "[\"a {{ 1 }}.md\"]" }),
        serde_json::json!({ "role": "r" }),
        serde_json::json!({ "role": "r" }),
    ];
    for (at, written) in written.iter().enumerate() {
        let vars = &plan["tasks"][at]["vars"];
        let read = "copy: { content: '{{ metadata | to_json }}', dest: read }";
        env.file("read.yaml", format!("workflow: read\ntasks: [ {{ id: read, vars: {vars}, {read} }} ]\n"));
        env.run(["run", "read.yaml"]).success();
        let read: serde_json::Value =
            serde_json::from_str(&env.read("read").expect("written")).expect("JSON");
        assert_eq!(&read, written, "{vars}");
    }
}

#[test]
fn a_role_is_never_taken_for_a_template() {
    let config = r#"{ "workflow": { "name": "odd", "type": "custom", "models": { "{{ 7 * 6 }} \"q\"": "tiny" },
        "steps": [ { "id": "a", "role": "{{ 7 * 6 }} \"q\"" } ] } }"#;
    let env = with(config);
    env.run(["run", "workflow.json"]).success();
    assert_eq!(output(&env, "a"), "Execute {{ 7 * 6 }} \"q\" step: a after 0");
}
