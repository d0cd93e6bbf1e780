//! The modules that only say something: `ping`, `debug`, `assert`, `fail`, `set_fact`.

use serde_json::json;
use windlass_gate::Error;

use crate::env::Env;

#[test]
fn ping_answers() {
    let env = Env::new();
    assert_eq!(
        env.ok("ping", json!({})).to_json(),
        json!({"changed": false, "failed": false, "ping": "pong"})
    );
    assert_eq!(env.ok("ansible.builtin.ping", json!({"data": "x"})).fields["ping"], "x");
    assert_eq!(env.error("ping", json!("data=crash")), "boom");
}

#[test]
fn debug_shows_a_message_or_a_value() {
    let env = Env::new();
    for (params, expected) in [
        (json!({}), json!({"msg": "Hello world!"})),
        (json!({"msg": "x"}), json!({"msg": "x"})),
        (json!("msg='two words'"), json!({"msg": "two words"})),
        (json!({"msg": ["a", 1]}), json!({"msg": ["a", 1]})),
        (json!({"var": {"expr": "a.b", "value": {"c": 1}}}), json!({"a.b": {"c": 1}})),
        (
            json!({"msg": "x", "verbosity": 2}),
            json!({"skipped": true, "skipped_reason": "Verbosity threshold not met."}),
        ),
    ] {
        let mut expected = expected;
        expected["changed"] = false.into();
        expected["failed"] = false.into();
        assert_eq!(env.ok("debug", params.clone()).to_json(), expected, "{params}");
    }
    assert!(env.error("debug", json!({"var": "a.b"})).contains("not evaluated"));
    assert!(matches!(env.run("debug", json!({"var": "a", "msg": "b"})), Err(Error::BadParams(_))));
}

#[test]
fn assert_names_the_first_condition_that_does_not_hold() {
    let env = Env::new();
    let that =
        json!([{"condition": "a == 1", "result": true}, {"condition": "b == 2", "result": false}, false]);
    let reply = env.ok("assert", json!({"that": that, "fail_msg": ["one", "two"]}));
    assert_eq!(
        reply.to_json(),
        json!({"changed": false, "failed": true, "msg": "one\ntwo", "assertion": "b == 2", "evaluated_to": false})
    );
    let reply = env.ok("assert", json!({"that": {"condition": "x", "result": true}, "success_msg": "fine"}));
    assert_eq!((reply.failed, reply.msg.as_deref()), (false, Some("fine")));
    assert_eq!(env.ok("assert", json!({"that": [true]})).msg.as_deref(), Some("All assertions passed"));
    assert_eq!(env.ok("assert", json!({"that": false})).msg.as_deref(), Some("Assertion failed"));
    assert!(env.error("assert", json!({"that": ["a == 1"]})).contains("not evaluated"));
}

#[test]
fn fail_fails() {
    let env = Env::new();
    let reply = env.ok("fail", json!({"msg": "no"}));
    assert_eq!((reply.failed, reply.msg.as_deref()), (true, Some("no")));
    assert_eq!(env.ok("fail", json!({})).msg.as_deref(), Some("Failed as requested from task"));
}

#[test]
fn set_fact_hands_on_variables() {
    let env = Env::new();
    let reply = env.ok("set_fact", json!({"a": {"b": [1]}, "c": "x", "cacheable": "yes"}));
    assert_eq!(serde_json::Value::from(reply.facts.clone()), json!({"a": {"b": [1]}, "c": "x"}));
    assert_eq!(reply.to_json()["ansible_facts"]["c"], "x");
    assert_eq!(reply.fields["_ansible_facts_cacheable"], true);
    assert_eq!(env.ok("set_fact", json!("a=1 b='x y'")).facts["b"], "x y");
    for wrong in [json!({}), json!({"cacheable": true}), json!({"1a": 1}), json!({"a-b": 1})] {
        assert!(matches!(env.run("set_fact", wrong), Err(Error::BadParams(_))));
    }
}
