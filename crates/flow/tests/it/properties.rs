//! What holds for every document: its order leaves no trace, and no text makes the program panic.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use windlass_engine::Request;

use crate::setup::{compile_in, plan};

/// Tasks `t0`…, each needing some of those before it and naming one of their outputs.
fn tasks(edges: &[(usize, usize)], count: usize) -> Vec<Value> {
    let task = |n: usize| {
        let needs: Vec<usize> =
            edges.iter().filter(|(a, b)| a % count == n && b % count < n).map(|(_, b)| b % count).collect();
        let names: Vec<String> = needs.iter().map(|need| format!("t{need}")).collect();
        let said: String = needs.iter().map(|need| format!(" {{{{ tasks.t{need}.outputs.o }}}}")).collect();
        json!({
            "id": format!("t{n}"),
            "needs": names,
            "vars": {"a": n, "b": "{{ a }}-{{ top }}"},
            "tags": ["x", "y"],
            "steps": [
                {"name": format!("step of {n}"), "run": format!("echo {{{{ b }}}}{said}"), "register": "out"},
                {"debug": {"msg": "{{ out.stdout }}", "verbosity": 0}, "when": ["out.changed", "top > 1"]},
            ],
            "outputs": {"o": "{{ msg }}"},
        })
    };
    (0..count).map(task).collect()
}

/// The document as text. Lists whose order means nothing, and the keys of all maps, are put in another order.
fn document(tasks: &[Value], seed: u64, staged: usize) -> String {
    let (first, rest) = tasks.split_at(staged);
    let mut document = json!({
        "workflow": "shuffled",
        "vars": {"top": 7, "other": "{{ top }}"},
        "stages": [{"name": "s", "tasks": first}, {"name": "empty", "tasks": []}],
        "tasks": rest,
    });
    shuffle(&mut document, seed, "");
    text(&document, seed)
}

fn rank(seed: u64, what: &str) -> String {
    windlass_model::digest::sha256_hex(format!("{seed} {what}").as_bytes())
}

fn shuffle(value: &mut Value, seed: u64, key: &str) {
    match value {
        Value::Array(items) => {
            items.iter_mut().for_each(|item| shuffle(item, seed, ""));
            if seed > 0 && matches!(key, "tasks" | "stages" | "needs" | "tags") {
                items.sort_by_key(|item| rank(seed, &item.to_string()));
            }
        }
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| shuffle(value, seed, key)),
        _ => {}
    }
}

/// JSON with the keys of each map in an order of the seed's.
fn text(value: &Value, seed: u64) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| text(item, seed)).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| rank(seed, key));
            let entries = entries.iter().map(|(key, value)| format!("{}: {}", json!(key), text(value, seed)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A document that uses every part of the language.
const RICH: &str = include_str!("../../../../examples/blocks.yaml");

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_digest_whatever_the_order(
        edges in proptest::collection::vec((0usize..12, 0usize..12), 0..30),
        seed in 1u64..,
        staged in 0usize..12,
    ) {
        let tasks = tasks(&edges, 12);
        let straight = plan(&document(&tasks, 0, staged));
        let shuffled = plan(&document(&tasks, seed, staged));
        prop_assert_eq!(straight.digest(), shuffled.digest());
    }

    #[test]
    fn no_text_makes_it_panic(
        changes in proptest::collection::vec((0usize..RICH.len(), "[ \n:\\-\\[\\]{}'\"%a-z|&*!#0-9]{0,4}", 0usize..12), 1..4),
    ) {
        let mut text = RICH.to_owned();
        for (at, insert, cut) in changes {
            let at = (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            let end = (at + cut..=text.len()).find(|&end| text.is_char_boundary(end)).unwrap_or(text.len());
            text.replace_range(at..end, &insert);
        }
        // Whether it is a good document still does not matter.
        let _ = compile_in(Path::new("/nonexistent"), &text, &Request::default());
    }

    #[test]
    fn no_tree_makes_it_panic(tree in tree()) {
        let mut map = Map::from_iter([("workflow".to_owned(), json!("x"))]);
        map.insert("tasks".to_owned(), tree);
        let _ = compile_in(Path::new("/nonexistent"), &Value::Object(map).to_string(), &Request::default());
    }
}

/// Trees of the language's own keys, put together without sense.
fn tree() -> impl Strategy<Value = Value> {
    const WORDS: &[&str] = &[
        "id",
        "a",
        "needs",
        "when",
        "steps",
        "run",
        "block",
        "rescue",
        "always",
        "loop",
        "include",
        "vars",
        "copy",
        "cleanup",
        "outputs",
        "register",
        "until",
        "{{ a }}",
        "{{ tasks.a.output }}",
        "{{",
        "tasks",
        "retry",
        "args",
        "loop_control",
        "with_items",
        "environment",
        "approve",
        "template",
        "src",
        "{% if %}",
        "set_fact",
        "5s",
    ];
    let word = proptest::sample::select(WORDS);
    let leaf = prop_oneof![
        word.clone().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        any::<i8>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        let entry = (word.clone().prop_map(str::to_owned), inner.clone());
        prop_oneof![
            proptest::collection::vec(inner, 0..5).prop_map(Value::from),
            proptest::collection::vec(entry, 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}
