//! Graphs of every shape, as documents: what runs, in which order, and how it ends.

use serde_json::Value;
use windlass_testkit::{Signal, TestEnv, steps};

use crate::e2e_support::{lines, with};

/// The order in which the tasks of a document wrote into `order`.
fn order(env: &TestEnv) -> Vec<String> {
    env.read("order").unwrap_or_default().lines().map(str::to_owned).collect()
}

fn task_state(env: &TestEnv, task: &str) -> String {
    env.state()["tasks"][task]["state"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn linear() {
    let env = with(
        "workflow: linear
tasks:
  - { id: c, needs: [b], run: echo c >> order }
  - { id: b, needs: [a], run: echo b >> order }
  - { id: a, run: echo a >> order }
",
    );
    env.run(["run", "w.yaml"]).success();
    assert_eq!(order(&env), ["a", "b", "c"]);
    assert_eq!(env.state()["state"], "completed");
}

#[test]
fn fan_in() {
    let env = with(
        "workflow: fan-in
tasks:
  - { id: a, run: sleep 0.2; echo a >> order }
  - { id: b, run: echo b >> order }
  - { id: c, run: sleep 0.1; echo c >> order }
  - { id: z, needs: [a, b, c], run: echo z >> order }
",
    );
    env.run(["run", "w.yaml"]).success();
    assert_eq!(order(&env).len(), 4);
    assert_eq!(order(&env)[3], "z");
}

#[test]
fn diamond() {
    let env = with(
        "workflow: diamond
tasks:
  - id: top
    run: echo top >> order; echo from-top
    outputs: { said: '{{ stdout }}' }
  - { id: left, needs: [top], run: 'echo left {{ tasks.top.outputs.said }} >> order' }
  - { id: right, needs: [top], run: echo right >> order }
  - { id: under, needs: [left, right], run: echo under >> order }
",
    );
    env.run(["run", "w.yaml"]).success();
    let ran = order(&env);
    assert_eq!((ran[0].as_str(), ran[3].as_str()), ("top", "under"));
    assert!(ran.contains(&"left from-top".to_owned()) && ran.contains(&"right".to_owned()));
}

#[test]
fn failure() {
    let env = with(
        "workflow: failure
tasks:
  - { id: bad, run: 'for n in 1 2 3 4 5 6 7 8 9 10 11 12 13; do echo line $n >&2; done; exit 3' }
  - { id: child, needs: [bad], run: echo child >> order }
  - { id: grandchild, needs: [child], run: echo grandchild >> order }
  - { id: other, run: echo other >> order }
  - { id: after-other, needs: [other], run: echo after-other >> order }
",
    );
    let output = env.run(["run", "w.yaml"]);
    output.status(1);
    assert_eq!(order(&env), ["other", "after-other"]);
    assert_eq!(task_state(&env, "bad"), "failed");
    assert_eq!(task_state(&env, "child"), "skipped");
    assert_eq!(task_state(&env, "after-other"), "completed");
    let reason = env.state()["tasks"]["grandchild"]["reason"].as_str().unwrap_or_default().to_owned();
    assert!(reason.contains("child"), "the reason names what it waited for: {reason:?}");
    // What it was, its last ten lines and how many more there are.
    let said = format!("{}{}", output.stdout(), output.stderr());
    assert!(said.contains("bad") && said.contains("line 13") && said.contains("line 4"), "{output:?}");
    assert!(!said.contains("line 3\n") && said.contains("3 more"), "{output:?}");
}

#[test]
fn skip() {
    let env = with(
        "workflow: skip
vars: { wanted: false }
tasks:
  - { id: optional, when: wanted, run: echo optional >> order }
  - { id: after, needs: [optional], run: echo after >> order }
",
    );
    env.run(["run", "w.yaml"]).success();
    assert_eq!(order(&env), ["after"]);
    assert_eq!(task_state(&env, "optional"), "skipped");
    env.run(["run", "w.yaml", "-e", "wanted=true"]).success();
    assert_eq!(order(&env), ["after", "optional", "after"]);
}

#[test]
fn abort() {
    let env = with(
        "workflow: abort
tasks:
  - { id: slow, run: echo begun >> order; sleep 60 }
  - { id: later, needs: [slow], run: echo later >> order }
",
    );
    let mut running = env.call(["run", "w.yaml"]).start();
    running.until("its first step", || lines(&env, "order") == 1);
    env.run(["runs", "abort", "latest"]).success();
    let output = running.wait();
    output.status(1);
    assert!(output.took.as_secs() < 20, "an abort ends what runs");
    let state = env.state();
    assert_eq!(state["state"], "aborted");
    assert_eq!(task_state(&env, "later"), "skipped");
    assert!(no_open_task(&state), "{state:#}");
    // Final: there is nothing to resume, and that is no failure.
    env.run(["resume"]).success();
    assert_eq!(env.state()["state"], "aborted");
    assert_eq!(order(&env), ["begun"]);
}

#[test]
fn deadlock() {
    let env = with(
        "workflow: deadlock
tasks:
  - { id: producer, when: 'false', run: 'true', produces: [token] }
  - { id: consumer, needs: [producer], run: echo consumer >> order, consumes: [token] }
",
    );
    let output = env.run(["run", "w.yaml"]);
    output.status(1);
    let state = env.state();
    assert_eq!(state["state"], "failed");
    assert_eq!(state["error"]["code"], "WL0628", "{state:#}");
    let message = state["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("consumer") && message.contains("token"), "it names who waits: {message}");
    assert!(order(&env).is_empty() && no_open_task(&state));
}

#[test]
fn one_failure_ends_everything_only_where_it_is_asked_to() {
    let env = with(
        "workflow: fast
policy: { fail_fast: true }
tasks:
  - { id: bad, run: sleep 0.1; exit 1 }
  - { id: slow, run: sleep 60 }
  - { id: later, needs: [slow], run: echo later >> order }
",
    );
    let output = env.run(["run", "w.yaml"]);
    output.status(1);
    assert!(output.took.as_secs() < 20, "what runs is ended\n{output:?}");
    assert_eq!(steps(&env.state())["slow/run@localhost"], "cancelled");
    assert!(no_open_task(&env.state()));
}

#[test]
fn an_approval_waits_for_another_terminal() {
    for (answer, code, state) in [("approve", 0, "completed"), ("reject", 1, "failed")] {
        let env = with(
            "workflow: ask
vars: { version: '1.2' }
tasks:
  - { id: sign-off, approve: 'Release {{ version }}?' }
  - { id: release, needs: [sign-off], run: echo released >> order }
",
        );
        let mut running = env.call(["run", "w.yaml"]).start();
        running.until("the question", || {
            let asked = env.run(["runs", "show", "latest", "--json"]);
            asked.code() == Some(0) && asked.stdout().contains("Release 1.2?")
        });
        env.run(["runs", answer, "latest"]).success();
        running.wait().status(code);
        assert_eq!(env.state()["state"], state);
        assert_eq!(order(&env).len(), usize::from(answer == "approve"));
    }
}

#[test]
fn an_approval_survives_the_death_of_the_process_that_asked() {
    let env = with("workflow: ask\ntasks: [{ id: sign-off, approve: 'Go?' }]\n");
    let mut running = env.call(["run", "w.yaml"]).start();
    running.until("the question", || env.run(["runs", "show", "latest", "--json"]).stdout().contains("Go?"));
    running.signal(Signal::KILL);
    running.wait().killed();
    // Nobody drives the run now: the answer is kept for whoever resumes it.
    env.run(["runs", "approve", "latest"]);
    env.run(["resume"]).success();
    assert_eq!(env.state()["state"], "completed");
}

/// Whether every task of the state has ended.
fn no_open_task(state: &Value) -> bool {
    let ended = ["completed", "failed", "skipped", "undone"];
    let tasks = state["tasks"].as_object().expect("a state has tasks");
    tasks.values().all(|task| ended.contains(&task["state"].as_str().unwrap_or_default()))
}
