//! Steps of modules in a run of the real engine: what one hands to the next, marks, the store.

use std::sync::Arc;

use serde_json::json;
use windlass_engine::{Compiled, Mode, RunOptions, Runtime, RuntimeBuilder};
use windlass_model::{BlobId, Draft, RunId, RunState, RunStatus, Step, StepId, TaskDraft, TaskId};

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
    Compiled { blobs, ..Compiled::new(draft.finish().unwrap(), world.root()) }
}

async fn run(runtime: &Runtime, compiled: Compiled) -> Arc<RunState> {
    let run = runtime.start(compiled, RunOptions::default()).unwrap();
    run.wait().await.unwrap().state
}

fn builder() -> RuntimeBuilder {
    let builder = windlass_fleet::actions(&crate::context::reach())
        .fold(Runtime::builder(), |builder, action| builder.action(action));
    builder.words(windlass_fleet::words())
}

fn runtime() -> Runtime {
    builder().build().unwrap()
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

/// A runtime over a store, whose driver dies once record `last` is written down.
fn cut_off(after: &Runtime, last: u64) -> Runtime {
    let store = after.store().clone().on_append(move |journal, run, mut records| {
        let over = records.last().is_some_and(|record| record.seq > last);
        records.retain(|record| record.seq <= last);
        let kept = journal.append(run, records)?;
        if over { journal.run(&RunId::new("nobody").unwrap()).map(|_| kept) } else { Ok(kept) }
    });
    builder().store(store).build().unwrap()
}

#[tokio::test]
async fn a_check_that_was_cut_off_and_is_resumed_foresees_the_same() {
    let world = World::new();
    let steps = [
        ("folder", "file: { path: d, state: directory }"),
        ("text", r#"copy: { dest: d/f, content: "one\n" }"#),
        ("more", "lineinfile: { path: d/f, line: two }"),
        ("again", "lineinfile: { path: d/f, line: two }"),
        ("seen", "stat: { path: d/f }"),
        ("fits", "assert: { that: [seen.stat.size == 8, more.changed, not again.changed] }"),
        ("gone", "file: { path: d, state: absent }"),
    ];
    let check = || RunOptions { mode: Mode { check: true, diff: false }, ..RunOptions::default() };
    let statuses = |state: &RunState| state.steps_on(0, 0).iter().map(|run| run.status()).collect::<Vec<_>>();
    let whole = runtime().start(plan(&world, &steps), check()).unwrap().wait().await.unwrap().state;
    assert_eq!(whole.status, RunStatus::Completed, "{:?}", whole.tasks);
    for last in 2..whole.seq {
        let runtime = runtime();
        let run = cut_off(&runtime, last).start(plan(&world, &steps), check()).unwrap();
        assert!(run.wait().await.is_err(), "cut off after record {last}");
        let again = runtime.resume(run.id(), RunOptions::default()).unwrap();
        let state = again.wait().await.unwrap().state;
        assert_eq!((state.status, statuses(&state)), (RunStatus::Completed, statuses(&whole)), "{last}");
    }
    assert!(!world.exists("d"), "a check makes nothing");
}
