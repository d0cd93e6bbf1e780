//! What holds for every text.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value;
use windlass_model::Source;
use windlass_yaml::{Kind, Limits, Node, parse, parse_all};

use crate::{json, read};

/// Every value's place must lie in the text, on character boundaries.
fn check_places(node: &Node, text: &str) {
    let (start, end) = (node.span.start as usize, node.span.end as usize);
    assert!(text.get(start..end).is_some(), "{start}..{end} is no place in {text:?}");
    match &node.value {
        Kind::List(items) => items.iter().for_each(|item| check_places(item, text)),
        Kind::Map(entries) => entries.iter().for_each(|(key, value)| {
            assert!(key.as_str().is_some(), "a key is no text");
            check_places(key, text);
            check_places(value, text);
        }),
        _ => {}
    }
}

fn check(text: &str) {
    let source = Source::new("any.yaml", text);
    match parse(&source, &Limits::default()) {
        Ok(node) => check_places(&node, text),
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems.iter() {
                let place = problem.location.as_ref().expect("a problem has a place");
                assert!(text.get(place.span.start as usize..place.span.end as usize).is_some(), "{problem}");
            }
        }
    }
    let _ = parse_all(&source, &Limits::default());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has finite numbers only", |n| n.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z0-9 .:,#&*!|>'\"%@`{}\\[\\]\\\\\n\t-]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// Lines that real documents are made of, to be cut and shuffled.
fn yaml_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("key: value\n"),
        Just("- item\n"),
        Just("  nested:\n"),
        Just("    - a: {b: [c, 'd']}\n"),
        Just("&anchor "),
        Just("*anchor"),
        Just("<<: *anchor\n"),
        Just("text: |\n  some\n   lines\n"),
        Just("fold: >-\n  some\n\n  lines\n"),
        Just("\"quo\\u00e9ted\": 'it''s'\n"),
        Just("? complex\n: value\n"),
        Just("---\n"),
        Just("...\n"),
        Just("%YAML 1.2\n"),
        Just("!!str 12 "),
        Just("!tag "),
        Just("{{ x }}"),
        Just("\t"),
        Just("\r\n"),
        Just("# comment ü\n"),
        Just("\u{feff}"),
        Just("€: ü\n"),
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just(", "),
        Just(": "),
        Just("\""),
        Just("'"),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_near_document_is_read_or_refused(text in yaml_like()) {
        check(&text);
    }

    #[test]
    fn a_document_cut_anywhere_is_read_or_refused(text in yaml_like(), cut in any::<prop::sample::Index>()) {
        let at = cut.index(text.len() + 1);
        if let Some(front) = text.get(..at) {
            check(front);
        }
        if let Some(back) = text.get(at..) {
            check(back);
        }
    }

    #[test]
    fn json_keeps_its_value(value in any_json()) {
        prop_assert_eq!(json(&serde_json::to_string(&value).unwrap()), value.clone());
        prop_assert_eq!(json(&serde_json::to_string_pretty(&value).unwrap()), value);
    }

    #[test]
    fn plain_text_is_its_own_text(text in "[a-zA-Z][a-zA-Z0-9_ ]{0,20}[a-zA-Z0-9]") {
        let node = read(&format!("key: {text}\n")).unwrap();
        prop_assert_eq!(node.get("key").unwrap().text(), Some(text.as_str()));
    }
}
