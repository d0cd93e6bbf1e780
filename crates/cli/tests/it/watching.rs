//! Runs while they go on: signals, approvals from elsewhere, following, and the live view on a terminal.

use std::io::Read;
use std::process::Stdio;

use windlass_testkit::{Signal, TestEnv};

use super::env;

const SLOW: &str = r#"
workflow: slow
tasks:
  - id: first
    run: touch begun; sleep 0.6; echo done > first
  - id: second
    needs: [first]
    run: echo done > second
"#;

const ASKS: &str = r#"
workflow: asks
tasks:
  - id: sign-off
    approve: "Release?"
  - id: ship
    needs: [sign-off]
    run: echo shipped > shipped
"#;

#[test]
fn the_first_signal_lets_running_steps_finish() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let env = env();
        env.file("a.yaml", SLOW);
        let mut run = env.call(["run", "a.yaml"]).start();
        run.until("the first step runs", || env.has("begun"));
        run.signal(signal);
        let output = run.wait();
        assert!(output.status(2).stdout().contains("windlass resume"), "{}", output.stdout());
        output.says("stopping: running steps may finish");
        assert!(env.has("first") && !env.has("second"));
        env.run(["resume"]).success();
        assert!(env.has("second"));
    }
}

#[test]
fn the_second_signal_ends_running_steps() {
    let env = env();
    env.file("a.yaml", "workflow: x\ntasks:\n  - { id: a, run: 'touch begun; sleep 60' }\n");
    let mut run = env.call(["run", "a.yaml"]).start();
    run.until("the step runs", || env.has("begun"));
    run.signal(Signal::INT);
    std::thread::sleep(std::time::Duration::from_millis(100));
    run.signal(Signal::INT);
    run.wait().status(2).says("ending running steps");
}

fn asking(env: &TestEnv) -> bool {
    let shown = env.run(["runs", "events", "latest", "--events"]);
    shown.code() == Some(0) && shown.stdout().contains("approval_asked")
}

#[test]
fn another_process_approves_rejects_and_aborts() {
    for (verb, code) in [("approve", 0), ("reject", 1), ("abort", 1)] {
        let env = env();
        env.file("a.yaml", ASKS);
        let mut run = env.call(["run", "a.yaml"]).start();
        run.until("it asks", || asking(&env));
        env.run(["runs", verb, "latest"]).success();
        run.wait().status(code).says("sign-off/approve  asks: Release?");
        assert_eq!(env.has("shipped"), verb == "approve", "{verb}");
    }
}

#[test]
fn a_quiet_run_still_asks() {
    let env = env();
    env.file("a.yaml", ASKS);
    let mut run = env.call(["run", "a.yaml", "-q"]).start();
    run.until("it asks", || asking(&env));
    env.run(["runs", "approve", "latest"]).success();
    run.wait().success().says("asks: Release?").says("windlass runs approve");
    env.run(["runs", "abort", "latest"]).status(1).says("WL0911");
}

#[test]
fn the_third_signal_ends_the_program_though_nobody_reads_what_it_says() {
    let env = env();
    env.file(
        "a.yaml",
        "workflow: x\ntasks:\n  - { id: a, run: 'trap \"\" INT TERM; touch begun; sleep 60' }\n",
    );
    let mut run = env.call(["run", "a.yaml"]).start();
    run.until("the step runs", || env.has("begun"));
    for _ in 0..3 {
        run.signal(Signal::TERM);
        std::thread::sleep(std::time::Duration::from_millis(150));
    }
    run.wait().status(2);
}

#[test]
fn an_answer_to_a_stopped_run_is_heard_when_it_goes_on() {
    let env = env();
    env.file("a.yaml", ASKS);
    let mut run = env.call(["run", "a.yaml"]).start();
    run.until("it asks", || asking(&env));
    run.signal(Signal::TERM);
    assert!(run.wait().status(2).stdout().contains("windlass runs approve"), "it says how to answer");
    env.run(["runs", "approve", "latest", "sign-off", "--note", "fine"]).success().says("windlass resume");
    env.run(["resume"]).success().says("approved by").says("fine");
    assert!(env.has("shipped"));
    env.run(["runs", "approve", "latest"]).status(1).says("WL0905");
}

#[test]
fn a_run_that_nobody_drives_can_be_aborted() {
    let env = env();
    env.file("a.yaml", super::FAILS_ONCE);
    env.run(["run", "a.yaml"]).status(1);
    env.run(["runs", "abort", "latest"]).success().says("is aborted");
    env.run(["resume"]).success().says("nothing to resume");
    env.run(["runs", "abort", "latest"]).success();
    assert_eq!(env.run(["runs", "show", "latest", "--json"]).json()["state"], "aborted");
}

#[test]
fn logs_are_followed_to_the_end_of_the_run() {
    let env = env();
    env.file("a.yaml", "workflow: x\ntasks:\n  - { id: a, run: 'touch begun; sleep 0.5; echo late' }\n");
    let mut run = env.call(["run", "a.yaml"]).start();
    run.until("the step runs", || env.has("begun"));
    let logs = env.run(["runs", "logs", "latest", "-f"]);
    assert_eq!(logs.success().stdout(), "a/run │ late\n");
    run.wait().success();
}

#[test]
fn lines_of_another_process_are_followed_while_their_step_runs() {
    let env = env();
    let ticks =
        "touch begun; n=0; while [ ! -e go ]; do n=$((n+1)); echo tick $n; sleep 0.05; done; echo late";
    env.file("a.yaml", format!("workflow: x\ntasks:\n  - {{ id: a, run: '{ticks}' }}\n"));
    let mut run = env.call(["run", "a.yaml"]).start();
    run.until("the step runs", || env.has("begun"));
    let heard = std::fs::File::create(env.project().join("heard")).expect("made");
    let mut logs = program(&env, env!("CARGO_BIN_EXE_windlass"))
        .args(["runs", "logs", "latest", "-f"])
        .stdout(heard)
        .spawn()
        .expect("it starts");
    run.until("a line is heard", || env.read("heard").is_some_and(|heard| heard.contains("tick")));
    env.file("go", "");
    run.wait().success();
    assert!(logs.wait().expect("it ends with the run").success());
    // What was said before anybody listened comes with the step's end, and nothing twice.
    let heard = env.read("heard").expect("it was written");
    let number = |line: &str| line.strip_prefix("a/run │ tick ")?.parse::<usize>().ok();
    let mut numbers: Vec<usize> = heard.lines().filter_map(number).collect();
    let in_order = numbers.is_sorted();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "{heard}");
    assert_eq!(heard.matches("a/run │ late").count(), 1, "{heard}");
    // Lines that are out of their order are said to be.
    let said = heard.matches("a/run │ … earlier, and not shown yet:\n").count();
    assert!(said <= 1 && (in_order || said == 1), "{heard}");
    assert_eq!(heard.lines().count(), numbers.len() + 1 + said, "{heard}");
}

const HELD: &str = r#"
workflow: held
tasks:
  - id: pay
    steps:
      - run: touch begun; sleep 30
        on_doubt: hold
  - id: after
    needs: [pay]
    run: touch after
"#;

/// A program in the project, with nothing of our own environment.
fn program(env: &TestEnv, name: &str) -> std::process::Command {
    let mut command = std::process::Command::new(name);
    command
        .current_dir(env.project())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", env.root())
        .env("WINDLASS_HOME", env.root().join("state"))
        .env("TERM", "xterm-256color");
    command
}

/// The program on a terminal of its own: what it writes there, until it ends. `key` is typed once it asks `question`.
fn on_terminal(env: &TestEnv, args: &[&str], question: &str, key: &[u8]) -> String {
    let whole: Vec<&str> = [env!("CARGO_BIN_EXE_windlass")].iter().chain(args).copied().collect();
    any_on_terminal(env, &whole, question, key)
}

/// Any program on a terminal of its own.
fn any_on_terminal(env: &TestEnv, args: &[&str], question: &str, key: &[u8]) -> String {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("it is ours");
    let name = ptsname(&ours, Vec::new()).expect("it has a name").into_string().expect("ASCII");
    let theirs =
        || Stdio::from(std::fs::File::options().read(true).write(true).open(&name).expect("it opens"));
    // A session of its own makes the terminal the controlling one.
    let mut child = program(env, "setsid")
        .args(["-c", "-w"])
        .args(args)
        .stdin(theirs())
        .stdout(theirs())
        .stderr(theirs())
        .spawn()
        .expect("setsid is there");
    let mut terminal = std::fs::File::from(ours);
    let (mut seen, mut typed, mut chunk) = (Vec::new(), false, [0u8; 4096]);
    // The terminal has no reader's end any more when the program has gone.
    while let Ok(count @ 1..) = terminal.read(&mut chunk) {
        seen.extend_from_slice(&chunk[..count]);
        let asks = String::from_utf8_lossy(&seen).contains(question);
        if asks && !typed {
            typed = true;
            // The view opens the keyboard on its next beat; what was typed before does not count.
            std::thread::sleep(std::time::Duration::from_millis(400));
            std::io::Write::write_all(&mut terminal, key).expect("it can be typed");
        }
    }
    child.wait().expect("it ends");
    String::from_utf8_lossy(&seen).into_owned()
}

#[test]
fn a_held_step_is_asked_about_on_a_terminal() {
    for (answer, goes_on) in [("skip\n", true), ("f\n", false)] {
        let env = env();
        env.file("a.yaml", HELD);
        let mut run = env.call(["run", "a.yaml"]).start();
        run.until("the step runs", || env.has("begun"));
        run.signal(Signal::KILL);
        run.wait().killed();
        let seen = on_terminal(&env, &["resume"], "[h]old it?", answer.as_bytes());
        assert!(seen.contains("pay/run was under way when the run was cut off"), "{seen}");
        assert_eq!(env.has("after"), goes_on, "{seen}");
    }
}

#[test]
fn a_question_is_answered_with_a_key_on_a_terminal() {
    for (key, shipped) in [(b"y", true), (b"n", false)] {
        let env = env();
        env.file("a.yaml", ASKS);
        let seen = on_terminal(&env, &["run", "a.yaml"], "y yes", key);
        assert_eq!(env.has("shipped"), shipped, "{seen}");
        assert!(seen.contains("\u{1b}[?2026h"), "frames are synchronized: {seen}");
        let last = seen.rfind("\u{1b}[?25l").expect("the cursor was hidden");
        assert!(
            seen.rfind("\u{1b}[?25h").is_some_and(|shown| shown > last),
            "and is shown at the end: {seen}"
        );
    }
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_draws_again() {
    let env = env();
    // One step that goes on while the program is stopped, one that must not begin then, and a question.
    env.file(
        "a.yaml",
        r#"
workflow: stopped
tasks:
  - { id: slow, run: "touch begun; while [ ! -e shell ]; do sleep 0.05; done; touch gone-on" }
  - { id: next, needs: [slow], run: "test -e back && touch next" }
  - { id: sign-off, approve: "Release?" }
"#,
    );
    let script = format!(
        "set -m; stty -a > before; {} run a.yaml; echo \"<stopped $?>\"; stty -a > after; touch shell
         while [ ! -e gone-on ]; do sleep 0.05; done; sleep 0.3; [ -e next ] || touch back
         echo '<shell>'; (sleep 1; {} runs approve latest > said 2>&1) & fg %1; echo \"<ended $?>\"",
        env!("CARGO_BIN_EXE_windlass"),
        env!("CARGO_BIN_EXE_windlass")
    );
    // Ctrl-Z, typed where the view has the keyboard for its question.
    let seen = any_on_terminal(&env, &["bash", "-c", &script], "y yes", b"\x1a");
    assert!(seen.contains("<stopped 147>"), "{seen}");
    assert!(seen.contains("stopped: running steps go on"), "{seen}");
    assert_eq!(env.read("before"), env.read("after"), "the terminal is as it was");
    let stopped = seen.find("<stopped").expect("it stopped");
    let hidden = seen[..stopped].rfind("\u{1b}[?25l").expect("the cursor was hidden");
    assert!(seen[hidden..stopped].contains("\u{1b}[?25h"), "and is shown: {seen}");
    let shell = seen.find("<shell>").expect("the shell was there");
    assert!(!seen[stopped..shell].contains("\u{1b}[?2026h"), "nothing is drawn meanwhile: {seen}");
    assert!(seen[shell..].contains("\u{1b}[?2026h"), "it draws again: {seen}");
    assert!(env.has("next") && seen.contains("<ended 0>"), "{seen}");
}
