//! The backend's part in the lifecycle.

use std::path::Path;
use std::sync::Arc;

use windlass_engine::{Backend, BackendKey, CleanupStack, Document, Error, Lifecycle, Request, Runtime};
use windlass_flow::BACKEND;
use windlass_model::Source;

use crate::setup::flow;

#[test]
fn it_is_found_by_its_key_and_by_the_look_of_a_document() {
    assert_eq!(flow().key(), BackendKey::new("workflow", "dag"));
    assert_eq!(flow().key().to_string(), BACKEND);
    for (text, is_one) in [
        ("workflow: x\n", true),
        ("# a comment\n\ntasks:\n- id: a\n", true),
        ("\u{feff}{\"workflow\": \"x\"}", true),
        ("stages: []", true),
        ("- hosts: all\n  tasks: []\n", false),
        ("services: {}\n", false),
        ("", false),
    ] {
        assert_eq!(flow().recognises(&Source::new("x", text)), is_one, "{text}");
    }
}

#[test]
fn phases_end_in_one_plan_and_problems_come_all_at_once() {
    let (flow, request, root) = (flow(), Request::default(), Path::new("/nonexistent"));
    let load = |text: &str| flow.load(&Source::new("flow.yaml", text), root, &request);
    let mut loaded = load("workflow: x\ntasks: [ { id: a, run: b } ]\n").expect("it loads");
    flow.validate(&loaded, &request).expect("it is good");
    flow.prepare(&mut loaded, &request, &CleanupStack::default()).expect("there is nothing to prepare");
    let compiled = flow.plan(&loaded, &request).expect("it has a plan");
    assert_eq!(compiled.plan.tasks[0].id.as_str(), "a");
    assert_eq!(compiled.root, root);

    let loaded =
        load("workflow: x\nfoo: 1\ntasks: [ { id: a, needs: b, run: '{{ c }}' } ]\n").expect("it is YAML");
    let Err(Error::Document(problems)) = flow.validate(&loaded, &request) else { panic!("it is accepted") };
    assert_eq!(problems.len(), 3, "{problems}");
    assert!(matches!(load("workflow: [\n"), Err(Error::Document(_))));
}

#[test]
fn a_secret_that_is_not_there_ends_the_validation_of_a_run_and_of_no_plan() {
    let runtime = Runtime::builder().backend(Arc::new(flow())).build().expect("it is whole");
    let validated = |dry_run: bool, env: &[(&str, &str)]| {
        let text = "workflow: x\nsecrets: { a: { env: A }, b: { file: b }, c: { command: touch asked } }\ntasks: [ { id: a, run: b } ]\n";
        let document = Document::Text { source: Source::new("flow.yaml", text), root: "/nonexistent".into() };
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let request = Request { document: Some(document), dry_run, env, ..Request::default() };
        Lifecycle::new(&runtime, request).load()?.resolve()?.validate().map(drop)
    };
    let told = validated(false, &[]).expect_err("nothing is there").to_string();
    assert!(told.starts_with("validate[workflow/dag]: ") && told.contains("A is not set"), "{told}");
    assert!(told.contains("/nonexistent/b"), "all of them are told: {told}");
    assert!(
        !validated(false, &[("A", "x")]).expect_err("the file is missing").to_string().contains("A is not")
    );
    validated(true, &[]).expect("a plan needs none");
}

#[test]
fn what_another_backend_loaded_is_refused() {
    let foreign: windlass_engine::Loaded = Box::new(7);
    assert!(flow().validate(&foreign, &Request::default()).is_err());
}
