//! Modules that only compute: `debug`, `assert`, `fail`, `set_fact`, `ping`.

use serde_json::json;
use windlass_model::Code;

use crate::context::World;

fn world() -> World {
    World::new().vars(json!({"name": "web", "port": 80, "list": [1, 2], "map": {"a": {"b": true}}}))
}

#[tokio::test]
async fn debug_shows_a_message_or_the_value_of_an_expression() {
    for (text, field, value) in [
        ("debug: { msg: '{{ name }}:{{ port }}' }", "msg", json!("web:80")),
        ("debug: { msg: '{{ list }}' }", "msg", json!([1, 2])),
        ("debug: msg=hello", "msg", json!("hello")),
        ("debug:", "msg", json!("Hello world!")),
        ("debug: { var: port }", "port", json!(80)),
        ("debug: { var: map.a }", "map.a", json!({"b": true})),
        ("debug: { var: '{{ list }}' }", "list", json!([1, 2])),
        ("debug: { var: list | length }", "list | length", json!(2)),
        ("debug: { var: nothing }", "nothing", json!("VARIABLE IS NOT DEFINED!")),
        ("ansible.builtin.debug: { var: map.z }", "map.z", json!("VARIABLE IS NOT DEFINED!")),
    ] {
        let output = world().run(text).await.unwrap();
        assert!(!output.changed && !output.failed, "{text}");
        assert_eq!(output.result[field], value, "{text}");
    }
}

#[tokio::test]
async fn an_assertion_that_holds_says_so() {
    for text in [
        "assert: { that: port == 80 }",
        "assert: { that: [port == 80, 'map.a.b', \"name in ['web', 'db']\"] }",
        "assert: { that: ['{{ port == 80 }}', true] }",
        "assert: { that: 'name == \"{{ name }}\"' }",
        "assert: { that: [] }",
    ] {
        let output = world().run(text).await.unwrap();
        assert!(!output.failed && !output.changed, "{text}: {output:?}");
        assert_eq!(output.result["msg"], "All assertions passed", "{text}");
    }
}

#[tokio::test]
async fn an_assertion_that_does_not_hold_fails_as_ansible_says_it() {
    let output = world().run("assert: { that: [port == 80, port > 100, nothing.at.all] }").await.unwrap();
    let error = output.error.unwrap();
    assert_eq!((error.code, error.message.as_str()), (Code::AssertionFailed, "Assertion failed"));
    assert!(error.hint.unwrap().contains("port > 100"));
    assert_eq!(output.result["msg"], "Assertion failed");
    assert_eq!(output.result["assertion"], "port > 100");
    assert_eq!(output.result["evaluated_to"], false);
    assert!(output.failed);
}

#[tokio::test]
async fn an_assertion_has_messages_of_its_own() {
    let output = world().run("assert: { that: port == 1, fail_msg: 'not {{ port }}' }").await.unwrap();
    assert_eq!(output.error.unwrap().message, "not 80");
    let output = world().run("assert: { that: port == 80, success_msg: fine }").await.unwrap();
    assert_eq!(output.result["msg"], "fine");
}

#[tokio::test]
async fn a_condition_over_what_is_not_there_is_a_failure_with_its_text() {
    let output = world().run("assert: { that: portt == 80 }").await.unwrap();
    let error = output.error.unwrap();
    assert_eq!(error.code, Code::ExpressionFailed);
    assert!(error.message.contains("portt == 80"), "{error}");
    assert!(error.permanent && output.failed);
    assert_eq!(output.result["msg"], error.message);
}

#[tokio::test]
async fn facts_are_in_the_result() {
    let output = world()
        .run("set_fact: { where: '{{ name }}-{{ port }}', ports: '{{ list }}', on: yes }")
        .await
        .unwrap();
    assert_eq!(output.result["ansible_facts"], json!({"where": "web-80", "ports": [1, 2], "on": "yes"}));
    assert!(!output.changed);
    let error = world().run("set_fact: { '{{ name }}-x': 1 }").await.unwrap().error.unwrap();
    assert_eq!((error.code, error.permanent), (Code::BadParams, true));
}

#[tokio::test]
async fn fail_and_ping() {
    let output = world().run("fail: { msg: 'no {{ name }}' }").await.unwrap();
    let error = output.error.unwrap();
    assert_eq!((error.code, error.message.as_str()), (Code::Refused, "no web"));
    assert!(output.failed);
    assert_eq!(world().run("fail:").await.unwrap().result["msg"], "Failed as requested from task");
    assert_eq!(world().run("ping:").await.unwrap().result["ping"], "pong");
}
