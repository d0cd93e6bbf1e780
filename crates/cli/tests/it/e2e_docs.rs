//! The pages for people: every document that they show is a good one.

use windlass_testkit::TestEnv;

use crate::e2e_support::{env, repository};

/// The YAML blocks of a page, each as a whole document.
fn documents(page: &str) -> Vec<String> {
    let text = std::fs::read_to_string(repository().join(page)).expect("the page can be read");
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in text.lines() {
        match (&mut block, line) {
            (None, "```yaml") => block = Some(String::new()),
            (Some(_), "```") => blocks.extend(block.take()),
            (Some(text), line) => *text += &format!("{line}\n"),
            (None, _) => {}
        }
    }
    let part = |text: &str| text.starts_with("tasks:") || text.starts_with("stages:");
    let whole = |text: String| if part(&text) { format!("workflow: example\n{text}") } else { text };
    blocks.into_iter().map(whole).collect()
}

/// A document that needs nothing, for what a page shows of a project's `windlass.yaml`.
const PLAIN: &str = "workflow: example\ntasks: [{ id: a, run: 'true' }]\n";

/// Lays a document out under its name: what holds for a project has none of the words that a workflow begins with.
fn lay(env: &TestEnv, document: &str) {
    let is_project = document.starts_with("budgets:");
    env.file(if is_project { "windlass.yaml" } else { "w.yaml" }, document);
    if is_project {
        env.file("w.yaml", PLAIN);
    }
}

/// The files that the pages' documents stand on.
fn lay_out() -> TestEnv {
    let env = env();
    env.file("app.conf.j2", "version={{ version | default('1') }}\n");
    env.file(
        "shared/part.yaml",
        "vars: { name: unnamed }\ntasks:\n  - { id: build, run: 'echo {{ name }}', outputs: { says: '{{ stdout }}' } }\n",
    );
    env
}

#[test]
fn every_document_that_a_page_shows_is_a_good_one() {
    let mut count = 0;
    for page in ["README.md", "docs/workflows.md", "docs/prompts.md"] {
        for document in documents(page) {
            let env = lay_out();
            lay(&env, &document);
            let output = env.run(["validate", "w.yaml"]);
            assert!(output.code() == Some(0), "{page}:\n{document}\n{output:?}");
            count += 1;
        }
    }
    assert!(count >= 8, "only {count} documents were found");
}

#[test]
fn a_shared_file_may_be_included_twice() {
    let env = lay_out();
    let text = documents("docs/workflows.md").into_iter().find(|text| text.contains("shared/part.yaml"));
    env.file("w.yaml", text.expect("the page shows an include"));
    env.run(["run", "w.yaml"]).success();
    let tasks = env.state()["tasks"].as_object().cloned().expect("a state has tasks");
    let ids: Vec<&String> = tasks.keys().collect();
    assert_eq!(ids, ["api.build", "report", "web.build"], "no id collides");
}
