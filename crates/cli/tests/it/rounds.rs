//! Repeated stages: a gate of 95 % and at most three rounds, whatever dies on the way.

use serde_json::{Value, json};
use windlass_testkit::sweep::{self, Case};
use windlass_testkit::{TestEnv, normalised};

use crate::e2e_support::with;

/// An analyst, an architect, a developer and a validator; the developer reads what the validator found the round
/// before. `gate` is how good it must be: a round adds twenty to sixty.
fn document(gate: u32) -> String {
    format!(
        "workflow: feature
stages:
- name: build
  repeat: {{ until: score | int >= {gate}, max_rounds: 3 }}
  tasks:
  - {{ id: analyst, run: 'echo needs; echo x >> marks/analyst-{{{{ round }}}}' }}
  - {{ id: architect, needs: [analyst], run: 'echo a design for {{{{ tasks.analyst.output }}}}' }}
  - id: developer
    needs: [architect]
    run: 'echo code after {{{{ state.feedback | default(\"nothing\") }}}}'
    outputs: {{ code: '{{{{ stdout }}}}' }}
  - id: validator
    needs: [developer]
    run: 'echo {{{{ 60 + 20 * round }}}}'
    outputs: {{ score: '{{{{ stdout }}}}', feedback: 'round {{{{ round }}}} was too weak' }}
tasks:
- id: release
  needs: [developer]
  run: 'echo {{{{ tasks.developer.output }}}}; echo x >> marks/release'
- {{ id: beside, run: echo beside }}
"
    )
}

fn lay_out(gate: u32) -> TestEnv {
    let env = with(&document(gate));
    env.file("marks/.keep", "");
    env
}

/// What each analyst and the release did, once each.
fn check(env: &TestEnv, after: &str) {
    for round in 1..=2 {
        assert!(env.read(&format!("marks/analyst-{round}")).is_some(), "after {after}: no round {round}");
    }
    assert!(!env.has("marks/analyst-3"), "after {after}: one round too many");
    let state = env.state();
    let outputs = &state["tasks"]["validator"]["outputs"];
    assert_eq!(outputs, &json!({"score": "100", "feedback": "round 2 was too weak"}), "after {after}");
    assert_eq!(state["tasks"]["release"]["output"], "code after round 1 was too weak", "after {after}");
    assert_eq!(state["tasks"]["developer"]["round"], 2, "after {after}");
    let past = &state["tasks"]["validator"]["past"];
    assert_eq!(past[0]["outputs"]["score"], "80", "after {after}");
}

#[test]
fn a_stage_is_repeated_until_its_gate_is_passed_and_goes_on_after_any_crash() {
    let case = Case { lay_out: &|| lay_out(95), document: "w.yaml", measure: normalised, check: &check };
    let crashes = sweep::crash_after_each_record(&case);
    assert!(crashes > 30, "{crashes}");
}

#[test]
fn rounds_are_shown_and_those_that_are_used_up_fail_the_stage() {
    let env = lay_out(150);
    let plan = env.run(["plan", "w.yaml"]);
    let plan = plan.success().stdout();
    assert!(plan.contains("stage build is repeated until score | int >= 150, 3 rounds at most"), "{plan}");
    let run = env.run(["run", "w.yaml"]);
    run.status(1).says("stage build is not done after 3 rounds: score | int >= 150 does not hold");
    run.says("stage build: round 2").says("validator~3/run");
    let state = env.state();
    assert_eq!(state["tasks"]["validator"]["error"]["code"], "WL0670");
    let ends: Vec<&Value> = ["beside", "developer", "validator", "release"]
        .iter()
        .map(|task| &state["tasks"][task]["state"])
        .collect();
    assert_eq!(ends, [&json!("completed"), &json!("completed"), &json!("failed"), &json!("skipped")]);
    assert!(!env.has("marks/release"));
    let tasks: Vec<Value> = env
        .events()
        .into_iter()
        .filter(|event| {
            event["event"] == "task_finished" && event["task"].as_str().is_some_and(|t| t.starts_with('v'))
        })
        .map(|event| event["task"].clone())
        .collect();
    assert_eq!(tasks, ["validator", "validator~2", "validator~3"]);
    let shown = env.run(["runs", "show", "latest"]).success().stdout();
    assert!(shown.contains("validator~3") && shown.contains("validator in round 1  feedback = "), "{shown}");
    let graph = env.run(["graph", "w.yaml", "--json"]);
    let graph = graph.success().json();
    let of =
        |id: &str| graph["tasks"].as_array().into_iter().flatten().find(|task| task["id"] == id).cloned();
    assert_eq!(of("analyst").map(|task| task["rounds"].clone()), Some(json!("up to 3 rounds")));
    assert_eq!(of("beside").map(|task| task["rounds"].clone()), Some(Value::Null));
}
