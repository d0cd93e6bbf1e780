//! Tasks and steps that files bring in.

use std::fs;

use serde_json::json;
use windlass_engine::{Error, Request};
use windlass_model::{BlobId, Plan};

use crate::setup::compile_in;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it has a parent")).expect("a folder");
        fs::write(path, text).expect("it can be written");
    }
    folder
}

fn plan(files: &[(&str, &str)], text: &str) -> Plan {
    let folder = folder(files);
    match compile_in(folder.path(), text, &Request::default()) {
        Ok(compiled) => compiled.plan,
        Err(error) => panic!("{error}"),
    }
}

const BUILD: &str = "\
vars: { name: unnamed, flags: '-j{{ jobs }}', jobs: 1 }
tasks:
  - id: compile
    run: make {{ flags }} {{ name }}
    outputs: { sha: '{{ stdout }}' }
  - id: test
    needs: compile
    run: check {{ tasks.compile.outputs.sha }} {{ tasks.setup.output }}
    when: tasks['compile'].changed
    environment: { BY: '{{ tasks.compile.state }}' }
  - id: z
    needs: compile
    steps: [ { assert: { that: [ tasks.compile.changed, true ] } } ]
";

#[test]
fn included_tasks_have_the_include_s_id_before_their_own() {
    let plan = plan(
        &[("shared/build.yaml", BUILD)],
        "\
workflow: x
tasks:
  - { id: setup, run: setup }
  - id: app
    needs: setup
    when: env.CI is defined
    tags: build
    include: { file: shared/build.yaml, vars: { name: app, jobs: 8 } }
  - { id: ship, needs: app, run: \"ship {{ tasks['app.compile'].outputs.sha }}\" }
",
    );
    let ids: Vec<&str> = plan.tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(ids, ["app.compile", "app.test", "app.z", "setup", "ship"]);
    let (compile, test, ship) = (&plan.tasks[0], &plan.tasks[1], &plan.tasks[4]);
    assert_eq!(compile.steps[0].input["cmd"], "make -j8 app");
    assert_eq!(
        serde_json::Value::from(compile.more().vars.clone()),
        json!({"name": "app", "flags": "-j8", "jobs": 8})
    );
    assert_eq!(
        test.steps[0].input["cmd"],
        "check {{ tasks['app.compile'].outputs.sha }} {{ tasks.setup.output }}"
    );
    assert_eq!(test.more().when, ["env.CI is defined", "tasks['app.compile'].changed"]);
    assert_eq!(test.steps[0].more().environment["BY"], "{{ tasks['app.compile'].state }}");
    assert_eq!(test.more().tags, ["build"]);
    assert_eq!(plan.tasks[2].steps[0].input["that"], json!(["tasks['app.compile'].changed", true]));
    assert_eq!((&*compile.needs, &*test.needs, &*ship.needs), (&[3][..], &[0][..], &[0, 1, 2][..]));
    assert_eq!(plan.inputs.files["shared/build.yaml"], BlobId::of(BUILD.as_bytes()));
}

#[test]
fn a_file_comes_in_twice_under_two_ids() {
    let plan = plan(
        &[("b.yaml", "- { id: one, run: 'echo {{ what }}' }\n")],
        "\
workflow: x
tasks:
  - { id: a, include: { file: b.yaml, vars: { what: 1 } } }
  - { id: b, needs: a, include: { file: ./b.yaml, vars: { what: 2 } } }
",
    );
    let commands: Vec<_> =
        plan.tasks.iter().map(|task| (task.id.as_str(), &task.steps[0].input["cmd"])).collect();
    assert_eq!(commands, [("a.one", &json!("echo 1")), ("b.one", &json!("echo 2"))]);
}

#[test]
fn without_an_id_tasks_keep_theirs() {
    let plan = plan(
        &[
            ("b.yaml", "- { id: one, run: x }\n"),
            ("c/d.yaml", "tasks: [ { include: e.yaml } ]\n"),
            ("c/e.yaml", "- { id: two, run: x }\n"),
        ],
        "workflow: x\ntasks:\n- include: b.yaml\n- { id: three, needs: [one, two], run: x }\nstages: [ { name: s, tasks: [ { include: c/d.yaml } ] } ]\n",
    );
    let ids: Vec<&str> = plan.tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(ids, ["one", "three", "two"]);
    assert_eq!(plan.tasks[2].stage, Some(0));
    assert_eq!(plan.inputs.files.keys().collect::<Vec<_>>(), ["b.yaml", "c/d.yaml", "c/e.yaml"]);
}

#[test]
fn included_steps_stand_in_the_task_with_parameters_and_keywords() {
    let file = "\
vars: { greeting: hello, name: nobody }
steps:
  - { id: greet, run: 'echo {{ greeting }} {{ name }}', register: said }
  - include: more.yaml
";
    let plan = plan(
        &[("parts/steps.yaml", file), ("parts/more.yaml", "- run: echo {{ said.stdout }} {{ name }}\n")],
        "\
workflow: x
tasks:
  - id: a
    steps:
      - { include: { file: parts/steps.yaml, vars: { name: you } }, when: ready is defined, tags: t }
      - include: parts/steps.yaml
      - run: echo {{ said.stdout }}
",
    );
    let steps = &plan.tasks[0].steps;
    let ids: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["greet", "run", "greet-2", "run-2", "run-3"]);
    let commands: Vec<_> = steps.iter().map(|step| step.input["cmd"].as_str().expect("a text")).collect();
    assert_eq!(
        commands,
        [
            "echo hello you",
            "echo {{ said.stdout }} {{ name }}",
            "echo hello nobody",
            "echo {{ said.stdout }} {{ name }}",
            "echo {{ said.stdout }}"
        ]
    );
    let names: Vec<_> = steps[..4].iter().map(|step| &step.more().vars["name"]).collect();
    assert_eq!(names, ["you", "you", "nobody", "nobody"]);
    assert_eq!(steps[1].more().when, ["ready is defined"]);
    assert_eq!(steps[0].more().tags, ["t"]);
    assert!(steps[2].more().when.is_empty());
}

#[test]
fn files_that_multiply_are_refused() {
    let line = |next: usize| format!("- include: f{next}.yaml\n").repeat(4);
    let files: Vec<(String, String)> = (0..12).map(|n| (format!("f{n}.yaml"), line(n + 1))).collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(n, t)| (n.as_str(), t.as_str())).chain([("f12.yaml", "- run: x\n")]).collect();
    let folder = folder(&files);
    let start = std::time::Instant::now();
    let refused = compile_in(
        folder.path(),
        "workflow: x\ntasks: [ { id: a, steps: [ { include: f0.yaml } ] } ]\n",
        &Request::default(),
    );
    let Err(Error::Document(problems)) = refused else { panic!("it is accepted") };
    assert!(problems.to_string().contains("includes too many files"), "{problems}");
    assert!(start.elapsed().as_secs() < 5);
}
