//! Steps of modules in a run of the real engine: what one hands to the next, marks, the store.

use std::sync::Arc;

use serde_json::json;
use windlass_engine::{Compiled, RunOptions, Runtime};
use windlass_model::{BlobId, Draft, RunState, RunStatus, Step, StepId, TaskDraft, TaskId};

use crate::context::World;

/// A plan of one task with these steps: each an id, its text, and what it registers.
fn plan(world: &World, steps: &[(&str, &str)]) -> Compiled {
    let mut task = TaskDraft::new(TaskId::new("t").unwrap());
    let (mut draft, mut blobs) = (Draft::new("x", "workflow/dag"), std::collections::BTreeMap::new());
    for (id, text) in steps {
        let compiled = world.compile(text).unwrap();
        draft.inputs.files.extend(compiled.files);
        blobs.extend(compiled.blobs);
        let step = Step::new(StepId::new(id).unwrap(), compiled.step.action, compiled.step.input);
        task = task.step(step.with(|more| more.register = Some((*id).to_owned())));
    }
    draft.tasks.push(task);
    Compiled {
        plan: draft.finish().unwrap(),
        root: world.root().to_owned(),
        blobs,
        warnings: Vec::new(),
        unchecked: vec![],
    }
}

async fn run(runtime: &Runtime, compiled: Compiled) -> Arc<RunState> {
    let run = runtime.start(compiled, RunOptions::default()).unwrap();
    run.wait().await.unwrap().state
}

fn runtime() -> Runtime {
    let builder = windlass_fleet::actions(&crate::context::reach())
        .fold(Runtime::builder(), |builder, action| builder.action(action));
    builder.words(windlass_fleet::words()).build().unwrap()
}

#[tokio::test]
async fn results_go_from_step_to_step_and_files_come_from_the_store() {
    let world = World::new();
    world.write("t.j2", "{{ made.stdout }} {{ where }}\n").write("bin", b"\xff\x00");
    let compiled = plan(
        &world,
        &[
            ("made", "shell: echo $WINDLASS_STEP $WINDLASS_RUN"),
            ("fact", "set_fact: { where: '{{ made.rc }}' }"),
            ("text", "template: { src: t.j2, dest: out }"),
            ("bytes", "copy: { src: bin, dest: out.bin }"),
            ("sure", "assert: { that: [text.changed, made.rc == 0, where == 0] }"),
            ("seen", "debug: { var: text.changed }"),
        ],
    );
    let runtime = runtime();
    let run = runtime.start(compiled, RunOptions::default()).unwrap();
    // What the plan stands on is in the store by now.
    std::fs::remove_file(world.path("t.j2")).unwrap();
    std::fs::remove_file(world.path("bin")).unwrap();
    let state = run.wait().await.unwrap().state;
    assert_eq!(state.status, RunStatus::Completed, "{:?}", state.tasks);
    assert_eq!(world.read("out"), format!("t/made@localhost {} 0\n", run.id()));
    assert_eq!(std::fs::read(world.path("out.bin")).unwrap(), b"\xff\x00");
    let seen = state.steps_on(0, 0)[5].detail.clone().unwrap();
    assert_eq!(seen.result["text.changed"], json!(true));
}

#[tokio::test]
async fn a_failed_module_fails_its_task_with_its_own_error() {
    let world = World::new();
    let compiled = plan(&world, &[("bad", "shell: echo no >&2; exit 3"), ("never", "shell: touch never")]);
    let state = run(&runtime(), compiled).await;
    assert_eq!(state.status, RunStatus::Failed);
    let bad = state.steps_on(0, 0)[0].detail.clone().unwrap();
    assert_eq!(bad.error.as_ref().unwrap().message, "command exited with 3");
    assert_eq!(bad.result["stderr"], "no");
    assert!(!world.exists("never"));
}

#[tokio::test]
async fn long_output_is_in_the_runs_store() {
    let world = World::new();
    let compiled = plan(&world, &[("long", "shell: head -c 2000000 /dev/zero | tr '\\0' x")]);
    let runtime = runtime();
    let state = run(&runtime, compiled).await;
    let result = state.steps_on(0, 0)[0].detail.clone().unwrap().result.clone();
    let id = BlobId::new(result["stdout_blob"].as_str().unwrap()).unwrap();
    assert_eq!(runtime.store().blobs().get(&id).unwrap().len(), 2_000_000);
}
