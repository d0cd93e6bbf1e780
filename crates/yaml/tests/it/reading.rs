//! What sound documents mean.

use serde_json::json as j;
use windlass_yaml::{Kind, Limits, Node, Style, parse_all};

use crate::{json, read, source};

#[test]
fn documents_mean_what_yaml_says() {
    for (text, want) in [
        ("", j!(null)),
        ("# only a comment\n", j!(null)),
        ("---\n", j!(null)),
        ("a", j!("a")),
        ("a: 1\nb: [x, 2.5, ~, yes, true]\n", j!({"a": 1, "b": ["x", 2.5, null, "yes", true]})),
        ("a:\n- 1\n- b: 2\n  c: 3\n", j!({"a": [1, {"b": 2, "c": 3}]})),
        ("mode: 0644\noctal: 0o644\nquoted: \"1\"\n", j!({"mode": "0644", "octal": 420, "quoted": "1"})),
        ("a: |\n  x\n   y\n\nb: >-\n  x\n  y\n", j!({"a": "x\n y\n", "b": "x y"})),
        ("a: 'it''s'\nb: \"\\u00e9\\n\"\n", j!({"a": "it's", "b": "é\n"})),
        ("{a: {b: }, c: [], \"d\":1}", j!({"a": {"b": null}, "c": [], "d": 1})),
        (
            "a: !!str 12\nb: !!int \"12\"\nc: !!float 1\nd: ! 12\n",
            j!({"a": "12", "b": 12, "c": 1.0, "d": "12"}),
        ),
        (
            "a: b:c\nurl: http://x:80/y#z\ntime: 12:30\n",
            j!({"a": "b:c", "url": "http://x:80/y#z", "time": "12:30"}),
        ),
        ("a: .inf\nb: -.inf\nc: .nan\n", j!({"a": ".inf", "b": "-.inf", "c": ".nan"})),
        ("a: 18446744073709551615\n", j!({"a": 18446744073709551615u64})),
        ("1: a\ntrue: b\n~: c\n1.10: d\n", j!({"1": "a", "true": "b", "~": "c", "1.10": "d"})),
        ("? a\n: b\n", j!({"a": "b"})),
        ("? a\n", j!({"a": null})),
        ("'': x\n", j!({"": "x"})),
        ("a: 1\r\nb:\r\n  - c\r\n", j!({"a": 1, "b": ["c"]})),
        ("%YAML 1.2\n---\na: 1\n...\n", j!({"a": 1})),
        ("[a: 1, b]", j!([{"a": 1}, "b"])),
    ] {
        assert_eq!(json(text), want, "{text:?}");
    }
}

#[test]
fn anchors_and_merge_keys_are_expanded() {
    for (text, want) in [
        ("a: &x [1]\nb: *x\nc: [*x, *x]\n", j!({"a": [1], "b": [1], "c": [[1], [1]]})),
        ("a: &x 1\nb: &x 2\nc: *x\n", j!({"a": 1, "b": 2, "c": 2})),
        ("&k a: 1\nb: *k\n", j!({"a": 1, "b": "a"})),
        ("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\n", j!({"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}})),
        (
            "x: &x {a: 1}\nz: &z {a: 2, c: 3}\ny: {<<: [*x, *z]}\n",
            j!({"x": {"a": 1}, "z": {"a": 2, "c": 3}, "y": {"a": 1, "c": 3}}),
        ),
        ("y:\n  <<: {a: 1}\n  b: 2\n", j!({"y": {"a": 1, "b": 2}})),
        (
            "x: &x {a: 1}\ny: &y {<<: *x, b: 2}\nz: {<<: *y}\n",
            j!({"x": {"a": 1}, "y": {"a": 1, "b": 2}, "z": {"a": 1, "b": 2}}),
        ),
        ("\"<<\": 1\n", j!({"<<": 1})),
        ("{\"<<\": {\"a\": 1}}", j!({"<<": {"a": 1}})),
    ] {
        assert_eq!(json(text), want, "{text:?}");
    }
}

#[test]
fn anchors_end_with_their_document() {
    let all = |text: &str| parse_all(&source(text), &Limits::default());
    let documents = all("a: &x 1\n---\nb: 2\n---\n").unwrap();
    let values: Vec<_> = documents.iter().map(Node::to_json).collect();
    assert_eq!(values, [j!({"a": 1}), j!({"b": 2}), j!(null)]);
    assert!(all("a: &x 1\n---\nb: *x\n").unwrap_err().to_string().contains("WL0115"));
    assert!(all("").unwrap().is_empty());
}

#[test]
fn scalars_remember_how_they_were_written() {
    let node = read("a: 1.10\nb: 'x'\nc: |\n  x\nd: yes\ne: 0x1F\nf: ~\n").unwrap();
    let style = |key: &str| node.get(key).unwrap().style;
    let text = |key: &str| node.get(key).unwrap().text();
    assert_eq!(["a", "b", "c"].map(style), [Style::Plain, Style::Quoted, Style::Block]);
    assert_eq!(["a", "d", "e", "f"].map(text), [Some("1.10"), Some("yes"), Some("0x1F"), None]);
    assert_eq!(node.get("e").unwrap().value, Kind::Int(31));
}

/// The text that a node's place covers.
fn covered<'t>(node: &Node, text: &'t str) -> &'t str {
    &text[node.span.start as usize..node.span.end as usize]
}

#[test]
fn places_cover_what_was_written() {
    for text in [
        "ä: {b: ü1, \"c\": [x, 'y']}\nlist:\n  - one\n  - k: v # c\n    l: w\nlast: end\n",
        "\u{feff}ä: {b: ü1, \"c\": [x, 'y']}\r\nlist:\r\n  - one\r\n  - k: v # c\r\n    l: w\r\nlast: end\r\n",
    ] {
        let node = read(text).unwrap();
        let first = node.get("ä").unwrap();
        assert_eq!(covered(first, text), "{b: ü1, \"c\": [x, 'y']}");
        assert_eq!(covered(first.get("b").unwrap(), text), "ü1");
        assert_eq!(covered(first.get("c").unwrap(), text), "[x, 'y']");
        assert_eq!(covered(&first.get("c").unwrap().as_list().unwrap()[1], text), "'y'");
        let list = node.get("list").unwrap();
        assert!(
            covered(list, text).starts_with("- one") && covered(list, text).ends_with("l: w"),
            "{text:?}"
        );
        let second = covered(&list.as_list().unwrap()[1], text);
        assert!(second.starts_with("k: v") && second.ends_with("l: w"), "{second:?}");
        assert_eq!(covered(&node.as_map().unwrap()[2].0, text), "last");
        assert_eq!(covered(node.get("last").unwrap(), text), "end");
    }
}

#[test]
fn places_in_json_cover_what_was_written() {
    let text = "{\"ä\": [1, {\"b\": \"\\ud83d\\ude00\"}], \"c\" : null }";
    let node = read(text).unwrap();
    assert_eq!(covered(&node, text), text);
    let list = node.get("ä").unwrap();
    assert_eq!(covered(list, text), "[1, {\"b\": \"\\ud83d\\ude00\"}]");
    let inner = list.as_list().unwrap()[1].get("b").unwrap();
    assert_eq!((covered(inner, text), inner.as_str()), ("\"\\ud83d\\ude00\"", Some("😀")));
    assert_eq!(covered(node.get("c").unwrap(), text), "null");
}

#[test]
fn an_absent_value_has_a_place_without_width_after_its_key() {
    let text = "a:\nb: 1\nc:\n";
    let node = read(text).unwrap();
    for (key, line) in [("a", 1), ("c", 3)] {
        let value = node.get(key).unwrap();
        assert_eq!(covered(value, text), "");
        assert_eq!(value.location(&source(text)).line_column(), (line, 2), "{key}");
    }
}

#[test]
fn a_list_at_its_keys_column_ends_with_its_last_element() {
    let text = "a:\n- 1\n- x y\nb: 1\n";
    let node = read(text).unwrap();
    assert_eq!(covered(node.get("a").unwrap(), text), "- 1\n- x y");
}
