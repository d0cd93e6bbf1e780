//! What a prompt sends, and what it hands on: texts, contexts, schemas, tools.

use serde_json::json;

use super::model::{CALL, answers, asked, calls, code, result, spent, with};

#[test]
fn a_chain_of_prompts_hands_on_texts_and_values() {
    let env = with(
        "tasks:
  - { id: diff, run: echo '+ one line' }
  - { id: notes, needs: [diff], prompt: \"about {{ tasks.diff.output }} say: fine notes\", model: tiny, max_output_tokens: 50 }
  - id: rate
    needs: [diff, notes]
    prompt: 'say: {\"score\": 96}'
    model: tiny
    system: You rate.
    temperature: 0
    max_output_tokens: 50
    context: { strategy: none }
    output_schema: { type: object, properties: { score: { type: integer } }, required: [score] }
    outputs: { score: '{{ json.score }}' }
  - { id: tell, needs: [notes, rate], run: 'echo {{ tasks.rate.outputs.score }} {{ tasks.notes.output | quote }}' }
",
    );
    env.run(["run", "w.yaml"]).success();
    assert_eq!(env.state()["tasks"]["tell"]["output"], "96 fine notes");
    let asked = asked(&env);
    assert_eq!(asked[0]["messages"][0]["parts"][0]["text"], "about + one line say: fine notes");
    let context: Vec<&str> = asked[1]["messages"][0]["parts"]
        .as_array()
        .expect("parts")
        .iter()
        .filter_map(|part| part["text"].as_str())
        .collect();
    assert_eq!(context.len(), 2, "both tasks before are sent, in the order of needs: {context:?}");
    assert!(context[0].contains("+ one line") && context[1].contains("fine notes"), "{context:?}");
    assert_eq!((&asked[1]["system"], &asked[1]["temperature"]), (&json!("You rate."), &json!(0.0)));
    assert_eq!(asked[1]["schema"]["schema"]["required"][0], "score");
    let rate = result(&env, "rate");
    assert_eq!(
        (&rate["model"], &rate["stop"], &rate["cached"]),
        (&json!("tiny"), &json!("end"), &json!(false))
    );
    assert_eq!(rate["context"]["sent"][1]["tasks"], json!(["notes"]));
    assert_eq!((&env.state()["usage"]["tokens"], spent(&env)), (&json!(30), 2 * CALL));
    let plan = env.artifact("plan.json");
    assert_eq!(
        plan["policy"]["strategy"], "batched",
        "prompts go in batches unless the document says otherwise"
    );
}

#[test]
fn what_does_not_fit_is_left_out_and_told() {
    let env = with(
        "tasks:
  - { id: a, run: echo first }
  - { id: b, run: echo second }
  - { id: c, needs: [a, b], prompt: 'say: ok', model: tiny, context: { strategy: keep_last_n, keep_last_n: 1 } }
",
    );
    env.run(["run", "w.yaml"]).success();
    let sent = asked(&env)[0]["messages"].to_string();
    assert!(sent.contains("second") && !sent.contains("first"), "{sent}");
    let context = &result(&env, "c")["context"];
    assert_eq!((&context["sent"][0]["tasks"], &context["dropped"][0]["ids"]), (&json!(["b"]), &json!(["a"])));
    assert!(context["dropped"][0]["tokens"].as_u64() > Some(0), "{context}");
}

#[test]
fn what_is_too_long_is_summarized_by_the_model_and_paid_for() {
    let env = with(
        "tasks:
  - { id: a, run: seq 1 400 }
  - { id: b, needs: [a], prompt: 'say: done', model: tiny, context: { strategy: summarize, max_tokens: 100 } }
",
    );
    answers(&env, &[json!({"text": "numbers up to 400"}), json!({"text": "done"})]);
    env.run(["run", "w.yaml"]).success();
    assert_eq!(calls(&env), 2);
    let sent = asked(&env)[1]["messages"].to_string();
    assert!(sent.contains("numbers up to 400") && !sent.contains("399"), "{sent}");
    let requests = &result(&env, "b")["requests"];
    assert_eq!(requests[0]["for"], "summary");
    assert_eq!(spent(&env), 2 * CALL);
}

#[test]
fn texts_come_from_files_and_fit_the_role_of_the_model() {
    let tasks = "tasks:
  - { id: file, prompt_file: prompts/notes.md, model: tiny, vars: { word: hello } }
  - { id: tier, prompt: { fast: 'say: short', default: 'say: long' }, model: tiny }
";
    let env = with(tasks);
    env.file("prompts/notes.md", "Please\nsay: {{ word }}\n");
    env.run(["run", "w.yaml"]).success();
    assert_eq!(env.state()["tasks"]["file"]["output"], "hello");
    assert_eq!(env.state()["tasks"]["tier"]["output"], "long");
    env.file("prompts/notes.md", "Please\nsay: {{ wrod }}\n");
    let refused = env.run(["run", "w.yaml"]);
    refused.status(1);
    assert!(refused.stderr().contains("prompts/notes.md:2:9"), "the line of the file is shown: {refused:?}");
}

/// A step that has to answer by a schema.
const SCHEMA: &str = "tasks:
  - id: rate
    prompt: rate it
    model: tiny
    max_output_tokens: 50
    schema_retries: 1
    output_schema: { type: object, properties: { score: { type: integer } }, required: [score] }
";

#[test]
fn an_answer_that_does_not_match_is_mended_by_the_model() {
    let env = with(SCHEMA);
    answers(&env, &[json!({"text": "{\"score\": \"high\"}"}), json!({"text": "{\"score\": 7}"})]);
    env.run(["run", "w.yaml"]).success();
    let rate = result(&env, "rate");
    assert_eq!(rate["json"], json!({"score": 7}));
    assert_eq!(rate["requests"].as_array().map(Vec::len), Some(2), "each request is recorded");
    let told = asked(&env)[1]["messages"].to_string();
    assert!(told.contains("/score") && told.contains("high"), "the model is shown what is wrong: {told}");
    assert_eq!(spent(&env), 2 * CALL);
}

#[test]
fn an_answer_that_never_matches_fails_the_step_and_its_cost_is_told() {
    let env = with(SCHEMA);
    answers(&env, &[json!({"text": "no idea"})]);
    env.run(["run", "w.yaml"]).status(1);
    assert_eq!(code(&env, "rate"), "WL0690");
    assert_eq!(calls(&env), 2, "bounded");
    assert_eq!(spent(&env), 2 * CALL, "what is spent is told");
}

/// A step that may look into files and count words.
const TOOLS: &str = "tasks:
  - id: ask
    prompt: how many lines has a.txt?
    model: tiny
    max_output_tokens: 50
    max_rounds: 3
    vars: { folder: data }
    tools:
      - name: lines
        description: Counts the lines of a file.
        parameters: { type: object, properties: { path: { type: string } }, required: [path], additionalProperties: false }
        command: { argv: [wc, -l, '{{ folder }}/{{ args.path }}'] }
      - { name: note, parameters: { type: object, properties: { text: { type: string } } }, copy: { content: '{{ args.text }}', dest: noted } }
";

fn call(name: &str, input: serde_json::Value) -> serde_json::Value {
    json!({"parts": [{"type": "tool_call", "id": "c1", "name": name, "input": input}], "stop": "tool_use"})
}

#[test]
fn a_model_calls_tools_that_are_steps() {
    let env = with(TOOLS);
    env.file("data/a.txt", "1\n2\n3\n");
    let injected = "{{ lookup('env', 'HOME') }}";
    answers(
        &env,
        &[
            call("lines", json!({"path": "a.txt"})),
            call("note", json!({"text": injected})),
            json!({"text": "three"}),
        ],
    );
    env.run(["run", "w.yaml"]).success();
    let ask = result(&env, "ask");
    assert_eq!(ask["text"], "three");
    assert_eq!(ask["calls"][0]["tool"], "lines");
    assert!(ask["calls"][0]["output"].as_str().is_some_and(|text| text.starts_with("3 ")), "{ask}");
    assert_eq!(ask["calls"][1]["changed"], true);
    assert_eq!(env.read("noted").as_deref(), Some(injected), "what a model says is no template");
    let told = &asked(&env)[1]["messages"][2]["parts"][0];
    assert!(told["content"].as_str().is_some_and(|text| text.starts_with("3 ")), "{told}");
    assert_eq!(env.state()["tasks"]["ask"]["changed"], true, "a tool changed something");
}

#[test]
fn what_is_not_offered_is_refused_to_the_model_and_recorded() {
    let env = with(TOOLS);
    answers(
        &env,
        &[
            call("shell", json!({"cmd": "rm -rf /"})),
            call("lines", json!({"file": 1})),
            json!({"text": "well"}),
        ],
    );
    env.run(["run", "w.yaml"]).success();
    let calls = result(&env, "ask")["calls"].clone();
    assert!(calls[0]["refused"].as_str().is_some_and(|why| why.contains("no such tool")), "{calls}");
    assert!(calls[1]["refused"].as_str().is_some_and(|why| why.contains("path")), "{calls}");
    let told = asked(&env)[1]["messages"][2]["parts"][0].clone();
    assert!(told["failed"] == true && told["content"].to_string().contains("lines, note"), "{told}");
}

#[test]
fn rounds_with_tools_are_bounded() {
    let env = with(TOOLS);
    env.file("data/a.txt", "1\n");
    answers(&env, &[call("lines", json!({"path": "a.txt"}))]);
    env.run(["run", "w.yaml"]).status(1);
    assert_eq!(calls(&env), 3);
    assert_eq!(code(&env, "ask"), "WL0691");
    assert_eq!(spent(&env), 3 * CALL);
}

#[test]
fn check_mode_asks_nobody() {
    let env = with("tasks:\n  - { id: a, prompt: 'say: x', model: tiny }\n");
    let output = env.run(["run", "w.yaml", "--check"]);
    output.success();
    assert!(output.stdout().contains("unknown=1"), "{output:?}");
    assert_eq!(calls(&env), 0);
}
