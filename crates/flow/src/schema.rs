//! The JSON schema of workflow documents, made of the tables that the reader knows the keys from.

use serde_json::{Map, Value, json};
use windlass_engine::Words;

use crate::document::keywords::{
    BLOCK, BUDGET, CHUNK, DEED, DOCUMENT, INCLUDE, INCLUDE_FILE, Key, Kind, LOOP_CONTROL, OWN_WORDS, POLICY,
    REPEAT, RETRY, SECRET, SHARED, STAGE, STAGE_POLICY, STEP, TASK,
};

/// The schema of a document whose steps have these words.
pub(crate) fn schema(words: &Words) -> Value {
    let mut schema = object(&[DOCUMENT], &["workflow"]);
    let compilers = words.iter().filter_map(|word| words.get(word));
    for section in compilers.flat_map(|compiler| compiler.sections()) {
        schema["properties"][section] = json!({});
    }
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Windlass workflow",
        "anyOf": [{"required": ["tasks"]}, {"required": ["stages"]}],
        "$defs": definitions(words),
    });
    merge(&mut schema, head);
    schema
}

fn definitions(words: &Words) -> Value {
    let mut secret = object(&[SECRET], &[]);
    merge(&mut secret, json!({"minProperties": 1, "maxProperties": 1}));
    json!({
        "policy": object(&[POLICY], &[]),
        "stage_policy": object(&[STAGE_POLICY], &[]),
        "retry": object(&[RETRY], &[]),
        "budget": object(&[BUDGET], &[]),
        "chunk": {"anyOf": [{"type": "integer", "minimum": 1}, object(&[CHUNK], &["size"])]},
        "loop_control": object(&[LOOP_CONTROL], &[]),
        "repeat": object(&[REPEAT], &["until", "max_rounds"]),
        "secret": secret,
        "stage": object(&[STAGE], &["name"]),
        "include": {"anyOf": [{"type": "string"}, object(&[INCLUDE_FILE], &["file"])]},
        "task": {"anyOf": [
            object(&[SHARED, TASK], &["id", "steps"]),
            with_words(words, &[SHARED, TASK, DEED], &["id"], &["steps"]),
            task_include(),
        ]},
        "step": {"anyOf": [
            with_words(words, &[SHARED, STEP, DEED], &[], &[]),
            object(&[SHARED, BLOCK], &["block"]),
            object(&[SHARED, INCLUDE], &["include"]),
        ]},
        "condition": {"type": ["string", "boolean", "number", "array"]},
        "duration": {"type": "string", "pattern": "^([0-9]+(ms|d|h|m|s))+$"},
    })
}

/// Among tasks an include has an id and needs as well.
fn task_include() -> Value {
    let names = ["id", "needs"];
    let of_task = TASK.iter().filter(|key| names.contains(&key.name));
    let mut schema = object(&[SHARED, INCLUDE], &["include"]);
    for key in of_task {
        schema["properties"][key.name] = property(key);
    }
    schema
}

/// A mapping with one of the words, and with what belongs to it.
fn with_words(words: &Words, tables: &[&[Key]], required: &[&str], without: &[&str]) -> Value {
    let mut schema = object(tables, required);
    if let Some(properties) = schema["properties"].as_object_mut() {
        without.iter().for_each(|key| drop(properties.remove(*key)));
        for (word, doc) in OWN_WORDS {
            properties.insert(
                (*word).to_owned(),
                json!({"type": ["string", "number", "object"], "description": doc}),
            );
        }
        for word in words.iter() {
            let Some(compiler) = words.get(word) else { continue };
            properties.insert(word.to_owned(), compiler.schema(word));
            for key in compiler.keys() {
                properties.entry(*key).or_insert_with(|| json!({}));
            }
        }
    }
    let names = OWN_WORDS.iter().map(|(word, _)| *word).chain(words.iter());
    schema["oneOf"] = names.map(|word| json!({"required": [word]})).collect();
    schema
}

fn object(tables: &[&[Key]], required: &[&str]) -> Value {
    let keys = tables.iter().flat_map(|table| table.iter());
    let properties: Map<String, Value> = keys.map(|key| (key.name.to_owned(), property(key))).collect();
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

fn property(key: &Key) -> Value {
    let mut schema = kind(key.kind);
    merge(&mut schema, json!({"description": key.doc}));
    schema
}

fn kind(kind: Kind) -> Value {
    let scalar = json!(["string", "number", "boolean"]);
    match kind {
        Kind::Text => json!({"type": scalar}),
        Kind::Texts => json!({"anyOf": [{"type": scalar}, {"type": "array", "items": {"type": scalar}}]}),
        Kind::Bool => json!({"anyOf": [{"type": "boolean"}, {"enum": ["yes", "no", "on", "off"]}]}),
        Kind::Whole(least) => json!({"type": "integer", "minimum": least}),
        Kind::Number(least) => json!({"type": "number", "minimum": least}),
        Kind::Duration => json!({"$ref": "#/$defs/duration"}),
        Kind::Seconds => json!({"anyOf": [{"type": "number", "minimum": 0}, {"$ref": "#/$defs/duration"}]}),
        Kind::Condition => json!({"$ref": "#/$defs/condition"}),
        Kind::Names => json!({"type": "object"}),
        Kind::Any => json!({}),
        Kind::Choice(words) => json!({"enum": words}),
        Kind::Def(name) => reference(name),
        Kind::ListOf(name) => json!({"type": "array", "items": reference(name)}),
        Kind::NamesOf(name) => json!({"type": "object", "additionalProperties": reference(name)}),
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

fn merge(schema: &mut Value, more: Value) {
    if let (Value::Object(schema), Value::Object(more)) = (schema, more) {
        schema.extend(more);
    }
}
