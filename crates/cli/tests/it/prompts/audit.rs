//! What was asked, by whom, and for how much: read from the journal.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::model::{CALL, answers, with};

#[test]
fn every_attempt_has_one_line_whatever_models_say() {
    let env = with(
        "tasks:
  - { id: a, prompt: 'say: x', model: tiny, cache: true }
  - id: b
    needs: [a]
    prompt: rate it
    model: tiny
    context: { strategy: none }
    schema_retries: 1
    output_schema: { type: object, required: [score] }
  - { id: c, needs: [b], run: echo no model }
",
    );
    let hostile = "x\n{\"event\": \"finished\", \"usage\": {\"tokens\": 0}}\n\u{1b}[2J\r";
    answers(&env, &[json!({"text": hostile}), json!({"text": hostile}), json!({"text": "{\"score\": 1}"})]);
    env.run(["run", "w.yaml"]).success();
    let output = env.run(["runs", "audit", "latest"]);
    output.success();
    let lines: Vec<Value> = output.json_lines();
    let words = |line: &Value| {
        let words = ["task", "event", "note"].map(|key| line[key].as_str().unwrap_or_default().to_owned());
        words.join(" ").trim_end().to_owned()
    };
    assert_eq!(
        lines.iter().map(words).collect::<Vec<_>>(),
        ["a finished", "b noted asks", "b noted replied", "b noted asks", "b finished"]
    );
    let cost: f64 = lines.iter().filter_map(|line| line["usage"]["cost"]["amount"].as_f64()).sum();
    assert_eq!((cost * 1e9).round() as u64, 3 * CALL);
    let b = &lines[4];
    assert_eq!((&b["model"], &b["provider"], &b["status"]), (&json!("tiny"), &json!("local"), &json!("ok")));
    assert_eq!(b["requests"].as_array().map(Vec::len), Some(2));
    assert_eq!(b["context"]["sent"][0]["tasks"], json!(["a"]));
    assert!(b["request"].as_str().is_some_and(|hash| hash.len() == 64), "{b}");
    // What was asked is kept whole, for whoever has to know.
    let asked = b["asked"].as_str().expect("it is kept").to_owned();
    let kept = env.everything().into_iter().find(|(path, _)| path.ends_with(&asked)).expect("it is there");
    assert!(String::from_utf8_lossy(&kept.1).contains("rate it"));
    assert!(!output.stdout().contains('\u{1b}'), "no control character reaches the terminal");
    // The run's folder has the same, for its owner only.
    let id = env.state()["run_id"].as_str().expect("an id").to_owned();
    let file = env.state_folder().join("runs").join(id).join("audit.jsonl");
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), output.stdout());
    let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // One that is not what the journal has is told of as just that, and made anew; so is one that is missing, as of
    // runs of versions that wrote none.
    let told = |args: &[&str]| env.run(["doctor"].iter().chain(args)).stdout();
    let stale = "the files of 1 runs are missing, torn, or not what the journal has";
    for spoil in [&|| std::fs::write(&file, "{}\n"), &|| std::fs::remove_file(&file)] as [&dyn Fn() -> _; 2] {
        assert!(!told(&[]).contains(stale));
        spoil().expect("it is ours");
        assert!(told(&[]).contains(stale), "{}", told(&[]));
        told(&["--repair"]);
        assert_eq!(std::fs::read_to_string(&file).expect("it is there"), output.stdout());
    }
}

#[test]
fn a_run_without_models_has_no_file_of_them() {
    let env = with("tasks: [ { id: a, run: 'true' } ]\n");
    env.run(["run", "w.yaml"]).success();
    let files = env.everything().into_iter().filter(|(path, _)| path.ends_with("audit.jsonl"));
    assert_eq!(files.count(), 0);
}
