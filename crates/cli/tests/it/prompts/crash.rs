//! Prompts and crashes: nothing that was written down is paid for twice, and all that was paid is counted.

use std::collections::BTreeMap;

use serde_json::Value;
use windlass_testkit::sweep::{self, Case};
use windlass_testkit::{TestEnv, normalised};

use super::model::{CALL, calls, spent, with};

const DOCUMENT: &str = "tasks:
  - { id: one, prompt: 'say: one', model: tiny, max_output_tokens: 20 }
  - { id: two, prompt: 'say: two', model: tiny, max_output_tokens: 20 }
  - { id: three, needs: [one, two], prompt: 'say: three', model: tiny, max_output_tokens: 20, context: true }
  - { id: four, needs: [three], run: 'echo {{ tasks.three.output }}' }
";

/// A final state without what a crash may change: usage has the bound of a call that nobody lived to tell of.
pub(super) fn measure(state: &Value) -> Value {
    let mut state = normalised(state);
    without_usage(&mut state);
    state
}

pub(super) fn without_usage(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("usage");
            map.remove("earlier");
            map.values_mut().for_each(without_usage);
        }
        Value::Array(items) => items.iter_mut().for_each(without_usage),
        _ => {}
    }
}

/// Each call was made by a start of its step, and of all starts all but the last were cut off before their outcome
/// was written down.
fn check(env: &TestEnv, after: &str) {
    let mut starts: BTreeMap<String, usize> = BTreeMap::new();
    for event in env.events().iter().filter(|event| event["event"] == "step_started") {
        *starts.entry(event["task"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    let text = env.read("calls").unwrap_or_default();
    for task in ["one", "two", "three"] {
        let calls = text.lines().filter(|line| line.ends_with(&format!("say: {task}"))).count();
        let starts = starts.get(task).copied().unwrap_or_default();
        assert!(
            (1..=starts).contains(&calls),
            "after {after}: {task} was asked {calls} times in {starts} starts"
        );
    }
    // What is counted is at least what was paid: a start that nobody told of counts at its bound.
    let (spent, paid) = (spent(env), calls(env) as u64 * CALL);
    assert!(spent >= paid, "after {after}: {spent} is counted and {paid} was paid");
    if starts.values().all(|starts| *starts == 1) {
        assert_eq!(spent, paid, "after {after}: all of it was told");
    }
}

#[test]
fn no_paid_call_is_repeated_after_its_outcome_was_written_down() {
    let lay_out = || with(DOCUMENT);
    let case = Case { lay_out: &lay_out, document: "w.yaml", measure, check: &check };
    let crashes = sweep::crash_after_each_record(&case);
    assert!(crashes >= 10, "{crashes}");
}

#[test]
fn two_batched_runs_are_alike_but_for_times() {
    let run = || {
        let env = with(DOCUMENT);
        env.run(["run", "w.yaml"]).success();
        assert_eq!(spent(&env), 3 * CALL);
        normalised(&env.state())
    };
    assert_eq!(run(), run());
}

#[test]
fn a_replay_asks_no_model() {
    let env = with(DOCUMENT);
    env.run(["run", "w.yaml"]).success();
    let before = calls(&env);
    let replayed = env.run(["runs", "replay", "latest"]);
    replayed.success();
    assert!(replayed.stdout().contains("three") || replayed.stderr().contains("three"), "{replayed:?}");
    assert_eq!(calls(&env), before);
}
