//! Signals: the first stops at a safe point, the second ends what runs, the third ends the program at once.

use std::time::Duration;

use windlass_testkit::{Running, Signal, TestEnv};

use crate::e2e_support::{is_alive, lines, with};

/// A step of a second, and one that needs it.
const SHORT: &str = "workflow: short
tasks:
  - { id: first, run: echo first >> order; sleep 0.7; echo first-done >> order }
  - { id: second, needs: [first], run: echo second >> order }
";

/// A step of a minute with a child and a grandchild that ignore nothing, and one that ignores SIGTERM.
const LONG: &str = "workflow: long
tasks:
  - id: slow
    run: |
      (sleep 61.5 & echo $! >> pids; sh -c 'sleep 62.5 & echo $! >> pids; wait' & wait) &
      sh -c 'trap \"\" TERM HUP INT; echo $$ >> pids; echo begun >> order; sleep 63.5' &
      echo $$ >> pids
      wait
  - { id: later, needs: [slow], run: echo later >> order }
";

fn begun(env: &TestEnv) -> Running {
    let mut running = env.call(["run", "w.yaml"]).start();
    running.until("its first step", || lines(env, "order") > 0);
    running
}

/// The processes that the document wrote down and that are still there.
pub(crate) fn alive(env: &TestEnv) -> Vec<String> {
    let pids = env.read("pids").unwrap_or_default();
    pids.lines().filter(|pid| is_alive(pid)).map(str::to_owned).collect()
}

#[test]
fn the_first_signal_stops_at_a_safe_point_and_a_resume_completes() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let env = with(SHORT);
        let mut running = begun(&env);
        running.signal(signal);
        running.wait().status(2);
        assert_eq!(env.state()["state"], "interrupted", "{signal:?}");
        assert_eq!(
            env.read("order").as_deref(),
            Some("first\nfirst-done\n"),
            "{signal:?}: the step may finish"
        );
        env.run(["resume"]).success();
        assert_eq!(env.state()["state"], "completed");
        assert_eq!(env.read("order").as_deref(), Some("first\nfirst-done\nsecond\n"), "nothing runs twice");
    }
}

#[test]
fn the_second_signal_ends_children_and_grandchildren() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let env = with(LONG);
        let mut running = begun(&env);
        running.until("all processes", || lines(&env, "pids") == 4);
        running.signal(signal);
        std::thread::sleep(Duration::from_millis(100));
        assert!(running.is_running(), "the first signal waits for the step");
        running.signal(signal);
        let output = running.wait();
        output.status(2);
        assert!(output.took < Duration::from_secs(15), "{output:?}");
        assert_eq!(alive(&env), Vec::<String>::new(), "{signal:?}");
        assert_eq!(env.state()["state"], "interrupted");
    }
}

#[test]
fn the_third_signal_ends_the_program_at_once() {
    let env = with(LONG);
    let mut running = begun(&env);
    for _ in 0..3 {
        running.signal(Signal::INT);
        std::thread::sleep(Duration::from_millis(60));
    }
    let output = running.wait();
    output.status(2);
    assert!(output.took < Duration::from_secs(12), "{output:?}");
    // What it left goes when the run goes on, before the step runs again.
    let left = alive(&env);
    let mut again = env.call(["resume"]).start();
    again.until("the step again", || lines(&env, "order") == 2);
    let now = alive(&env);
    assert!(left.iter().all(|pid| !now.contains(pid)), "{left:?} should be gone, {now:?} are there");
    again.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(60));
    again.signal(Signal::INT);
    again.wait().status(2);
    assert_eq!(alive(&env), Vec::<String>::new());
}

#[test]
fn a_stop_ends_waits_for_retries_at_once() {
    let env = with(
        "workflow: wait
tasks:
  - id: flaky
    retry: { max_attempts: 5, initial_delay: 1m, max_delay: 1m, jitter: false }
    run: echo try >> order; exit 1
",
    );
    let mut running = begun(&env);
    std::thread::sleep(Duration::from_millis(200));
    running.signal(Signal::INT);
    let output = running.wait();
    output.status(2);
    assert!(output.took < Duration::from_secs(10), "{output:?}");
    assert_eq!(lines(&env, "order"), 1);
}
