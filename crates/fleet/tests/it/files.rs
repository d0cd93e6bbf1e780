//! `copy`, `file`, `stat`: contents out of the store, folders, modes, check mode.

use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;
use windlass_model::Code;

use crate::context::World;

fn mode(world: &World, name: &str) -> u32 {
    std::fs::metadata(world.path(name)).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn a_file_is_copied_from_the_store() {
    let world = World::new();
    world.write("a.bin", b"\x00\xff");
    let step = "copy: { src: a.bin, dest: b.bin, mode: 0600 }";
    let compiled = world.compile(step).unwrap();
    assert_eq!(compiled.step.input["src_blob"], compiled.files["a.bin"].as_str());
    assert_eq!(compiled.step.input["mode"], "0600");
    let output = world.perform(&compiled).await.unwrap();
    assert!(output.changed && !output.failed, "{output:?}");
    assert_eq!(std::fs::read(world.path("b.bin")).unwrap(), b"\x00\xff");
    assert_eq!(mode(&world, "b.bin"), 0o600);
    assert_eq!(output.result["src"], world.path("a.bin").to_str().unwrap());
    assert!(!world.run(step).await.unwrap().changed);
}

#[tokio::test]
async fn a_folder_as_destination_keeps_the_files_name() {
    let world = World::new();
    world.write("dir/a.txt", "a");
    world.run("copy: { src: dir/a.txt, dest: out/ }").await.unwrap();
    assert_eq!(world.read("out/a.txt"), "a");
}

#[tokio::test]
async fn the_mode_of_the_source_is_preserved_as_it_was_when_planned() {
    let world = World::new();
    world.write("run.sh", "#!/bin/sh\n").write("plain", "");
    for (name, bits) in [("run.sh", 0o750), ("plain", 0o604)] {
        std::fs::set_permissions(world.path(name), PermissionsExt::from_mode(bits)).unwrap();
        let compiled =
            world.compile(&format!("copy: {{ src: {name}, dest: out-{name}, mode: preserve }}")).unwrap();
        world.perform(&compiled).await.unwrap();
        assert_eq!(mode(&world, &format!("out-{name}")), bits);
    }
}

#[tokio::test]
async fn content_is_rendered_as_a_parameter() {
    let world = World::new().vars(json!({"sha": "abc", "map": {"k": 1}}));
    world.run("copy: { content: 'sha {{ sha }}', dest: out }").await.unwrap();
    assert_eq!(world.read("out"), "sha abc");
    world.run("copy: { content: '{{ map }}', dest: out.json }").await.unwrap();
    let written: serde_json::Value = serde_json::from_str(&world.read("out.json")).unwrap();
    assert_eq!(written, json!({"k": 1}));
}

#[tokio::test]
async fn a_folder_is_a_manifest_in_the_plan_and_is_copied_whole() {
    for (src, top) in [("tree", "tree/"), ("tree/", "")] {
        let world = World::new();
        world.write("tree/a", "1").write("tree/sub/{{ b }}", "2").write("tree/sub/deep/c", "3");
        std::fs::create_dir(world.path("tree/empty")).unwrap();
        let step = format!("copy: {{ src: {src}, dest: out }}");
        let compiled = world.compile(&step).unwrap();
        assert_eq!(compiled.step.input["src_files"].as_array().unwrap().len(), 6);
        let output = world.perform(&compiled).await.unwrap();
        assert!(output.changed && !output.failed, "{output:?}");
        let expected = ["a", "empty", "sub", "sub/deep", "sub/deep/c", "sub/{{ b }}"];
        let found = world.tree(&format!("out/{top}"));
        assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        assert_eq!(world.read(&format!("out/{top}sub/{{{{ b }}}}")), "2");
        assert!(!world.run(&step).await.unwrap().changed, "{src}");
    }
}

#[tokio::test]
async fn links_in_a_folder_are_followed_or_kept() {
    let world = World::new();
    world.write("tree/a", "1");
    symlink("a", world.path("tree/link")).unwrap();
    symlink(".", world.path("tree/round")).unwrap();
    world.run("copy: { src: tree/, dest: followed }").await.unwrap();
    assert!(!world.path("followed/link").is_symlink() && world.read("followed/link") == "1");
    world.run("copy: { src: tree/, dest: kept, local_follow: no }").await.unwrap();
    assert_eq!(std::fs::read_link(world.path("kept/link")).unwrap().to_str(), Some("a"));
    assert!(!world.path("kept/a").is_symlink());
}

#[tokio::test]
async fn a_manifest_cannot_lead_out_of_its_folder() {
    let world = World::new();
    world.write("tree/a", "1");
    let mut compiled = world.compile("copy: { src: tree/, dest: out }").unwrap();
    for path in ["../evil", "/evil", "", "a/../../evil"] {
        compiled.step.input["src_files"][0]["path"] = path.into();
        let error = world.perform(&compiled).await.unwrap().error.unwrap();
        assert_eq!(error.code, Code::BadParams, "{path}");
    }
}

#[tokio::test]
async fn what_is_on_the_host_already_stays_a_path() {
    let world = World::new();
    world.write("there", "x");
    let compiled = world.compile("copy: { src: there, dest: out, remote_src: true }").unwrap();
    assert!(compiled.files.is_empty() && compiled.step.input.get("src_blob").is_none());
    assert!(world.perform(&compiled).await.unwrap().changed);
    assert_eq!(world.read("out"), "x");
}

#[tokio::test]
async fn a_source_whose_name_is_computed_is_read_when_it_runs() {
    let world = World::new().vars(json!({"item": "a"}));
    world.write("files/a", "1");
    world.run("copy: { src: 'files/{{ item }}', dest: out }").await.unwrap();
    assert_eq!(world.read("out"), "1");
}

#[tokio::test]
async fn check_mode_copies_nothing_and_shows_the_difference() {
    let world = World::new().check().diff();
    world.write("a", "new\n").write("b", "old\n");
    let output = world.run("copy: { src: a, dest: b }").await.unwrap();
    assert!(output.changed && world.read("b") == "old\n");
    assert_eq!(
        (&output.result["diff"]["before"], &output.result["diff"]["after"]),
        (&json!("old\n"), &json!("new\n"))
    );
}

#[tokio::test]
async fn what_the_system_refuses_is_a_failure_with_a_message_in_the_result() {
    let world = World::new();
    let output = world.run("copy: { src: none, dest: out, remote_src: true }").await.unwrap();
    let error = output.error.unwrap();
    assert_eq!((error.code, error.transient, error.permanent), (Code::HostIo, false, false));
    assert_eq!(output.result["msg"], error.message);
    assert!(output.failed && error.hint.is_some());
}

#[tokio::test]
async fn files_are_made_and_looked_at() {
    let world = World::new();
    assert!(world.run("file: { path: d/e, state: directory, mode: 0700 }").await.unwrap().changed);
    assert_eq!(mode(&world, "d/e"), 0o700);
    assert!(!world.run("file: { path: d/e, state: directory, mode: '0700' }").await.unwrap().changed);
    let output = world.run("stat: { path: d/e }").await.unwrap();
    assert_eq!((&output.result["stat"]["isdir"], output.changed), (&json!(true), false));
    assert!(world.run("file: { path: d, state: absent }").await.unwrap().changed && !world.exists("d"));
}

#[tokio::test]
async fn parameters_that_only_the_run_knows_are_checked_then() {
    let world = World::new().vars(json!({"state": "gone"}));
    let error = world.run("file: { path: x, state: '{{ state }}' }").await.unwrap().error.unwrap();
    assert_eq!((error.code, error.permanent), (Code::BadParams, true));
}
