//! What runs left behind, read as any program would: from artifacts.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

/// Fields whose values differ from run to run, whatever the run did.
const VOLATILE: &[&str] = &[
    "run_id",
    "started_at",
    "finished_at",
    "created_at",
    "updated_at",
    "duration_ms",
    "attempts",
    "seq",
    "time",
    "pid",
    // What processes are told by the clock.
    "start",
    "end",
    "delta",
    "elapsed",
    // What files are told by the clock and the disk.
    "atime",
    "ctime",
    "mtime",
    "inode",
];

/// A state without what differs from run to run: times, ids, numbers of attempts.
pub fn normalised(state: &Value) -> Value {
    match state {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !VOLATILE.contains(&name.as_str()));
            Value::Object(kept.map(|(name, value)| (name.clone(), normalised(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(normalised).collect(),
        other => other.clone(),
    }
}

/// A normalised state without what tells whether a step still had something to do: for runs in which a step
/// happened, was forgotten, and found its work done when it ran again.
pub fn settled(state: &Value) -> Value {
    match normalised(state) {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, value)| match name.as_str() {
                "changed" | "result" | "usage" => false,
                // The last step's result, where it is no text.
                "output" => !value.is_object(),
                _ => true,
            });
            let settle = |(name, value): (String, Value)| {
                let value = if name == "state" && value == "changed" { "ok".into() } else { settled(&value) };
                (name, value)
            };
            Value::Object(kept.map(settle).collect())
        }
        Value::Array(items) => items.iter().map(settled).collect(),
        other => other,
    }
}

/// The events of an `events.jsonl`, in order.
#[track_caller]
pub fn events(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
    text.lines().map(parse).collect()
}

/// The state word of every step on every host, as `task/step@host`, of a `run_state.json`.
pub fn steps(state: &Value) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (task, fields) in state["tasks"].as_object().into_iter().flatten() {
        for step in fields["steps"].as_array().into_iter().flatten() {
            let id = step["id"].as_str().unwrap_or_default();
            for (host, run) in step["hosts"].as_object().into_iter().flatten() {
                let word = run["state"].as_str().unwrap_or_default();
                all.insert(format!("{task}/{id}@{host}"), word.to_owned());
            }
        }
    }
    all
}
