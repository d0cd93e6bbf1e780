//! The schema of documents, and the examples that stand by it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use windlass_engine::{Backend, Request};
use windlass_model::{Code, Source};

use crate::setup::{compile, flow};

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let entries =
        fs::read_dir(folder).expect("there are examples").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect()
}

fn schema() -> Value {
    flow().query("workflow.schema", &Value::Null).expect("it knows its schema")
}

/// What of a value does not fit a schema; as much of JSON Schema as ours uses.
fn misfit(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let target =
            root.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} leads nowhere"));
        return misfit(root, target, value);
    }
    let fits = |schema: &&Value| misfit(root, schema, value).is_none();
    let members = |key: &str| schema[key].as_array().into_iter().flatten();
    let any = || schema["anyOf"].is_array() && !members("anyOf").any(|schema| fits(&schema));
    let one = || schema["oneOf"].is_array() && members("oneOf").filter(fits).count() != 1;
    let kind = || !schema["type"].is_null() && !has_type(&schema["type"], value);
    let choice = || schema["enum"].is_array() && !members("enum").any(|word| word == value);
    let bounds = || value.as_f64() < schema["minimum"].as_f64() && schema["minimum"].is_number();
    let count = value.as_object().map_or(0, Map::len) as u64;
    let size = || {
        schema["minProperties"].as_u64() > Some(count)
            || schema["maxProperties"].as_u64() < Some(count) && schema["maxProperties"].is_u64()
    };
    if schema == &Value::Bool(false)
        || any()
        || one()
        || kind()
        || choice()
        || bounds()
        || value.is_object() && size()
    {
        return Some(value.to_string());
    }
    if let Some(bad) = members("allOf").find_map(|schema| misfit(root, schema, value)) {
        return Some(bad);
    }
    match value {
        Value::Array(items) => items.iter().find_map(|item| misfit(root, &schema["items"], item)),
        Value::Object(map) => misfit_of_map(root, schema, map),
        _ => None,
    }
}

fn misfit_of_map(root: &Value, schema: &Value, map: &Map<String, Value>) -> Option<String> {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.into_iter().find(|key| !map.contains_key(*key)) {
        return Some(format!("{missing} is missing"));
    }
    map.iter().find_map(|(key, value)| {
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(property), _) => misfit(root, property, value),
            (None, Value::Bool(false)) => Some(format!("{key} is not known")),
            (None, other) => misfit(root, other, value),
        }
    })
}

fn has_type(kinds: &Value, value: &Value) -> bool {
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    };
    match kinds {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).any(is),
        kind => kind.as_str().is_some_and(is),
    }
}

fn json_of(text: &str) -> Value {
    let source = Source::new("x.yaml", text);
    windlass_yaml::parse(&source, &windlass_yaml::Limits::default()).expect("good YAML").to_json()
}

#[test]
fn the_examples_fit_the_schema_and_have_one_plan() {
    let schema = schema();
    assert!(examples().len() >= 4);
    for path in examples() {
        let text = fs::read_to_string(&path).expect("it can be read");
        assert_eq!(misfit(&schema, &schema, &json_of(&text)), None, "{}", path.display());
        let source = Source::new(path.display().to_string(), text);
        let compile = || flow().compile_text(&source, path.parent().expect("a folder"), &Request::default());
        let plan = compile().unwrap_or_else(|error| panic!("{error}")).plan;
        assert_eq!(plan.digest(), compile().expect("it is good").plan.digest());
        let bytes = String::from_utf8(plan.to_bytes()).expect("JSON");
        assert!(!bytes.contains(env!("CARGO_MANIFEST_DIR")), "a plan holds no place of this machine");
    }
}

#[test]
fn what_is_wrong_does_not_fit_the_schema() {
    let schema = schema();
    for (text, fits) in [
        ("workflow: x\ntasks: [ { id: a, run: b } ]", true),
        (
            "workflow: x\nstages: [ { name: s, tasks: [ { id: a, steps: [ { copy: { content: x, dest: y } } ] } ] } ]",
            true,
        ),
        ("workflow: x", false),
        ("tasks: []", false),
        ("workflow: x\ntasks: [ { id: a } ]", false),
        ("workflow: x\ntasks: [ { run: b } ]", false),
        ("workflow: x\ntasks: [ { id: a, rnu: b } ]", false),
        ("workflow: x\ntasks: [ { id: a, run: b, steps: [] } ]", false),
        ("workflow: x\ntasks: [ { id: a, run: b, timeout: [1] } ]", false),
        ("workflow: x\ntasks: [ { id: a, run: b, approve: c } ]", false),
        ("workflow: x\ntasks: [ { id: a, run: b, retry: { max_attempts: 0 } } ]", false),
        ("workflow: x\ntasks: [ { id: a, copy: { dest: y, mood: 1 } } ]", false),
        ("workflow: x\nsecrets: { a: { env: b, file: c } }\ntasks: []", false),
    ] {
        assert_eq!(misfit(&schema, &schema, &json_of(text)).is_none(), fits, "{text}");
    }
}

/// The keys of the schema at a place.
fn keys(schema: &Value) -> Vec<String> {
    schema["properties"].as_object().expect("it has keys").keys().cloned().collect()
}

#[test]
fn the_reader_knows_every_key_of_the_schema() {
    let schema = schema();
    let unknown = |document: Value, key: &str| {
        let Err(windlass_engine::Error::Document(problems)) = compile(&document.to_string()) else { return };
        let told = problems.iter().find(|p| p.code == Code::UnknownKey || p.code == Code::UnknownWord);
        assert!(told.is_none(), "{key}: {problems}");
    };
    let with = |mut map: Value, key: &str, value: Value| {
        map[key] = value;
        map
    };
    let document = |task: Value| json!({"workflow": "x", "tasks": [task]});
    for key in keys(&schema) {
        unknown(with(json!({"workflow": "x"}), &key, Value::Null), &key);
    }
    for (name, path) in [("policy", "policy"), ("secret", "secrets/a")] {
        for key in keys(&schema["$defs"][name]) {
            let inner = json!({ key.clone(): null });
            let value = path.split('/').rev().fold(inner, |value, part| json!({ part: value }));
            unknown(value, &key);
        }
    }
    for key in keys(&schema["$defs"]["stage"]) {
        unknown(json!({"workflow": "x", "stages": [{ key.clone(): null }]}), &key);
    }
    // What belongs to a prompt stands beside one.
    let prompts =
        ["model", "provider", "system", "tools", "cache", "context", "temperature", "output_schema"];
    let prompts = [&prompts[..], &["max_output_tokens", "schema_retries", "max_rounds", "max_cost"]].concat();
    for key in &prompts {
        unknown(document(with(json!({"id": "a", "prompt": "x"}), key, Value::Null)), key);
    }
    let others = |schema: &Value| {
        let all = keys(schema).into_iter();
        all.filter(|key| !prompts.contains(&key.as_str())).collect::<Vec<_>>()
    };
    for variant in schema["$defs"]["task"]["anyOf"].as_array().expect("variants") {
        let base = if variant["properties"]["include"].is_object() {
            json!({"include": "x"})
        } else {
            json!({"id": "a"})
        };
        for key in others(variant) {
            unknown(document(with(base.clone(), &key, Value::Null)), &key);
        }
    }
    let bases = [json!({"debug": {"msg": "x"}}), json!({"block": []}), json!({"include": "x"})];
    for (variant, base) in schema["$defs"]["step"]["anyOf"].as_array().expect("variants").iter().zip(bases) {
        for key in others(variant) {
            unknown(document(json!({"id": "a", "steps": [with(base.clone(), &key, Value::Null)]})), &key);
        }
    }
}
