//! What canonical JSON is, value by value and beside sorted maps.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

#[derive(Serialize)]
struct Unsorted {
    zeta: u8,
    alpha: Value,
    #[serde(rename = "m\"")]
    middle: Option<Kind>,
    empty: Vec<u8>,
}

#[derive(Serialize)]
enum Kind {
    Word,
    Much { z: f64, a: i64 },
}

/// What `serde_json` makes of a value whose every object is a sorted map.
fn by_value(value: &impl Serialize) -> String {
    serde_json::to_value(value).expect("it has text keys only").to_string()
}

fn text(value: &impl Serialize) -> String {
    String::from_utf8(to_vec(value).expect("it has text keys only")).expect("JSON is UTF-8")
}

#[test]
fn every_kind_of_value_has_its_text() {
    #[derive(Serialize)]
    struct Unit;
    #[derive(Serialize)]
    struct New(i64);
    #[derive(Serialize)]
    struct Pair(u8, bool);
    #[derive(Serialize)]
    enum Any {
        New(f32),
        Two(char, ()),
    }
    let list = (Unit, New(-3), Pair(1, true), Any::New(0.5), Any::Two('\n', ()), Some("x"), None::<u8>);
    assert_eq!(text(&list), r#"[null,-3,[1,true],{"New":0.5},{"Two":["\n",null]},"x",null]"#);
    assert_eq!(text(&list), serde_json::to_string(&list).expect("it has text keys only"));
    let numbered = BTreeMap::from([(10, "a"), (9, "b")]);
    assert_eq!(text(&numbered), r#"{"10":"a","9":"b"}"#);
    let lettered = BTreeMap::from([('a', 1), ('\n', 2), ('"', 3)]);
    assert_eq!(text(&lettered), r#"{"\n":2,"\"":3,"a":1}"#);
    assert_eq!(text(&Vec::<u8>::new()), "[]");
    assert_eq!(text(&BTreeMap::<u8, u8>::new()), "{}");
    assert!(to_vec(&BTreeMap::from([(Some(()), 1)])).is_err());
    assert!(to_vec(&BTreeMap::from([(vec!["a"], 1)])).is_err());
}

#[test]
fn members_are_sorted_at_every_depth() {
    let value = Unsorted {
        zeta: 1,
        alpha: serde_json::json!({ "b": [{}, { "y": 1, "x": null }], "a b": "", "a": "\n", "a\"": 1.5 }),
        middle: Some(Kind::Much { z: 1e300, a: -1 }),
        empty: vec![],
    };
    assert_eq!(
        text(&value),
        r#"{"alpha":{"a":"\n","a b":"","a\"":1.5,"b":[{},{"x":null,"y":1}]},"empty":[],"m\"":{"Much":{"a":-1,"z":1e+300}},"zeta":1}"#
    );
    assert_eq!(text(&value), by_value(&value));
    assert_eq!(text(&[Some(Kind::Word), None]), r#"["Word",null]"#);
}

proptest! {
    #[test]
    fn it_is_what_sorted_maps_give(pairs in proptest::collection::vec(("\\PC{0,3}|[\"\n\\\\a ]{0,3}", any::<f64>()), 0..8)) {
        // A map in any order, as serde takes it from an iterator.
        struct Loose<'a>(&'a [(String, f64)]);
        impl Serialize for Loose<'_> {
            fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
                to.collect_map(self.0.iter().map(|(name, number)| (name, number)))
            }
        }
        let mut pairs = pairs;
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|a, b| a.0 == b.0);
        pairs.reverse();
        prop_assert_eq!(text(&Loose(&pairs)), by_value(&Loose(&pairs)));
    }
}
