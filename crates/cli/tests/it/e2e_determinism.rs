//! The same document gives the same plan and the same merged state, in whatever order it was written and
//! however many threads run it.

use serde_json::Value;
use windlass_testkit::{normalised, steps};

use crate::e2e_support::{env, with};

/// Tasks of a graph with forks and joins, one line each.
fn tasks() -> Vec<String> {
    let task = |n: usize| {
        let needs: Vec<String> = [2, 3, 5]
            .iter()
            .filter(|d| n >= **d && !n.is_multiple_of(4))
            .map(|d| format!("t{}", n - d))
            .collect();
        let when = if n % 7 == 3 { ", when: wanted" } else { "" };
        let run = if n == 11 { "exit 4".to_owned() } else { format!("echo {n} >> order; echo out-{n}") };
        format!("  - {{ id: t{n}, needs: [{}]{when}, run: {run} }}\n", needs.join(", "))
    };
    (0..24).map(task).collect()
}

fn document(order: &[usize], head: &str) -> String {
    let tasks = tasks();
    order.iter().fold(format!("{head}tasks:\n"), |text, n| text + &tasks[*n])
}

/// Some orders of the tasks: as they are, backwards, and mixed by steps that reach each once.
fn orders() -> Vec<Vec<usize>> {
    let mut all = vec![(0..24).collect(), (0..24).rev().collect()];
    all.extend([5, 7, 11, 13].map(|step| (0..24).map(|n| n * step % 24).collect::<Vec<_>>()));
    all
}

#[test]
fn one_digest_however_the_document_is_shuffled() {
    let heads = [
        "workflow: same\nvars: { a: 1, wanted: false }\npolicy: { max_parallelism: 3 }\n",
        "# a comment\npolicy:\n  max_parallelism: 3\nvars:\n  wanted: false\n  a: 1\n\nworkflow: same\n",
        "{\"workflow\": \"same\", \"vars\": {\"a\": 1, \"wanted\": false}, \"policy\": {\"max_parallelism\": 3}}",
    ];
    let mut digests = Vec::new();
    for order in orders() {
        for head in &heads[..2] {
            let env = with(&document(&order, head));
            digests.push(env.run(["plan", "w.yaml", "--json"]).success().json()["digest"].clone());
        }
    }
    // Another folder, another file name, and JSON are the same document too.
    let env = env();
    let tasks: Vec<Value> = serde_json::from_str(&as_json()).expect("it is JSON");
    let mut json: Value = serde_json::from_str(heads[2]).expect("it is JSON");
    json["tasks"] = tasks.into();
    env.file("deep/other.json", json.to_string());
    digests.push(env.run(["plan", "deep/other.json", "--json"]).success().json()["digest"].clone());
    assert!(digests[0].is_string());
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}

/// The tasks as a JSON array.
fn as_json() -> String {
    let task = |line: String| {
        let inner = line.trim().trim_start_matches("- { id: ").trim_end_matches(" }").to_owned();
        let (id, rest) = inner.split_once(", needs: [").expect("a task has needs");
        let (needs, rest) = rest.split_once(']').expect("the list ends");
        let needs: Vec<&str> = needs.split(", ").filter(|need| !need.is_empty()).collect();
        let (when, run) = rest.split_once("run: ").expect("a task runs something");
        let mut task = serde_json::json!({ "run": run, "needs": needs, "id": id });
        if when.contains("wanted") {
            task["when"] = "wanted".into();
        }
        task
    };
    Value::from(tasks().into_iter().map(task).collect::<Vec<_>>()).to_string()
}

#[test]
fn batched_runs_end_alike_with_any_number_of_threads() {
    let mut states = Vec::new();
    for (order, threads) in orders().into_iter().zip([1, 2, 3, 8, 16, 4]) {
        let head = "workflow: same\nvars: { wanted: false }\npolicy: { strategy: batched }\n";
        let env = with(&document(&order, head));
        env.run(["run", "w.yaml", "--max-parallelism", &threads.to_string()]).status(1);
        let mut state = normalised(&env.state());
        // The plan knows how many threads it asked for, and so does its digest.
        state.as_object_mut().expect("a state is a mapping").remove("plan_digest");
        states.push(state);
    }
    assert!(steps(&states[0]).values().any(|state| state == "failed"));
    for state in &states[1..] {
        let difference = windlass_testkit::sweep::difference("", &states[0], state);
        assert!(difference.is_empty(), "{}", difference.join("\n"));
    }
}
