//! The tree of what a run used: by stage, task, step and model, with rounds and retries in it.

use serde_json::{Value, json};

use super::model::{CALL, answers, calls, spent, with};

const DOCUMENT: &str = "stages:
  - name: draft
    repeat: { until: 'score | int >= 95', max_rounds: 3 }
    tasks:
      - { id: write, prompt: 'say: words', model: tiny, max_output_tokens: 20 }
      - id: judge
        needs: [write]
        prompt: rate it
        model: other
        max_output_tokens: 20
        schema_retries: 1
        output_schema: { type: object, required: [score] }
        outputs: { score: '{{ json.score }}' }
tasks:
  - id: publish
    needs: [judge]
    steps:
      - { id: head, prompt: 'say: a', model: tiny, max_output_tokens: 20 }
      - { id: tail, prompt: 'say: b', model: other, max_output_tokens: 20 }
      - run: 'true'
";

fn nanos(usage: &Value) -> u64 {
    (usage["cost"]["amount"].as_f64().unwrap_or_default() * 1e9).round() as u64
}

#[test]
fn every_level_adds_up_to_what_was_paid() {
    let env = with(DOCUMENT);
    // The same prices under another name.
    let text = env.read("w.yaml").expect("it is there");
    let tiny = text.lines().find(|line| line.contains("id: tiny")).expect("its model").to_owned();
    let both = format!("{tiny}\n{}", tiny.replace("id: tiny", "id: other"));
    env.file("w.yaml", text.replace(&tiny, &both));
    let said = ["one", "no JSON", "{\"score\": 5}", "two", "{\"score\": 95}", "a", "b"];
    answers(&env, &said.map(|text| json!({ "text": text })));
    env.run(["run", "w.yaml"]).success();
    assert_eq!((calls(&env), spent(&env)), (7, 7 * CALL));

    let costs = env.run(["runs", "show", "latest", "--json"]).json()["costs"].clone();
    assert_eq!(nanos(&costs["usage"]), 7 * CALL, "{costs}");
    let models = &costs["models"];
    assert_eq!((nanos(&models["tiny"]), nanos(&models["other"])), (3 * CALL, 4 * CALL), "{costs}");
    let level = |list: &Value, key: &str| -> Vec<(Value, u64)> {
        let list = list.as_array().expect("a list");
        list.iter().map(|entry| (entry[key].clone(), nanos(&entry["usage"]) / CALL)).collect()
    };
    assert_eq!(level(&costs["stages"], "stage"), [(Value::Null, 2), (json!("draft"), 5)]);
    assert_eq!(level(&costs["stages"][0]["tasks"], "task"), [(json!("publish"), 2)]);
    assert_eq!(level(&costs["stages"][1]["tasks"], "task"), [(json!("judge"), 3), (json!("write"), 2)]);
    let steps = &costs["stages"][0]["tasks"][0]["steps"];
    assert_eq!(
        level(steps, "step"),
        [(json!("head"), 1), (json!("tail"), 1)],
        "what costs nothing is not in it"
    );
    assert_eq!(level(steps, "model"), [(json!("tiny"), 1), (json!("other"), 1)]);

    let shown = env.run(["runs", "show", "latest"]).stdout();
    let row = |name: &str| {
        let rows = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        rows.into_iter().find(|row| row.starts_with(name)).unwrap_or_else(|| panic!("{name}: {shown}"))
    };
    assert_eq!(row("draft 0"), "draft 0.0001 USD 75 50 25");
    assert_eq!(row("judge 0"), "judge 0.00006 USD 45 30 15");
    assert_eq!(row("all of other"), "all of other 0.00008 USD 60 40 20");
    assert_eq!(row("all 0"), "all 0.00014 USD 105 70 35");
}
