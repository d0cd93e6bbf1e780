//! Documents before they run: problems, plans and graphs.

use super::{FAILS_ONCE, env};

#[test]
fn all_problems_are_shown_on_their_lines_in_one_go() {
    let env = env();
    env.file(
        "bad.yaml",
        "workflow: x\ntaks: []\ntasks:\n  - id: a\n    run: 5s\n    timeout: soon\n    nedds: [b]\n",
    );
    let output = env.run(["validate", "bad.yaml"]);
    output.status(1).says("bad.yaml:2:1").says("bad.yaml:6:14").says("did you mean");
    assert_eq!(output.stdout(), "");
    let json = env.run(["validate", "bad.yaml", "--json"]);
    let problems = json.status(1).json()["documents"][0]["problems"].as_array().expect("a list").len();
    assert!(problems >= 3, "{}", json.stdout());
}

#[test]
fn several_documents_are_looked_at_though_one_is_bad() {
    let env = env();
    env.file("bad.yaml", "workflow: [\n").file("good.yaml", FAILS_ONCE);
    let output = env.run(["validate", "bad.yaml", "missing.yaml", "good.yaml"]);
    output.status(1).says("bad.yaml").says("WL0113").says("ok good.yaml");
}

#[test]
fn an_error_is_one_json_document_where_json_was_asked_for() {
    let env = env();
    env.file("bad.yaml", "workflow: [\n");
    let json = env.run(["run", "bad.yaml", "--json"]);
    assert_eq!(json.status(1).json()["error"]["code"], "WL0101");
    let lines = env.run(["run", "bad.yaml", "--log-format", "json"]).stderr();
    let line: serde_json::Value = serde_json::from_str(lines.trim()).expect("one JSON line");
    assert_eq!((&line["level"], &line["code"]), (&"error".into(), &"WL0101".into()));
}

#[test]
fn a_plan_is_shown_and_nothing_is_done() {
    let env = env();
    env.file("a.yaml", FAILS_ONCE);
    let shown = env.run(["plan", "a.yaml"]);
    assert!(shown.success().stdout().contains("ship  after test"), "{}", shown.stdout());
    let json = env.run(["plan", "a.yaml", "--json"]).json();
    assert_eq!(json["digest"].as_str().map(str::len), Some(64));
    assert!(json["steps"].as_array().is_some_and(|steps| steps.len() == 3), "{json}");
    let dry = env.run(["run", "a.yaml", "--dry-run"]);
    assert_eq!(dry.success().stdout(), shown.stdout());
    assert!(!env.has("log") && !env.has(".windlass"));
}

#[test]
fn a_check_says_what_would_change_and_leaves_nothing_behind() {
    let env = env();
    env.file("a.yaml", "workflow: x\ntasks:\n  - id: a\n    steps: [ { copy: { content: hi, dest: f } } ]\n");
    let output = env.run(["run", "a.yaml", "--check", "--diff"]);
    assert!(output.success().stdout().contains("Would change:"), "{}", output.stdout());
    output.says("+hi");
    assert!(!env.has("f"));
    assert_eq!(env.run(["runs", "list", "--json"]).json(), serde_json::json!([]));
}

#[test]
fn a_graph_is_text_and_svg() {
    let env = env();
    env.file("a.yaml", FAILS_ONCE);
    let json = env.run(["graph", "a.yaml", "--json"]).json();
    assert_eq!(json["tasks"][1]["needs"], serde_json::json!(["test"]));
    let text = env.run(["graph", "a.yaml"]);
    assert!(text.success().stdout().contains("│ compile │"), "{}", text.stdout());
    env.run(["graph", "a.yaml", "-o", "a.svg"]).success();
    let svg = env.read("a.svg").expect("it was written");
    assert!(svg.starts_with("<svg ") && svg.contains(">compile<"));
}

#[test]
fn names_with_spaces_and_unicode_are_fine() {
    let env = env();
    env.file("größe 1/a b.yaml", "workflow: größe\ntasks:\n  - { id: näh, run: echo 日本 }\n");
    let output = env.run(["run", "größe 1/a b.yaml", "-v"]);
    output.success().says("näh/run").says("日本");
    std::os::unix::fs::symlink(env.project().join("größe 1/a b.yaml"), env.project().join("link.yaml"))
        .expect("a link");
    env.run(["run", "link.yaml"]).success();
}

#[test]
fn a_document_that_needs_a_variable_is_validated_and_drawn_with_it() {
    let env = env();
    env.file("a.yaml", "workflow: x\ntasks:\n  - { id: a, run: 'echo {{ version }}' }\n");
    env.run(["validate", "a.yaml"]).status(1).says("WL0302");
    env.run(["validate", "a.yaml", "-e", "version=1"]).success();
    env.run(["graph", "a.yaml", "-e", "version=1"]).success();
}
