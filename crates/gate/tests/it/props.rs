//! What holds for any text and any value that somebody could write as parameters.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use windlass_gate::{Args, all, find};

use crate::env::Env;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~é{%}'\"=\\\\]{0,12}".prop_map(Value::from),
        "[0-7ugoarwxXst=+,-]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..4)
                .prop_map(|map| Value::from(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Parameters of every module at once, so that each finds some of its own among them.
fn params() -> impl Strategy<Value = Value> {
    let names: Vec<&'static str> =
        all().flat_map(|module| module.spec().params.iter().map(|param| param.name)).collect();
    let name = prop_oneof![4 => prop::sample::select(names).prop_map(str::to_owned), 1 => "[a-z_]{1,6}"];
    prop::collection::btree_map(name, value(), 0..6)
        .prop_map(|map| map.into_iter().collect::<Map<_, _>>().into())
}

proptest! {
    #[test]
    fn parameters_are_taken_or_refused_and_lint_takes_what_check_takes(raw in prop_oneof![value(), params()]) {
        for spec in all().map(windlass_gate::Module::spec) {
            let checked = Args::check(spec, raw.clone());
            prop_assert!(checked.is_err() || spec.lint(raw.clone()).is_ok());
            let expanded = spec.expand(raw.clone()).map(Value::from);
            if let (Ok(args), Ok(expanded)) = (checked, expanded) {
                prop_assert_eq!(Ok(args), Args::check(spec, expanded));
            }
        }
    }

    #[test]
    fn quoted_words_arrive_as_they_are(words in prop::collection::vec("[^\0]{0,12}", 1..5)) {
        let quoted: Vec<String> = words.iter().map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect();
        let text = format!("printf '[%s]' {}", quoted.join(" "));
        let params = json!({"cmd": text, "expand_argument_vars": false, "strip_empty_ends": false});
        let expected: String = words.iter().map(|word| format!("[{word}]")).collect();
        let env = Env::new();
        for module in ["command", "shell"] {
            let mut params = params.clone();
            if module == "shell" {
                params.as_object_mut().unwrap().remove("expand_argument_vars");
            }
            prop_assert_eq!(&env.ok(module, params).fields["stdout"], &Value::from(expected.as_str()));
        }
    }

    #[test]
    fn free_form_text_without_options_stays_as_it_is(text in "[a-z '\"\\\\{}%=\n]{0,30}") {
        let spec = find("shell").unwrap().spec();
        let map = spec.expand(text.clone().into()).unwrap();
        if map.keys().all(|name| name == "_raw_params") {
            prop_assert_eq!(map.get("_raw_params").and_then(Value::as_str).unwrap_or_default(), text.trim());
        }
    }
}
