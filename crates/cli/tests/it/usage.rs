//! What is typed: help, mistakes, streams that are closed, and the commands that need no document.

use std::fs::File;

use windlass_testkit::TestEnv;

use super::env;

#[test]
fn help_and_version_are_answers() {
    env().run(["--version"]).success();
    let help = env().run(["-h"]);
    assert!(help.success().stdout().contains("Usage: windlass"));
    assert_eq!(help.stderr(), "");
}

#[test]
fn usage_errors_have_status_1_and_say_what_is_near() {
    for (args, says) in [
        (vec!["rnu"], "rnu"),
        (vec![], "Usage"),
        (vec!["run"], "FILE"),
        (vec!["run", "x.yaml", "--dryrun"], "--dry-run"),
        (vec!["runs", "show"], "RUN"),
        (vec!["run", "x.yaml", "--max-parallelism", "0"], "max-parallelism"),
        (vec!["run", "x.yaml", "-e", "1a=b"], "WL0902"),
        (vec!["run", "x.yaml", "--id", "../x"], "WL0901"),
        (vec!["run", "x.yaml", "--json", "--events"], "--events"),
        (vec!["-C", "nowhere", "runs", "list"], "WL0906"),
        (vec!["runs", "prune"], "--keep"),
    ] {
        let output = env().run(&args);
        assert_eq!(output.status(1).stdout(), "", "{args:?}");
        output.says(says);
    }
}

#[test]
fn explain_prints_the_page_of_a_code_and_lists_all() {
    let page = env().run(["explain", "wl0105"]);
    assert!(page.success().stdout().starts_with("# WL0105: "));
    assert!(page.stdout().contains("## What to do"));
    let all = env().run(["explain"]).stdout();
    assert!(all.contains("WL0101") && all.contains("WL0901"), "{all}");
    assert_eq!(env().run(["explain", "0105", "--json"]).json()["code"], "WL0105");
    env().run(["explain", "WL9999"]).status(1).says("WL0909");
}

#[test]
fn every_shell_gets_completions_that_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = env().run(["completions", shell]);
        assert!(script.success().stdout().contains("validate"), "{shell}");
    }
}

#[test]
fn the_manual_has_a_page_for_each_command_that_help_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("it is text");
    env().run(["man", path]).success();
    let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    assert!(page("windlass.1").contains("windlass\\-run(1)"), "{}", page("windlass.1"));
    assert!(page("windlass-runs-show.1").contains(".TH windlass-runs-show 1"));
    assert_eq!(page("windlass-man.1"), "", "a command that help hides");
    env().run(["man", "nowhere/at/all"]).status(1).says("WL0906");
}

#[test]
fn a_closed_pipe_ends_the_talk_quietly() {
    // Nobody will ever read from this pipe: its reading end is closed at once.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = env().call(["explain"]).stdout(writer).run();
    assert_eq!(output.success().stderr(), "");
}

#[test]
fn a_full_disk_is_told() {
    let Ok(full) = File::options().write(true).open("/dev/full") else { return };
    env().call(["explain"]).stdout(full).run().status(1).says("WL0907");
}

#[test]
fn init_writes_a_workflow_that_runs_twice_and_never_overwrites() {
    let env = env();
    env.file("windlass.yaml", "# mine\n");
    let first = env.run(["init"]);
    first.success().says("wrote workflow.yaml").says("kept windlass.yaml");
    assert_eq!(env.read("windlass.yaml").as_deref(), Some("# mine\n"));
    let run = env.run(["run", "workflow.yaml"]);
    assert!(run.success().stdout().contains("changed=3"), "{}", run.stdout());
    let again = env.run(["run", "workflow.yaml"]);
    assert!(again.success().stdout().contains("changed=0"), "{}", again.stdout());
    assert_eq!(env.run(["init", "--json"]).json()["written"], serde_json::json!([]));
}

#[test]
fn the_schema_is_a_json_schema_of_workflows() {
    let schema = env().run(["schema", "workflow"]).json();
    assert!(schema["properties"]["tasks"].is_object(), "{schema}");
}

#[test]
fn the_doctor_finds_what_others_may_read_and_repairs_it() {
    use std::os::unix::fs::PermissionsExt;
    let env = env();
    env.run(["doctor"]).success();
    assert!(healthy(&env));
    env.run(["init"]).success();
    env.run(["run", "workflow.yaml"]).success();
    let state = env.state_folder();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    env.run(["doctor"]).status(1);
    assert!(!healthy(&env));
    env.run(["doctor", "--repair"]).success();
    assert!(healthy(&env));
}

fn healthy(env: &TestEnv) -> bool {
    env.run(["doctor", "--json"]).json()["healthy"].as_bool().expect("it says so")
}

#[test]
fn a_folder_is_entered_before_anything_is_read() {
    let env = env();
    env.file("inner/a.yaml", "workflow: x\ntasks:\n  - { id: a, run: pwd > where }\n");
    env.run(["-C", "inner", "run", "a.yaml"]).success();
    assert!(env.has("inner/where"));
}
