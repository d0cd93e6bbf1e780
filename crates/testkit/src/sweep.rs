//! Sweeps: one document, and something that goes wrong at every place where it can. What is shown here is shown
//! of every action that the document uses.
//!
//! A sweep takes the program, and a function that lays out a fresh environment with the document in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::{Fault, TestEnv, runs};

/// How many environments a sweep works in at once. Each mostly waits for its own processes.
const WORKERS: usize = 4;

/// The most resumes after one crash. One is enough, unless something is held.
const RESUMES: usize = 3;

/// One document under test.
pub struct Case<'a> {
    /// Lays out a fresh environment with all that the document needs.
    pub lay_out: &'a (dyn Fn() -> TestEnv + Sync),
    /// The document's name in it.
    pub document: &'a str,
    /// What of a final state must be the same as in a run without faults: [`crate::normalised`] where every step
    /// says the same however often it runs, [`crate::settled`] where a repeated one finds its work done.
    pub measure: fn(&Value) -> Value,
    /// Looks at the environment once the run has completed, whatever happened on the way.
    pub check: &'a (dyn Fn(&TestEnv, &str) + Sync),
}

/// What a run without faults left: the measure of all others.
#[derive(Debug)]
pub struct Clean {
    /// The final state, as far as it is measured.
    pub state: Value,
    /// Its events.
    pub events: Vec<Value>,
}

impl Clean {
    /// How many records the run has.
    pub fn records(&self) -> u64 {
        self.events.iter().filter_map(|event| event["seq"].as_u64()).max().unwrap_or(0)
    }

    /// The numbers of the records with this word.
    fn numbers(&self, word: &str) -> Vec<u64> {
        let hits = self.events.iter().filter(|event| event["event"] == word);
        hits.filter_map(|event| event["seq"].as_u64()).collect()
    }
}

impl Case<'_> {
    /// Runs it without faults.
    pub fn clean(&self) -> Clean {
        let env = (self.lay_out)();
        env.run(["run", self.document]).success();
        (self.check)(&env, "without faults");
        let (state, events) = ((self.measure)(&env.state()), env.events());
        let clean = Clean { state, events };
        assert!(clean.records() > 2, "a run without records shows nothing");
        clean
    }

    /// Resumes a run until it completes, and holds what came of it against the clean run. The steps `again` may
    /// run again once they are finished.
    fn recover(&self, env: &TestEnv, clean: &Clean, again: &BTreeSet<String>, after: &str) {
        let mut last = None;
        for _ in 0..RESUMES {
            let output = env.run(["resume", "--in-doubt", "rerun"]);
            let done = output.code() == Some(0);
            last = Some(output);
            if done {
                break;
            }
        }
        let output = last.expect("it was resumed");
        assert!(output.code() == Some(0), "after {after}: it does not complete\n{output:?}");
        let state = env.state();
        assert_eq!(state["state"], "completed", "after {after}");
        let difference = difference("", &clean.state, &(self.measure)(&state));
        assert!(difference.is_empty(), "after {after} the final state differs:\n{}", difference.join("\n"));
        finished_once(&env.events(), again, after);
        (self.check)(env, after);
    }
}

/// The steps of the latest run's plan that take back what their task made. A task that failed takes back, is
/// opened again by a resume, and takes back again.
fn cleanups(env: &TestEnv) -> BTreeSet<String> {
    let plan = env.artifact("plan.json");
    let steps = plan["steps"].as_array().into_iter().flatten();
    let cleanups = steps.filter(|step| step["cleanup"] == true);
    cleanups.filter_map(|step| step["id"].as_str().map(str::to_owned)).collect()
}

/// Kills the program after every record that a clean run has, and resumes. The final state is always the clean
/// run's, no finished step runs twice, and nothing hangs. Returns how many crashes there were.
pub fn crash_after_each_record(case: &Case<'_>) -> usize {
    let clean = case.clean();
    let faults: Vec<Fault> = (1..=clean.records()).map(Fault::KillAfter).collect();
    crash_each(case, &clean, &faults)
}

/// Lets every step happen and be forgotten: the program is killed when it is about to write down that the step
/// finished, so that the step runs twice. An idempotent document ends as if it had not. Returns how many there
/// were.
pub fn repeat_each_step(case: &Case<'_>) -> usize {
    let clean = case.clean();
    let faults: Vec<Fault> = clean.numbers("step_finished").into_iter().map(Fault::KillBefore).collect();
    crash_each(case, &clean, &faults)
}

/// Fails every step once: the run fails with ended tasks only, says which step it was, and resuming it without
/// the fault completes it. Returns how many steps there were.
pub fn fail_each_step(case: &Case<'_>) -> usize {
    let clean = case.clean();
    let mut steps: Vec<String> = runs::steps(&clean.state)
        .into_iter()
        .filter(|(_, state)| matches!(state.as_str(), "ok" | "changed"))
        .map(|(name, _)| name.split('@').next().unwrap_or_default().to_owned())
        .collect();
    steps.dedup();
    each(&steps, |step| {
        let env = (case.lay_out)();
        let output = env.call(["run", case.document]).fault(&Fault::FailStep(step.clone())).run();
        let state = env.state();
        if state["state"] == "completed" {
            // The document takes the failure in: it rescues, ignores or retries. Its word counts.
            output.success();
            return;
        }
        output.status(1);
        assert_eq!(state["state"], "failed", "{step} was failed\n{output:?}");
        only_ended_tasks(&state, step);
        assert!(output.stderr().contains(step.split('/').next().unwrap_or_default()), "{output:?}");
        case.recover(&env, &clean, &cleanups(&env), &format!("the failure of {step}"));
    });
    steps.len()
}

/// Kills the program at `kills` moments spread over the time that a clean run takes, and resumes. Returns how
/// many of them hit.
pub fn crash_at_random(case: &Case<'_>, kills: usize, seed: u64) -> usize {
    let env = (case.lay_out)();
    let took = env.run(["run", case.document]).success().took;
    let clean = Clean { state: (case.measure)(&env.state()), events: env.events() };
    let hits = AtomicUsize::new(0);
    let moments: Vec<u64> = (0..kills as u64).collect();
    each(&moments, |n| {
        let env = (case.lay_out)();
        let share = (mix(seed ^ mix(*n)) % 10_000) as u32;
        let wait = took * share / 10_000;
        let mut running = env.call(["run", case.document]).start();
        std::thread::sleep(wait);
        running.signal(crate::Signal::KILL);
        let output = running.wait();
        let after = format!("kill -9 at {wait:?} (seed {seed}, number {n})");
        if output.code() == Some(0) {
            return;
        }
        output.killed();
        hits.fetch_add(1, Ordering::Relaxed);
        if !has_run(&env) {
            // Killed before the run was written down: nothing happened, and a new run is the way on.
            env.run(["run", case.document]).success();
        }
        case.recover(&env, &clean, &BTreeSet::new(), &after);
    });
    hits.into_inner()
}

fn has_run(env: &TestEnv) -> bool {
    let list = env.run(["runs", "list", "--json"]);
    list.code() == Some(0) && list.stdout().contains("\"run_id\"")
}

fn crash_each(case: &Case<'_>, clean: &Clean, faults: &[Fault]) -> usize {
    let hits = AtomicUsize::new(0);
    each(faults, |fault| {
        let env = (case.lay_out)();
        let output = env.call(["run", case.document]).fault(fault).run();
        if output.code() == Some(0) {
            // Batches are cut differently from run to run: this one had fewer records.
            return;
        }
        output.killed();
        hits.fetch_add(1, Ordering::Relaxed);
        case.recover(&env, clean, &BTreeSet::new(), &fault.to_string());
    });
    let hits = hits.into_inner();
    assert!(hits * 10 >= faults.len() * 9, "only {hits} of {} faults hit", faults.len());
    hits
}

/// Does `work` for each item, on some threads at once. The first failure is the caller's.
/// Works on all items, some of them at once.
pub fn each<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS.min(items.len()) {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(item);
                }
            });
        }
    });
}

/// Fails unless every step but those in `again` has at most one end in the journal, and no start after it.
fn finished_once(events: &[Value], again: &BTreeSet<String>, after: &str) {
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    for event in events {
        let [task, step, host] = ["task", "step", "host"].map(|key| event[key].as_str().unwrap_or_default());
        let name = format!("{task}/{step}@{host}");
        if again.contains(&name) {
            continue;
        }
        let status = event["state"].as_str().or(event["status"].as_str()).unwrap_or_default();
        match event["event"].as_str() {
            // What failed is tried again by a resume.
            Some("step_finished")
                if !matches!(status, "failed" | "cancelled" | "skipped" | "unreachable") =>
            {
                *ends.entry(name.clone()).or_default() += 1;
                assert_eq!(ends[&name], 1, "after {after}: {name} finished twice");
            }
            Some("step_started") => {
                assert!(!ends.contains_key(&name), "after {after}: {name} began again once it was finished");
            }
            _ => {}
        }
    }
}

/// Fails unless every task of a finished run has ended.
fn only_ended_tasks(state: &Value, after: &str) {
    for (id, task) in state["tasks"].as_object().into_iter().flatten() {
        let word = task["state"].as_str().unwrap_or_default();
        assert!(
            matches!(word, "completed" | "failed" | "skipped" | "undone"),
            "after {after}: task {id} is {word} in a finished run"
        );
    }
}

/// Where two values differ, one place on each line.
pub fn difference(path: &str, due: &Value, got: &Value) -> Vec<String> {
    match (due, got) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let at = |name: &String| {
                let (a, b) = (a.get(name).unwrap_or(&Value::Null), b.get(name).unwrap_or(&Value::Null));
                difference(&format!("{path}/{name}"), a, b)
            };
            names.into_iter().flat_map(at).collect()
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let at = |(n, (a, b))| difference(&format!("{path}/{n}"), a, b);
            a.iter().zip(b).enumerate().flat_map(at).collect()
        }
        (a, b) if a == b => Vec::new(),
        (a, b) => vec![format!("  {path}: {a} was due, not {b}")],
    }
}

/// A number that looks random and is the same each time (SplitMix64).
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}
