//! The program among other processes: several on one scope, closed pipes, odd paths, no terminal.

use std::io::Read;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use windlass_testkit::TestEnv;

use crate::e2e_support::{PROGRAM, lines, with};

#[test]
fn several_processes_share_a_scope() {
    let env = with(
        "workflow: shared
tasks:
  - { id: a, run: sleep 0.1; echo a >> order }
  - { id: b, needs: [a], run: echo b >> order }
",
    );
    let running: Vec<_> = (0..5).map(|_| env.call(["run", "w.yaml"]).start()).collect();
    for process in running {
        process.wait().success();
    }
    assert_eq!(lines(&env, "order"), 10);
    let list = env.run(["runs", "list", "--json"]).success().json();
    let runs = list.as_array().or(list["runs"].as_array()).expect("a list of runs").clone();
    assert_eq!(runs.len(), 5);
    assert!(runs.iter().all(|run| run["state"] == "completed" || run["status"] == "completed"), "{list:#}");
}

#[test]
fn a_run_has_one_driver() {
    let env = with("workflow: one\ntasks: [{ id: slow, run: echo begun >> order; sleep 3 }]\n");
    let mut running = env.call(["run", "w.yaml", "--id", "mine"]).start();
    running.until("its first step", || lines(&env, "order") == 1);
    env.run(["resume", "mine"]).status(1).says("WL07");
    running.wait().success();
    assert_eq!(lines(&env, "order"), 1);
}

#[test]
fn a_closed_pipe_is_fine() {
    let tasks: String = (0..300).map(|n| format!("  - {{ id: t{n:03}, debug: {{ msg: {n} }} }}\n")).collect();
    let env = with(&format!("workflow: pipe\ntasks:\n{tasks}"));
    for args in
        [&["run", "w.yaml", "--events"][..], &["plan", "w.yaml", "--json"], &["run", "w.yaml", "--json"]]
    {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        let running = env.call(args).stdout(Stdio::from(writer)).start();
        let mut first = [0; 10];
        reader.read_exact(&mut first).expect("something is said");
        drop(reader);
        let output = running.wait();
        assert_eq!(output.signal(), None, "{output:?}");
        assert!(!output.stderr().contains("panic"), "{output:?}");
        assert_eq!(output.code(), Some(0), "{output:?}");
    }
    assert_eq!(env.state()["state"], "completed", "the run goes on without its reader");
}

#[test]
fn paths_with_spaces_unicode_and_links_are_paths() {
    let env = TestEnv::named(PROGRAM, "prosjekt ø 計画 $HOME 'x'");
    env.file(
        "da ta/flyt æ.yaml",
        "workflow: odd
tasks:
  - { id: write, copy: { content: hi, dest: 'ut/fil med rom.txt' } }
  - { id: tell, needs: [write], run: \"cat 'ut/fil med rom.txt' > kopi\" }
",
    );
    env.file("da ta/ut/.keep", "");
    env.run(["run", "da ta/flyt æ.yaml"]).success();
    assert_eq!(env.read("da ta/kopi").as_deref(), Some("hi"));
    // A link to the document: paths are those of the folder that the person named.
    env.file("elsewhere/ut/.keep", "");
    symlink(env.project().join("da ta/flyt æ.yaml"), env.project().join("elsewhere/link.yaml"))
        .expect("a link");
    env.run(["run", "elsewhere/link.yaml"]).success();
    assert_eq!(env.read("elsewhere/kopi").as_deref(), Some("hi"));
    // A link to the project: one project has one state.
    let link = env.root().join("link to project");
    symlink(env.project(), &link).expect("a link");
    env.call(["run", "da ta/flyt æ.yaml"]).folder(&link).run().success();
    let list = env.run(["runs", "list", "--json"]).success().json();
    assert_eq!(list.as_array().or(list["runs"].as_array()).map(Vec::len), Some(3), "{list:#}");
}

#[test]
fn artifacts_are_for_their_owner_and_complete() {
    use std::os::unix::fs::PermissionsExt;
    let env = with("workflow: art\ntasks: [{ id: bad, run: exit 9 }]\n");
    env.run(["run", "w.yaml"]).status(1);
    let state = env.state_folder();
    let id = env.state()["run_id"].as_str().expect("a run has an id").to_owned();
    for name in ["run_state.json", "plan.json", "events.jsonl", "error_report.json"] {
        for file in [state.join(name), state.join("runs").join(&id).join(name)] {
            let mode = std::fs::metadata(&file)
                .unwrap_or_else(|e| panic!("{}: {e}", file.display()))
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        }
    }
    let mode = std::fs::metadata(&state).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    // One document on stdout, and it is the artifact.
    let json = env.run(["run", "w.yaml", "--json"]).status(1).json();
    assert_eq!(json, env.state());
    // One `step_finished` for each step and host, and numbers without gaps.
    let events = env.events();
    assert_eq!(events.iter().filter(|event| event["event"] == "step_finished").count(), 1);
    let numbers: Vec<u64> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}

#[test]
fn the_events_that_are_shown_are_those_that_are_kept() {
    let env =
        with("workflow: ev\ntasks:\n  - { id: a, run: echo a }\n  - { id: b, needs: [a], run: echo b }\n");
    let shown = env.run(["run", "w.yaml", "--events"]).success().json_lines();
    assert_eq!(shown, env.events());
}
