//! The backend's part in the lifecycle.

use std::path::Path;

use windlass_engine::{Backend, BackendKey, CleanupStack, Error, Request};
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
fn what_another_backend_loaded_is_refused() {
    let foreign: windlass_engine::Loaded = Box::new(7);
    assert!(flow().validate(&foreign, &Request::default()).is_err());
}
