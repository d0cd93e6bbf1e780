//! Templates in JSON trees, and what rendering leaves out.

use serde_json::json;
use windlass_expr::{ErrorKind, OMIT, Scope, is_omitted, render_tree};

#[test]
fn every_string_is_rendered_and_keys_stay() {
    let scope = Scope::from_json(&json!({ "n": 3, "list": [1, 2] }));
    let tree = json!({
        "{{ n }}": "{{ n }}",
        "text": "n={{ n }}",
        "deep": [{ "x": "{{ list }}" }, "plain", 1, null, true],
    });
    let expected = json!({
        "{{ n }}": 3,
        "text": "n=3",
        "deep": [{ "x": [1, 2] }, "plain", 1, null, true],
    });
    assert_eq!(render_tree(&tree, &scope).unwrap(), expected);
}

#[test]
fn what_is_omitted_is_left_out() {
    let scope = Scope::from_json(&json!({ "owner": "root" }));
    let tree = json!({
        "mode": "{{ mode | default(omit) }}",
        "owner": "{{ owner | default(omit) }}",
        "list": ["a", "{{ missing.x | default(omit) }}"],
    });
    assert_eq!(render_tree(&tree, &scope).unwrap(), json!({ "owner": "root", "list": ["a"] }));
    assert!(is_omitted(&json!(OMIT)) && !is_omitted(&json!("x")));
}

#[test]
fn errors_say_where() {
    let scope = Scope::from_json(&json!({}));
    let cases = [
        (json!({ "a": { "b": ["x", "{{ missing }}"] } }), "a.b[1]", "a.b[1]: `missing` is undefined"),
        (json!("{{ missing }}"), "", "`missing` is undefined"),
        (json!(["{{ 1 / 0 }}"]), "[0]", "[0]: `/` by zero"),
    ];
    for (tree, path, shown) in cases {
        let error = render_tree(&tree, &scope).unwrap_err();
        assert_eq!((error.path.as_deref(), error.to_string().as_str()), (Some(path), shown));
    }
    let error = render_tree(&json!(["{{ n is }}"]), &scope).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Syntax);
}
