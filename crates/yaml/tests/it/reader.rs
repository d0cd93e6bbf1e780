//! A typed reading finds every problem in one go.

use std::time::Duration;

use windlass_model::Diagnostics;
use windlass_yaml::{Map, Reader};

use crate::{read, source};

/// Reads `text` as a mapping; returns what `f` makes of it and all problems.
fn reading<T>(text: &str, f: impl FnOnce(&mut Map<'_, '_>) -> T) -> (T, Diagnostics) {
    let source = source(text);
    let node = read(text).expect("a sound text");
    let reader = Reader::new(&source);
    let mut map = reader.map(&node).expect("a mapping");
    let value = f(&mut map);
    map.finish();
    let problems = reader.into_result(()).err().unwrap_or_default();
    (value, problems)
}

fn clean<T>(text: &str, f: impl FnOnce(&mut Map<'_, '_>) -> T) -> T {
    let (value, problems) = reading(text, f);
    assert!(problems.is_empty(), "{text:?}: {problems}");
    value
}

fn wrong<T>(text: &str, f: impl FnOnce(&mut Map<'_, '_>) -> Option<T>) -> String {
    let (value, problems) = reading(text, f);
    assert!(value.is_none(), "{text:?} was accepted");
    problems.to_string()
}

#[test]
fn texts_are_as_written() {
    for (text, want) in
        [("a: x", "x"), ("a: 1.10", "1.10"), ("a: yes", "yes"), ("a: true", "true"), ("a: 007", "007")]
    {
        assert_eq!(clean(text, |map| map.text("a")).unwrap().value, want);
    }
    let place = clean("a: xy", |map| map.text("a")).unwrap().span;
    assert_eq!((place.start, place.end), (3, 5));
}

#[test]
fn booleans_have_six_words() {
    for (text, want) in [
        ("a: true", true),
        ("a: yes", true),
        ("a: On", true),
        ("a: 'yes'", true),
        ("a: FALSE", false),
        ("a: no", false),
        ("a: off", false),
    ] {
        assert_eq!(clean(text, |map| map.bool("a")).unwrap().value, want, "{text}");
    }
}

#[test]
fn values_of_each_type_are_read() {
    let text = "{i: 3, q: '4', f: 2, d: 1h30m, s: 5, s2: 1.5, s3: 250ms, m: 2.50, z: 64KiB, c: eager, l: [1], p: {x: 1}}";
    clean(text, |map| {
        assert_eq!(map.int_in("i", 1..).unwrap().value, 3);
        assert_eq!(map.int("q").unwrap().value, 4);
        assert_eq!(map.float("f").unwrap().value, 2.0);
        assert_eq!(map.duration("d").unwrap().value, Duration::from_secs(5400));
        assert_eq!(map.seconds("s").unwrap().value, Duration::from_secs(5));
        assert_eq!(map.seconds("s2").unwrap().value, Duration::from_millis(1500));
        assert_eq!(map.seconds("s3").unwrap().value, Duration::from_millis(250));
        assert_eq!(map.money("m").unwrap().value, 2_500_000_000);
        assert_eq!(map.size("z").unwrap().value, 65_536);
        assert_eq!(map.choice("c", &[("eager", 1), ("batched", 2)]).unwrap().value, 1);
        assert_eq!(map.list("l").unwrap().len(), 1);
        assert_eq!(map.pairs("p").unwrap().len(), 1);
    });
}

#[test]
fn one_text_or_many() {
    for (text, want) in [("a: x", vec!["x"]), ("a: [x, 1.10]", vec!["x", "1.10"]), ("a: []", vec![])] {
        let texts = clean(text, |map| map.texts("a")).unwrap();
        assert_eq!(texts.iter().map(|text| text.as_str()).collect::<Vec<_>>(), want);
    }
}

#[test]
fn a_key_without_a_value_is_not_given() {
    clean("a:\nb: ~\n", |map| {
        assert!(map.text("a").is_none() && map.list("b").is_none() && !map.has("a"));
    });
}

#[test]
fn wrong_values_say_what_is_expected_and_found() {
    let choices = [("eager", 1), ("batched", 2)];
    for (found, want) in [
        (wrong("a: [1]", |m| m.text("a")), "1:4: `a`: expected a text, found a list [WL0106]"),
        (wrong("a: [[]]", |m| m.texts("a")), "1:5: `a`: expected a text, found a list [WL0106]"),
        (
            wrong("a: {b: 1}", |m| m.texts("a")),
            "expected a text or a list of texts, found a mapping [WL0106]",
        ),
        (
            wrong("a: maybe", |m| m.bool("a")),
            "expected a boolean, found the text `maybe` [WL0106] (write true or false)",
        ),
        (wrong("a: 1", |m| m.bool("a")), "expected a boolean, found the whole number `1` [WL0106]"),
        (wrong("a: x", |m| m.int("a")), "expected a whole number, found the text `x` [WL0106]"),
        (
            wrong("a: 1.5", |m| m.int_in("a", 1..)),
            "expected a whole number of at least 1, found the number `1.5` [WL0106]",
        ),
        (wrong("a: 0", |m| m.int_in("a", 1..)), "expected a whole number of at least 1, found 0 [WL0109]"),
        (wrong("a: 9", |m| m.int_in("a", 1..9)), "expected a whole number from 1 to 8, found 9 [WL0109]"),
        (wrong("a: .nan", |m| m.float("a")), "expected a finite number, found the number `.nan` [WL0109]"),
        (wrong("a: [5m]", |m| m.duration("a")), "expected a duration like 30s or 5m, found a list [WL0106]"),
        (wrong("a: 30", |m| m.duration("a")), "`30` has no unit [WL0108] (write the unit: 30s or 30ms)"),
        (wrong("a: 5min", |m| m.duration("a")), "`min` is not a unit of time [WL0108]"),
        (wrong("a: -5", |m| m.seconds("a")), "negative or too long [WL0108]"),
        (wrong("a: -1", |m| m.money("a")), "the amount `-1` is negative [WL0112]"),
        (wrong("a: 1e3", |m| m.money("a")), "`1e3` is not an amount of money [WL0112]"),
        (wrong("a: 5 pigs", |m| m.size("a")), "`pigs` is not a unit of size [WL0109]"),
        (
            wrong("a: eagre", |m| m.choice("a", &choices)),
            "expected one of `eager`, `batched`, found `eagre` [WL0109] (did you mean `eager`?)",
        ),
        (wrong("a: x", |m| m.list("a").map(|_| ())), "expected a list, found the text `x` [WL0106]"),
        (wrong("a: x", |m| m.pairs("a").map(|_| ())), "expected a mapping, found the text `x` [WL0106]"),
        (
            wrong("a: [{b: 1}]", |m| m.map("a").map(|_| ())),
            "found a list [WL0106] (write `key: value` lines without the dashes)",
        ),
        (
            wrong("a: b:1", |m| m.map("a").map(|_| ())),
            "found the text `b:1` [WL0106] (put a space after the colon",
        ),
    ] {
        assert!(found.contains(want), "{found}\n  lacks {want}");
    }
}

#[test]
fn every_problem_of_a_document_is_found() {
    let text = "\
workflow: [x]
timout: 5m
policy:
  strategy: fast
  retry: {max_attempts: 0}
  timeout: 30
tasks:
  - id: a
    rnu: x
  - run: y
";
    let source = source(text);
    let node = read(text).unwrap();
    let reader = Reader::new(&source);
    let mut map = reader.map(&node).unwrap();
    map.text("workflow");
    map.duration("timeout");
    if let Some(mut policy) = map.map("policy") {
        policy.choice("strategy", &[("eager", 0), ("batched", 1)]);
        policy.duration("timeout");
        if let Some(mut retry) = policy.map("retry") {
            retry.int_in("max_attempts", 1..);
            retry.finish();
        }
        policy.finish();
    }
    for task in map.list("tasks").unwrap().value {
        let mut task = reader.map(task).unwrap();
        task.required("id");
        task.text("id");
        task.text("run");
        task.finish();
    }
    map.finish();
    let found = reader.into_result(()).unwrap_err();
    let lines: Vec<usize> = found.iter().map(|p| p.location.as_ref().unwrap().line_column().0).collect();
    assert_eq!(lines, [1, 2, 4, 5, 6, 9, 10], "{found}");
    assert!(found.to_string().contains(
        "test.yaml:2:1: unknown key `timout` [WL0105] (did you mean `timeout`? known keys: `policy`, `tasks`, `timeout`, `workflow`)"
    ), "{found}");
    assert!(found.to_string().contains("test.yaml:10:5: the key `id` is missing [WL0107]"), "{found}");
}

#[test]
fn keys_can_exclude_each_other() {
    let pick = |text: &str| {
        reading(text, |map| {
            let picked = map.one_of(&["run", "prompt"]).map(str::to_owned);
            map.rest();
            picked
        })
    };
    assert_eq!(pick("prompt: x").0.as_deref(), Some("prompt"));
    let (picked, problems) = pick("prompt: x\nrun: y\n");
    assert_eq!(picked, None);
    assert!(problems.to_string().contains("`prompt` cannot stand beside `run` [WL0114]"), "{problems}");
    let (_, problems) = pick("x: 1");
    assert!(
        problems.to_string().contains("one of the keys `run`, `prompt` is missing [WL0107]"),
        "{problems}"
    );
    let (none, problems) = reading("{}", |map| map.exclusive(&["run", "prompt"]).map(str::to_owned));
    assert!(none.is_none() && problems.is_empty());
}

#[test]
fn what_is_left_can_be_taken_or_suggested() {
    let text = "name: x\ncopy: {}\nwhen: y\n";
    let (rest, problems) = reading(text, |map| {
        map.text("name");
        map.rest().iter().map(|(key, _)| key.as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    });
    assert_eq!(rest, ["copy", "when"]);
    assert!(problems.is_empty());

    let source = source("cpoy: {}\n");
    let node = read("cpoy: {}\n").unwrap();
    let reader = Reader::new(&source);
    reader.map(&node).unwrap().finish_with(&["copy", "file"]);
    let problems = reader.into_problems().to_string();
    assert!(problems.contains("did you mean `copy`? known keys: `copy`, `file`"), "{problems}");
}

#[test]
fn a_mapping_of_strangers_is_not_reported_without_end() {
    let text: String = (0..1000).map(|n| format!("k{n}: 1\n")).collect();
    let (_, problems) = reading(&text, |_| ());
    assert_eq!(problems.len(), 11);
    assert!(problems.to_string().contains("990 more unknown keys follow"), "{problems}");
}

#[test]
fn two_mappings_can_be_read_at_once() {
    let text = "a: {x: 1}\nb: {y: 2}\n";
    clean(text, |map| {
        let (mut a, mut b) = (map.map("a").unwrap(), map.map("b").unwrap());
        assert_eq!((a.int("x").unwrap().value, b.int("y").unwrap().value), (1, 2));
        a.finish();
        b.finish();
    });
}
