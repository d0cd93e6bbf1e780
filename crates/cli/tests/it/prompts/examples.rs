//! The examples with models: each is run, and what README.md shows of them is what happens.

use windlass_testkit::TestEnv;

use super::model::spent;
use super::server::{heads, serve};
use crate::e2e_quickstart::{plain, transcript};
use crate::e2e_support::{copy, env};

/// An environment with the examples.
fn examples() -> TestEnv {
    let env = env();
    copy(&env, "examples/llm");
    let path = env.project().join("examples/llm/model.py");
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    env
}

#[test]
fn an_answer_with_a_shape_opens_a_gate() {
    let env = examples();
    env.run(["run", "examples/llm/structured.yaml"]).success();
    assert_eq!(env.state()["tasks"]["rate"]["outputs"]["score"], 95);
    assert!(spent(&env) > 0);
}

#[test]
fn a_team_works_round_after_round_until_its_gate_opens() {
    let env = examples();
    env.run(["run", "examples/llm/loop.yaml"]).success();
    // The model gives the first draft 85 and the second 95.
    let audit = env.run(["runs", "audit", "latest"]).json_lines();
    let asked = |task: &str| {
        let rounds = [task.to_owned(), format!("{task}~2")];
        let done = audit.iter().filter(|line| line["event"] == "finished");
        done.filter(|line| rounds.iter().any(|round| line["task"] == **round)).count()
    };
    assert_eq!(["architect", "developer", "validator"].map(asked), [1, 2, 2]);
    let said = env.state()["tasks"]["ship"]["steps"][0]["hosts"]["localhost"]["result"]["msg"].clone();
    assert!(said.as_str().is_some_and(|said| said.starts_with("95: ") && said.contains("Draft 2")), "{said}");
    assert!((1..=250_000_000).contains(&spent(&env)), "within its budget: {}", spent(&env));
}

#[test]
fn a_tool_counts_lines() {
    let env = examples();
    env.run(["run", "examples/llm/tools.yaml"]).success();
    let lines = env.read("examples/llm/release.yaml").expect("it is there").lines().count();
    assert_eq!(env.state()["tasks"]["ask"]["output"], format!("The file has {lines} lines."));
}

#[test]
fn models_of_ones_own_are_programs_and_servers() {
    let env = examples();
    let (url, heard) = serve("said calmly");
    let text = env.read("examples/llm/local.yaml").expect("it is there");
    env.file("examples/llm/local.yaml", text.replace("http://localhost:8080/v1", &url));
    env.run(["run", "examples/llm/local.yaml"]).success();
    let tasks = env.state()["tasks"].clone();
    assert_eq!(tasks["program"]["output"].as_str().map(str::trim), Some("SAY IT LOUD"));
    assert_eq!(tasks["served"]["output"], "said calmly");
    assert_eq!(heads(&heard).len(), 1);
}

#[test]
fn the_mixed_document_does_what_the_readme_shows() {
    let command = "run examples/llm/release.yaml -i examples/llm/hosts.yaml";
    let shown = transcript(command).into_iter().next().expect("the README shows it");
    let env = examples();
    let site = env.root().join("site");
    let text = env.read("examples/llm/release.yaml").expect("it is there");
    let here = text.replace("/tmp/windlass-example-site", &site.display().to_string());
    env.file("examples/llm/release.yaml", here);
    let output = env.run(command.split(' '));
    output.success();
    let mut progress: Vec<String> = output.stderr().lines().map(plain).collect();
    let summary: Vec<String> = output.stdout().lines().map(plain).collect();
    let elsewhere = |line: &String| line.replace(&site.display().to_string(), "/tmp/windlass-example-site");
    let summary: Vec<String> = summary.iter().map(elsewhere).collect();
    let shown: Vec<String> = shown.iter().map(|line| plain(line)).collect();
    let mut due = shown[..progress.len().min(shown.len())].to_vec();
    due.sort();
    progress.sort();
    assert_eq!(due, progress, "progress");
    assert_eq!(shown[progress.len()..], summary[..], "summary");
    let notes = std::fs::read_to_string(site.join("web2/notes.txt")).expect("it was rolled out");
    assert_eq!(notes, "1.4.2: Release notes: The cache is kept between builds\n");
}
