//! JSON schemas: whether something is one, and what of a value does not match one.

use serde_json::Value;

/// How many mismatches are told: a model mends what it is shown, and a person reads no more.
const TOLD: usize = 10;

/// Whether a value is a schema; otherwise why not. References to elsewhere are none that this program follows.
pub(crate) fn check(schema: &Value) -> Result<(), String> {
    jsonschema::validator_for(schema).map(drop).map_err(|error| match error.instance_path().as_str() {
        "" => error.to_string(),
        path => format!("{path}: {error}"),
    })
}

/// What of a value does not match a schema, each with the place in the value.
pub(crate) fn mismatches(schema: &Value, value: &Value) -> Vec<String> {
    let Ok(validator) = jsonschema::validator_for(schema) else {
        return vec!["the schema is none".to_owned()];
    };
    let told = validator.iter_errors(value).take(TOLD);
    told.map(|error| match error.instance_path().as_str() {
        "" => error.to_string(),
        path => format!("{path}: {error}"),
    })
    .collect()
}

/// Whether providers can hold a model to a schema while it writes: all properties of every object are required, and
/// there are no others.
pub(crate) fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => {
            let object = map.get("type").and_then(Value::as_str) == Some("object");
            let names = map.get("properties").and_then(Value::as_object);
            let required = map.get("required").and_then(Value::as_array);
            let closed = map.get("additionalProperties") == Some(&Value::Bool(false));
            let all = names.is_some_and(|names| {
                names.keys().all(|name| required.is_some_and(|list| list.iter().any(|other| other == name)))
            });
            (!object || closed && all) && map.values().all(is_strict)
        }
        Value::Array(items) => items.iter().all(is_strict),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_does_not_match_is_told_with_its_place() {
        let schema = json!({
            "type": "object",
            "properties": {"score": {"type": "number", "maximum": 100}, "why": {"type": "string"}},
            "required": ["score", "why"],
        });
        assert_eq!(check(&schema), Ok(()));
        assert!(mismatches(&schema, &json!({"score": 95, "why": "good"})).is_empty());
        let told = mismatches(&schema, &json!({"score": 195})).join("; ");
        assert!(told.contains("/score: 195") && told.contains("\"why\" is a required property"), "{told}");
        assert!(check(&json!({"type": "objekt"})).is_err());
        assert!(check(&json!({"$ref": "https://example.com/elsewhere.json"})).is_err(), "nothing is fetched");
    }

    #[test]
    fn only_closed_objects_are_strict() {
        let one = json!({"type": "string"});
        let strict = json!({"type": "object", "properties": {"a": one}, "required": ["a"], "additionalProperties": false});
        assert!(is_strict(&strict));
        assert!(!is_strict(&json!({"type": "object", "properties": {"a": one}, "required": ["a"]})));
        assert!(!is_strict(&json!({"type": "array", "items": {"type": "object"}})));
    }
}
