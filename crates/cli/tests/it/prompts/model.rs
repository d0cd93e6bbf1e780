//! A program that serves as a model, and documents that ask it.

use windlass_testkit::TestEnv;

use crate::e2e_support::{env, lines};

/// It answers with its `answer` file where there is one, with what comes after `say:` in the prompt otherwise; counts
/// its calls in `calls`, and keeps what it was asked in `asked`.
const MODEL: &str = r#"#!/usr/bin/env python3
import json, os, sys
request = json.load(sys.stdin)
last = request["messages"][-1]["parts"]
said = "".join(part.get("text", "") or part.get("content", "") for part in last)
with open("calls", "a") as calls:
    calls.write("%s\n" % said.replace("\n", " "))
with open("asked", "a") as asked:
    asked.write(json.dumps(request) + "\n")
count = sum(1 for _ in open("calls"))
reply = {"usage": {"input": 10, "output": 5}}
if os.path.exists("answers"):
    answers = [json.loads(line) for line in open("answers")]
    reply.update(answers[min(count, len(answers)) - 1])
else:
    reply["text"] = said.split("say:")[-1].strip()
print(json.dumps(reply))
"#;

/// What a document says of its model, whose price is one dollar for a million tokens read and two for written ones.
pub(super) const HEAD: &str = "\
workflow: prompts
providers: { local: { kind: command, argv: [./model.py], input: json, output: json } }
models:
  - { id: tiny, provider: local, max_context: 100000, input_cost_per_1m: 1, output_cost_per_1m: 2, supports_tools: true, tokenizer: chars4 }
";

/// What one call of the model costs, in billionths of a dollar.
pub(super) const CALL: u64 = 20_000;

/// An environment with the model and a document `w.yaml` that asks it.
pub(super) fn with(tasks: &str) -> TestEnv {
    let env = env();
    env.file("model.py", MODEL).file("w.yaml", format!("{HEAD}{tasks}"));
    let path = env.project().join("model.py");
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    env
}

/// What the model answers, one line for each call, the last for all that follow.
pub(super) fn answers(env: &TestEnv, answers: &[serde_json::Value]) {
    let lines: String = answers.iter().map(|answer| format!("{answer}\n")).collect();
    env.file("answers", lines);
}

/// How often the model was called.
pub(super) fn calls(env: &TestEnv) -> usize {
    lines(env, "calls")
}

/// What it was asked.
pub(super) fn asked(env: &TestEnv) -> Vec<serde_json::Value> {
    let text = env.read("asked").unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("a request is JSON")).collect()
}

/// The result of a task's only step.
pub(super) fn result(env: &TestEnv, task: &str) -> serde_json::Value {
    env.state()["tasks"][task]["steps"][0]["hosts"]["localhost"]["result"].clone()
}

/// What the run has spent, in billionths of a dollar.
pub(super) fn spent(env: &TestEnv) -> u64 {
    let amount = env.state()["usage"]["cost"]["amount"].as_f64().expect("an amount");
    (amount * 1e9).round() as u64
}

/// The code of a task's error.
pub(super) fn code(env: &TestEnv, task: &str) -> String {
    env.state()["tasks"][task]["error"]["code"].as_str().unwrap_or_default().to_owned()
}
