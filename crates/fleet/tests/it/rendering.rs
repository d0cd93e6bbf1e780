//! `template`: read while planning, rendered while running.

use serde_json::json;
use windlass_model::Code;

use crate::context::{World, problems};

#[tokio::test]
async fn a_template_is_rendered_with_the_steps_scope() {
    let world = World::new().vars(json!({"hosts": ["a", "b"], "out": "out.conf"}));
    let text = "# {{ ansible_managed }}: {{ template_path }}\n{% for host in hosts %}\nhost {{ host }}\n{% endfor %}\n";
    world.write("app.conf.j2", text);
    let step = "template: { src: app.conf.j2, dest: '{{ out }}', mode: '0640' }";
    let output = world.run(step).await.unwrap();
    assert!(output.changed, "{output:?}");
    assert_eq!(world.read("out.conf"), "# Ansible managed: app.conf.j2\nhost a\nhost b\n");
    assert_eq!(output.result["mode"], "0640");
    assert!(!world.run(step).await.unwrap().changed);
}

#[tokio::test]
async fn the_plan_has_the_contents_hash_and_the_run_needs_no_file() {
    let world = World::new().vars(json!({"x": 1}));
    world.write("t.j2", "x={{ x }}\n").write("kept", "x={{ x }}\n");
    let mut compiled = world.compile("template: { src: t.j2, dest: out, mode: preserve }").unwrap();
    let id = compiled.files["t.j2"].clone();
    let input = &compiled.step.input;
    assert_eq!((&input["src_blob"], &input["src"]), (&json!(id.as_str()), &json!("t.j2")));
    assert!(input["src_mode"].is_string() && input.get("uses").is_none());
    std::fs::remove_file(world.path("t.j2")).unwrap();
    compiled.blobs.insert(id, world.path("kept"));
    assert!(world.perform(&compiled).await.unwrap().changed);
    assert_eq!(world.read("out"), "x=1\n");
}

#[test]
fn the_plan_says_what_a_template_asks_of_the_run() {
    let world = World::new();
    world.write("t.j2", "{{ tasks.build.outputs.sha }} {{ env.HOME }} {{ version }}");
    let compiled = world.compile("template: src=t.j2 dest=out").unwrap();
    assert_eq!(compiled.step.input["uses"], json!(["env['HOME']", "tasks['build']['outputs']['sha']"]));
}

#[tokio::test]
async fn a_template_whose_name_is_computed_is_read_when_it_runs() {
    let world = World::new().vars(json!({"name": "t", "x": 1}));
    world.write("t.j2", "x={{ x }}");
    let output = world.run("template: { src: '{{ name }}.j2', dest: out }").await.unwrap();
    assert!(output.changed);
    assert_eq!(world.read("out"), "x=1");
    let output = world.run("template: { src: '{{ name }}.no', dest: out }").await.unwrap();
    assert_eq!(output.error.unwrap().code, Code::MissingSource);
}

#[tokio::test]
async fn a_variable_that_is_not_there_is_a_failure_on_its_line_and_writes_nothing() {
    let world = World::new().vars(json!({"version": 1}));
    world.write("t.j2", "#jinja2: trim_blocks: True\nok\n{{ versoin }}\n");
    let output = world.run("template: { src: t.j2, dest: out }").await.unwrap();
    let error = output.error.unwrap();
    assert_eq!((error.code, error.permanent), (Code::RenderFailed, true));
    assert!(error.message.starts_with("t.j2:3: "), "{error}");
    assert!(!world.exists("out"));
}

#[tokio::test]
async fn check_mode_predicts_and_shows_the_difference() {
    let world = World::new().vars(json!({"x": 2})).check().diff();
    world.write("t.j2", "x={{ x }}\n").write("out", "x=1\n");
    let output = world.run("template: { src: t.j2, dest: out }").await.unwrap();
    assert!(output.changed);
    assert_eq!(
        (&output.result["diff"]["before"], &output.result["diff"]["after"]),
        (&json!("x=1\n"), &json!("x=2\n"))
    );
    assert_eq!(world.read("out"), "x=1\n");
}

#[test]
fn a_template_that_is_none_is_a_problem_of_the_plan_in_its_own_file() {
    let world = World::new();
    world.write("t.j2", "ok\n{{ x | no_such_filter }}\n").write("bytes.j2", b"\xff\xfe").write("dir/x", "");
    let found = problems(&world, "template: { src: t.j2, dest: out }");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("t.j22:"), "{found:?}");
    assert!(found[0].contains("WL0404") && found[0].contains("no_such_filter"), "{found:?}");
    for (step, expected) in [
        ("template: { src: bytes.j2, dest: out }", "1:18 WL0404 the template bytes.j2 is not UTF-8"),
        ("template: { src: dir, dest: out }", "1:18 WL0403 cannot read dir: it is a folder"),
        ("template: { src: none, dest: out }", "1:18 WL0403 cannot read none: no such file or directory"),
        ("template: { src: t, dest: out, content: x }", "1:41 WL0401 template has no parameter `content`"),
    ] {
        let found = problems(&world, step);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{step}: {found:?}");
    }
}
