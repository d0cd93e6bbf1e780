//! The quick start: what README.md shows is what happens.

use windlass_testkit::TestEnv;

use crate::e2e_support::{copy, env, repository};

/// The lines below `$ command` in a README's transcript.
pub(crate) fn transcript(command: &str) -> Vec<Vec<String>> {
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("the README can be read");
    let mut found = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match line.strip_prefix("$ ") {
            Some(typed) => {
                inside = typed.split('#').next().unwrap_or_default().trim_end().ends_with(command);
                if inside {
                    found.push(Vec::new());
                }
            }
            None if line.starts_with("```") => inside = false,
            None if inside => found.last_mut().expect("it was begun").push(line.to_owned()),
            None => {}
        }
    }
    found
}

/// A line without what differs from run to run: how long things took, and the run's id.
pub(crate) fn plain(line: &str) -> String {
    let id =
        |word: &str| word.len() == 12 && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let time = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_digit())
            && (word.ends_with("ms") || word.ends_with('s'))
            && word.trim_end_matches(['m', 's']).chars().all(|c| c.is_ascii_digit() || c == '.')
    };
    let plain = |word: &str| match word {
        word if time(word) => "TIME".to_owned(),
        word if id(word) => "RUN".to_owned(),
        word => word.to_owned(),
    };
    line.split(' ').map(plain).collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

fn run(env: &TestEnv) -> (Vec<String>, Vec<String>) {
    let output = env.run(["run", "examples/quickstart.yaml"]);
    output.success();
    let mut progress: Vec<String> = output.stderr().lines().map(plain).collect();
    // What runs at the same time ends in any order.
    progress.sort();
    (progress, output.stdout().lines().map(plain).collect())
}

#[test]
fn the_quick_start_does_what_the_readme_shows() {
    let shown = transcript("run examples/quickstart.yaml");
    assert_eq!(shown.len(), 2, "the README shows a first and a second run");
    let env = env();
    copy(&env, "examples");
    for shown in shown {
        let (progress, summary) = run(&env);
        let shown: Vec<String> = shown.iter().map(|line| plain(line)).collect();
        let mut due = shown[..progress.len().min(shown.len())].to_vec();
        due.sort();
        assert_eq!(due, progress, "progress");
        assert_eq!(shown[progress.len()..], summary[..], "summary");
    }
}

#[test]
fn a_second_run_of_the_quick_start_changes_nothing() {
    let env = env();
    copy(&env, "examples");
    env.run(["run", "examples/quickstart.yaml"]).success();
    let first = env.state();
    assert_eq!(first["tasks"]["fetch"]["attempts"], 2, "the flaky step is tried again");
    assert_eq!(first["tasks"]["publish"]["state"], "skipped");
    let output = env.run(["run", "examples/quickstart.yaml"]);
    output.success();
    assert!(output.stdout().contains("changed=0"), "{output:?}");
    let tasks = env.state()["tasks"].as_object().cloned().expect("a state has tasks");
    let changed: Vec<&String> =
        tasks.iter().filter(|(_, t)| t["changed"] == true).map(|(id, _)| id).collect();
    assert!(changed.is_empty(), "{changed:?}");
}

#[test]
fn every_example_is_a_good_document() {
    let env = env();
    copy(&env, "examples");
    let folder = std::fs::read_dir(repository().join("examples")).expect("there are examples");
    let mut count = 0;
    for entry in folder {
        let name = entry.expect("the folder can be read").file_name().to_string_lossy().into_owned();
        if name.ends_with(".yaml") {
            env.run(["validate", &format!("examples/{name}")]).success();
            count += 1;
        }
    }
    assert!(count > 1);
}
