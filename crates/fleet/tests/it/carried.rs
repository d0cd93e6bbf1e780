//! What the controller brings: scripts, archives, parts of files, variables; and time that passes.

use std::time::{Duration, Instant};

use serde_json::json;
use windlass_model::Code;

use crate::context::{World, problems};

#[tokio::test]
async fn a_script_is_brought_and_run_with_its_arguments() {
    let world = World::new();
    world.write("bin/hello there.sh", "#!/bin/sh\necho \"$1|$2\"; echo err >&2; exit ${3:-0}\n");
    let step = "script: \"'bin/hello there.sh' 'a b' {{ 'c' }}\"";
    let compiled = world.compile(step).unwrap();
    assert_eq!(compiled.step.input["src_blob"], compiled.files["bin/hello there.sh"].as_str());
    let output = world.perform(&compiled).await.unwrap();
    assert!(output.changed && !output.failed, "{output:?}");
    assert_eq!((&output.result["stdout"], &output.result["rc"]), (&json!("a b|c\n"), &json!(0)));
    assert_eq!(output.result["stderr_lines"], json!(["err"]));
    let failed = world.run("script: { cmd: \"'bin/hello there.sh' a b 3\" }").await.unwrap();
    assert_eq!(failed.error.unwrap().message, "command exited with 3");
}

#[tokio::test]
async fn a_script_says_itself_what_runs_it_or_is_told() {
    let world = World::new().vars(json!({"name": "s"}));
    world.write("s.awk", "BEGIN { print \"awk\", ARGV[1] }").write("s", "echo plain $0 | sed 's|/.*/||'");
    world.write("env", "#!/usr/bin/env -S sh -e\nfalse\necho not here\n");
    for (step, stdout) in [
        ("script: { cmd: s.awk x, executable: awk -f }", "awk x\n"),
        ("script: s", "plain s\n"),
        ("script: '{{ name }}'", "plain s\n"),
    ] {
        assert_eq!(world.run(step).await.unwrap().result["stdout"], stdout, "{step}");
    }
    assert_eq!(world.run("script: env").await.unwrap().result["stdout"], "");
}

#[tokio::test]
async fn a_script_whose_work_is_done_does_not_run() {
    let world = World::new();
    world.write("make.sh", "touch made");
    let step = "script: make.sh\nargs: { creates: made }";
    let checked = World::new().check();
    checked.write("make.sh", "touch made");
    assert!(checked.run(step).await.unwrap().changed && !checked.exists("made"));
    assert!(checked.run("script: make.sh").await.unwrap().skipped);
    assert!(world.run(step).await.unwrap().changed && world.exists("made"));
    let again = world.run(step).await.unwrap();
    assert!(again.skipped && !again.changed);
    assert!(world.run("script: { cmd: make.sh, removes: none }").await.unwrap().skipped);
}

#[tokio::test]
async fn an_archive_is_brought_and_unpacked() {
    let world = World::new();
    world.write("t/a", "1").write("t/d/b", "2").write("out/x", "");
    world.run("archive: { path: t, dest: p.tgz }").await.unwrap();
    let step = "unarchive: { src: p.tgz, dest: out }";
    let mut compiled = world.compile(step).unwrap();
    let id = compiled.files["p.tgz"].clone();
    std::fs::rename(world.path("p.tgz"), world.path("kept")).unwrap();
    compiled.blobs.insert(id, world.path("kept"));
    let output = world.perform(&compiled).await.unwrap();
    assert!(output.changed && world.read("out/t/d/b") == "2", "{output:?}");
    assert_eq!(output.result["src"], world.path("p.tgz").to_str().unwrap());
    assert!(!world.perform(&compiled).await.unwrap().changed);
    for step in
        ["unarchive: { src: kept, dest: out, remote_src: yes }", "unarchive: src=kept dest=out copy=no"]
    {
        let compiled = world.compile(step).unwrap();
        assert!(compiled.files.is_empty() && !world.perform(&compiled).await.unwrap().changed, "{step}");
    }
}

#[tokio::test]
async fn the_parts_of_a_file_are_brought_or_on_the_host() {
    let world = World::new();
    world.write("parts/1", "one").write("parts/2", "two");
    let step = "assemble: { src: parts, dest: out, remote_src: no, delimiter: '--' }";
    let compiled = world.compile(step).unwrap();
    assert_eq!(compiled.files.len(), 2);
    assert!(world.perform(&compiled).await.unwrap().changed);
    assert_eq!(world.read("out"), "one\n--\ntwo");
    assert!(!world.run("assemble: { src: parts, dest: out, delimiter: '--' }").await.unwrap().changed);
}

#[tokio::test]
async fn variables_come_from_files_as_they_were_when_planned() {
    let world = World::new().vars(json!({"name": "web", "map": {"a": 1, "b": {"c": 2}}}));
    world
        .write("v.yaml", "x: [1, two]\ngreeting: hello {{ name }}\nlong: '{{ greeting }}!'\n")
        .write("empty.yml", "# nothing\n");
    world.write("vars/here.json", "{\"y\": 1}").write("m.yml", "map: {b: {d: 3}}");
    for (step, facts) in [
        ("include_vars: v.yaml", json!({"x": [1, "two"], "greeting": "hello web", "long": "hello web!"})),
        ("include_vars: { file: here.json, name: all }", json!({"all": {"y": 1}})),
        ("include_vars: file=here.json name=all", json!({"all": {"y": 1}})),
        ("include_vars: '{{ \"here\" }}.json'", json!({"y": 1})),
        ("include_vars: m.yml", json!({"map": {"b": {"d": 3}}})),
        (
            "include_vars: { file: m.yml, hash_behaviour: merge }",
            json!({"map": {"a": 1, "b": {"c": 2, "d": 3}}}),
        ),
    ] {
        let output = world.run(step).await.unwrap();
        assert!(!output.changed && !output.failed, "{step}: {output:?}");
        assert_eq!(output.result["ansible_facts"], facts, "{step}");
    }
    let output = world.run("include_vars: empty.yml").await.unwrap();
    assert!(output.result.get("ansible_facts").is_none());
    assert_eq!(
        output.result["ansible_included_var_files"],
        json!([world.path("empty.yml").to_str().unwrap()])
    );
    let mut compiled = world.compile("include_vars: v.yaml").unwrap();
    let id = compiled.files["v.yaml"].clone();
    std::fs::rename(world.path("v.yaml"), world.path("kept")).unwrap();
    compiled.blobs.insert(id, world.path("kept"));
    assert_eq!(world.perform(&compiled).await.unwrap().result["ansible_facts"]["x"], json!([1, "two"]));
}

#[tokio::test]
async fn a_folder_of_variables_is_read_in_order() {
    let world = World::new();
    world.write("d/b.yml", "x: b\nb: 1").write("d/a.json", "{\"x\": \"a\"}").write("d/sub/c.yaml", "x: c");
    world.write("d/{{ odd }}.yml", "odd: true");
    let read = async |step: &str| world.run(step).await.unwrap().result["ansible_facts"].clone();
    assert_eq!(read("include_vars: { dir: d }").await, json!({"x": "c", "b": 1, "odd": true}));
    assert_eq!(
        read("include_vars: { dir: d, depth: 1, files_matching: '^[ab]' }").await,
        json!({"x": "b", "b": 1})
    );
    assert_eq!(
        read("include_vars: { dir: d, ignore_files: [b.yml, '}.yml', c.yaml] }").await,
        json!({"x": "a"})
    );
    world.write("d/README", "text");
    let passed = "include_vars: { dir: d, extensions: json, ignore_unknown_extensions: yes }";
    assert_eq!(read(passed).await, json!({"x": "a"}));
    let found = problems(&world, "include_vars: { dir: d }");
    assert!(found[0].contains("d/README does not have a valid extension: json, yaml, yml"), "{found:?}");
}

#[tokio::test]
async fn what_a_template_gives_is_never_read_as_one() {
    let world = World::new().vars(json!({"said": "{{ boom }}"}));
    world.write("v.yml", "a: '{{ said }}'\nb: '[{{ a }}]'\n").write("c.yml", "a: '{{ b }}'\nb: '{{ a }}'\n");
    let output = world.run("include_vars: v.yml").await.unwrap();
    assert_eq!(output.result["ansible_facts"], json!({"a": "{{ boom }}", "b": "[{{ boom }}]"}));
    let error = world.run("include_vars: c.yml").await.unwrap().error.unwrap();
    assert!(error.message.contains("in a circle: a, b"), "{error}");
    world.write("u.yml", "a: '{{ nowhere }}'");
    let error = world.run("include_vars: u.yml").await.unwrap().error.unwrap();
    assert_eq!(error.code, Code::RenderFailed);
    assert!(error.message.starts_with("the variable a: "), "{error}");
}

#[test]
fn the_plan_says_what_files_of_variables_ask_of_the_run() {
    let world = World::new();
    world.write("v.yml", "a: '{{ env.HOME }}'\nb: '{{ tasks.t.output }}'\n");
    let compiled = world.compile("include_vars: v.yml").unwrap();
    assert_eq!(compiled.step.input["uses"], json!(["env['HOME']", "tasks['t']['output']"]));
}

#[tokio::test]
async fn time_passes_but_nobody_is_asked() {
    let mut world = World::new();
    let begun = Instant::now();
    let output = world.run("pause: { seconds: 1, prompt: 'settling' }").await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1) && !output.changed);
    assert_eq!((&output.result["rc"], &output.result["delta"]), (&json!(0), &json!(1)));
    assert!(output.result["stdout"].as_str().unwrap().starts_with("Paused for 1."));
    world.timeout = Some(Duration::from_millis(50));
    let error = world.run("pause: { minutes: 10 }").await.unwrap_err();
    assert_eq!(error.code, Code::StepTimeout);
    assert!(!World::new().check().run("pause: minutes=10").await.unwrap().failed);
    for step in ["pause:", "pause: { prompt: 'Go on?' }"] {
        let found = problems(&world, step);
        assert!(found[0].contains("it waits for nobody") && found[0].contains("`approve`"), "{found:?}");
    }
}

#[test]
fn what_cannot_be_brought_is_told_while_planning() {
    let world = World::new();
    world.write("list.yml", "- 1\n").write("bad.yml", "a: [\n").write("d/x", "");
    for (step, expected) in [
        ("script: none.sh x", "cannot read none.sh: no such file"),
        ("script: { cmd: d }", "cannot read d: it is a folder"),
        ("unarchive: { src: none.tgz, dest: out }", "cannot read none.tgz"),
        ("unarchive: { src: 'https://x/y.tgz', dest: out }", "say `remote_src: true`"),
        ("unarchive: { src: a, dest: b, copy: yes, remote_src: yes }", "only one of"),
        ("assemble: { src: none, dest: out, remote_src: no }", "cannot read none"),
        ("include_vars: none.yml", "cannot read none.yml"),
        ("include_vars: { dir: none }", "cannot read none"),
        ("include_vars: list.yml", "must be stored as a dictionary"),
        ("include_vars: bad.yml", "WL0101"),
        ("include_vars: { file: a, dir: b }", "only one of"),
        ("lineinfile: { path: f, line: x, regexp: 'a(?=b)' }", "look-around is not supported"),
        ("lineinfile: { path: f }", "needs `line` where `state` is present"),
    ] {
        let found = problems(&world, step);
        assert!(found.iter().any(|problem| problem.contains(expected)), "{step}: {found:?}");
    }
}
