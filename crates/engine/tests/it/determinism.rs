//! The same inputs give the same plan, and with the batched strategy the same merged results, on any number of
//! threads.

use serde_json::{Value, json};
use windlass_engine::{RunOptions, Runtime};
use windlass_model::{Draft, RunState, Strategy, projection};

use crate::graphs::{Probe, compiled, task};

/// Random numbers by seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// A random graph of up to 30 tasks, some of which fail, change, skip or take a moment.
fn draft(seed: u64) -> Draft {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut draft = Draft::new("random", "workflow/dag");
    draft.policy.strategy = Strategy::Batched;
    for n in 0..5 + dice.below(25) {
        let needs: Vec<String> =
            (0..n).filter(|_| dice.below(6) == 0).map(|need| format!("t{need:02}")).collect();
        let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
        let input = json!({
            "sleep": dice.below(4),
            "fail": dice.below(12) == 0,
            "changed": dice.below(2) == 0,
            "number": n,
        });
        let mut task = task(&format!("t{n:02}"), &needs, input);
        if dice.below(10) == 0 {
            task.more.when = vec!["false".into()];
        }
        draft.tasks.push(task);
    }
    if dice.below(2) == 0 {
        draft.tasks.reverse();
    }
    draft
}

/// The merged projection: what the run did, without times.
fn merged(state: &RunState) -> Value {
    let tasks = (0..state.tasks.len() as u32).map(|task| {
        let run = &state.tasks[task as usize];
        let steps: Vec<Value> = state
            .steps_on(task, 0)
            .iter()
            .map(|step| {
                json!([
                    format!("{:?}", step.phase),
                    step.attempts,
                    step.detail.as_ref().map(|d| d.result.clone())
                ])
            })
            .collect();
        json!({
            "end": format!("{:?}", run.end),
            "reason": run.detail.as_ref().and_then(|d| d.reason.clone()),
            "output": projection::task_output(state, task),
            "steps": steps,
        })
    });
    json!({
        "status": state.status.word(),
        "error": state.error,
        "batches": state.batches,
        "tasks": tasks.collect::<Vec<_>>(),
    })
}

fn run_on(threads: usize, seed: u64) -> (String, Value) {
    let tokio =
        tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap();
    tokio.block_on(async {
        let probe = std::sync::Arc::new(Probe::default());
        let runtime = Runtime::builder().action(probe).parallelism(threads).build().unwrap();
        let compiled = compiled(draft(seed));
        let digest = compiled.plan.digest().to_string();
        let run = runtime.start(compiled, RunOptions::default()).unwrap();
        let state = crate::graphs::finish(run).await;
        (digest, merged(&state))
    })
}

#[test]
fn batched_runs_merge_alike_on_one_to_sixteen_threads() {
    for seed in 1..=24 {
        let one = run_on(1, seed);
        for threads in [2, 5, 16] {
            assert_eq!(run_on(threads, seed), one, "seed {seed} on {threads} threads");
        }
    }
}
