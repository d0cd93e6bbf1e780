//! What a run remembers: left by steps of any kind, seen by every later step and sent to models, crash or not.

use std::collections::BTreeSet;

use serde_json::json;
use windlass_testkit::sweep::{self, Case};
use windlass_testkit::{TestEnv, settled};

use super::model::{answers, asked, result, with};

const DOCUMENT: &str = "tasks:
  - id: choose
    steps:
      - { prompt: 'say: dry', model: tiny, max_output_tokens: 20, register: said }
      - remember: { tone: '{{ said.text }}', list: [1, '{{ 1 + 1 }}'] }
  - id: count
    steps:
      - { command: echo 7, register: number }
      - remember: { number: '{{ number.stdout | int }}' }
  - id: module
    steps:
      - { copy: { content: x, dest: made }, register: made }
      - remember: { size: '{{ made.size }}' }
  - id: write
    needs: [choose, count, module]
    prompt: 'say: {{ state.number }} of {{ state.list[1] }}, {{ state.size }} long'
    model: tiny
    max_output_tokens: 20
    context: { memory: [tone, list] }
  - { id: change, needs: [write], remember: { tone: wet } }
  - { id: tell, needs: [change], run: 'echo {{ state.tone }} {{ state.absent | default(\"nothing\") }}' }
";

fn check(env: &TestEnv, after: &str) {
    assert_eq!(env.state()["tasks"]["write"]["output"], "7 of 2, 1 long", "after {after}");
    assert_eq!(env.state()["tasks"]["tell"]["output"], "wet nothing", "after {after}");
    let write =
        asked(env).into_iter().rfind(|request| request["messages"].as_array().is_some_and(|m| m.len() == 3));
    let write = write.unwrap_or_else(|| panic!("after {after}: memory and outputs come before the prompt"));
    let memory: BTreeSet<String> = write["messages"][0]["parts"]
        .as_array()
        .expect("parts")
        .iter()
        .map(|part| part["text"].as_str().unwrap_or_default().to_owned())
        .collect();
    let due = ["<memory name=\"list\">\n[1,2]\n</memory>\n", "<memory name=\"tone\">\ndry\n</memory>\n"];
    assert_eq!(memory, due.map(str::to_owned).into(), "after {after}");
    assert_eq!(result(env, "write")["context"]["memory"], json!(["list", "tone"]), "after {after}");
}

#[test]
fn what_steps_leave_is_there_after_any_crash() {
    let lay_out = || with(DOCUMENT);
    let case = Case { lay_out: &lay_out, document: "w.yaml", measure: settled_without_usage, check: &check };
    let crashes = sweep::crash_after_each_record(&case);
    assert!(crashes >= 20, "{crashes}");
}

fn settled_without_usage(state: &serde_json::Value) -> serde_json::Value {
    let mut state = settled(state);
    super::crash::without_usage(&mut state);
    state
}

#[test]
fn a_model_may_keep_something_for_later_by_a_tool() {
    let env = with(
        "tasks:
  - id: think
    prompt: what is it?
    model: tiny
    tools:
      - name: note
        parameters: { type: object, properties: { text: { type: string } }, required: [text] }
        remember: { noted: '{{ args.text }}' }
  - { id: tell, needs: [think], run: 'echo {{ state.noted | quote }}' }
",
    );
    let call = json!({"parts": [{"type": "tool_call", "id": "1", "name": "note", "input": {"text": "{{ 6 * 7 }}"}}]});
    answers(&env, &[call, json!({"text": "done"})]);
    env.run(["run", "w.yaml"]).success();
    assert_eq!(env.state()["tasks"]["tell"]["output"], "{{ 6 * 7 }}", "what a model says is no template");
}

#[test]
fn a_reader_of_what_a_tool_remembers_has_to_come_after_its_prompt() {
    let document = |needs: &str| {
        format!(
            "tasks:
  - id: think
    prompt: 'say: thought'
    model: tiny
    tools: [ {{ name: note, parameters: {{ type: object, properties: {{ text: {{ type: string }} }} }}, remember: {{ noted: '{{{{ args.text }}}}' }} }} ]
  - {{ id: write, needs: [{needs}], prompt: 'say: written', model: tiny, context: {{ memory: [noted] }} }}
"
        )
    };
    with(&document(""))
        .run(["plan", "w.yaml"])
        .status(1)
        .says("WL0805")
        .says("add think to the needs of write");
    // The plan knows it, whether or not the model makes use of it.
    let env = with(&document("think"));
    let call = json!({"parts": [{"type": "tool_call", "id": "1", "name": "note", "input": {"text": "dry"}}]});
    answers(&env, &[call, json!({"text": "done"}), json!({"text": "written"})]);
    env.run(["run", "w.yaml"]).success();
    assert_eq!(result(&env, "write")["context"]["memory"], json!(["noted"]));
    let env = with(&document("think"));
    env.run(["run", "w.yaml"]).success();
    let write = result(&env, "write");
    assert_eq!((&write["text"], &write["context"]["memory"]), (&json!("written"), &json!(null)));
    assert_eq!(env.state()["tasks"]["think"]["output"], "thought");
}

#[test]
fn check_mode_predicts_by_it() {
    let env = with(
        "tasks:\n  - id: a\n    steps:\n      - remember: { x: 1 }\n      - assert: { that: [state.x == 1] }\n",
    );
    env.run(["run", "w.yaml", "--check"]).success();
}

#[test]
fn what_nobody_remembers_before_is_told_when_it_is_planned() {
    let env = with(
        "tasks:
  - { id: a, prompt: x, model: tiny, context: { memory: [tone] } }
  - { id: b, remember: { tone: dry } }
",
    );
    env.run(["plan", "w.yaml"]).status(1).says("WL0805").says("add b to the needs of a");
    let env = with(
        "tasks:
  - { id: a, remember: { 'a-b': 1 } }
  - { id: b, remember: {} }
  - { id: c, remember: text }
  - { id: d, prompt: x, model: tiny, context: { memory: ['{{ x }}'] } }
",
    );
    let told = env.run(["validate", "w.yaml"]);
    told.status(1)
        .says("`a-b` is no name")
        .says("expected names with values, found none")
        .says("no name that a step can `remember`");
}
