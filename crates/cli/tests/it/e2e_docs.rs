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
            env.file("w.yaml", &document);
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
