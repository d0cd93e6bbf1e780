//! The JSON schema of a module's parameters, for editors.

use serde_json::{Map, Value, json};
use windlass_gate::{Kind, Param, Rule, Spec};

/// The schema of what stands after the module's word.
pub(super) fn of(spec: &Spec) -> Value {
    let text = match spec.free_form {
        Some(_) => "The command, with options such as `creates=path` among its words.",
        None => "Parameters as `name=value` words.",
    };
    let mut any = vec![map(spec), json!({"type": "string", "description": text})];
    if needs(spec).is_empty() {
        any.push(json!({"type": "null"}));
    }
    json!({"description": spec.summary, "anyOf": any})
}

fn map(spec: &Spec) -> Value {
    let mut properties = Map::new();
    // The text of a template is the renderer's to give, not a person's.
    let public = |param: &&Param| is_public(param.name) && (spec.name, param.name) != ("template", "content");
    for param in spec.params.iter().filter(public) {
        properties.insert(param.name.into(), property(param));
        for alias in param.aliases {
            let doc = format!("Another name of `{}`.", param.name);
            let mut schema = property(param);
            schema["description"] = doc.into();
            properties.insert((*alias).into(), schema);
        }
    }
    let mut schema = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": spec.open,
    });
    let needs = needs(spec);
    if !needs.is_empty() {
        schema["allOf"] = needs.into();
    }
    schema
}

/// What must be there: each parameter under one of its names, and one of each group.
fn needs(spec: &Spec) -> Vec<Value> {
    let one_of = |names: &[&str]| {
        let each = names.iter().filter(|name| is_public(name)).map(|name| json!({"required": [name]}));
        json!({"anyOf": each.collect::<Vec<_>>()})
    };
    let required = spec.params.iter().filter(|param| param.required).map(|param| {
        let names: Vec<&str> = std::iter::once(param.name).chain(param.aliases.iter().copied()).collect();
        one_of(&names)
    });
    let groups = spec.rules.iter().filter_map(|rule| match rule {
        Rule::OneOf(names) => Some(one_of(names)),
        Rule::Exclusive(_) | Rule::Together(_) | Rule::NeededIf(..) => None,
    });
    required.chain(groups).collect()
}

/// Names with a leading underscore are the gate's own.
fn is_public(name: &str) -> bool {
    !name.starts_with('_')
}

fn property(param: &Param) -> Value {
    let mut schema = match param.choices {
        [] => kind(&param.kind),
        choices => choice(&param.kind, choices),
    };
    schema["description"] = param.doc.into();
    if let Some(default) = param.default.and_then(|json| serde_json::from_str::<Value>(json).ok()) {
        schema["default"] = default;
    }
    schema
}

/// A text with a template in it stands for a value of any kind.
fn template() -> Value {
    json!({"type": "string", "pattern": r"\{\{|\{%"})
}

fn choice(kind_: &Kind, choices: &[&str]) -> Value {
    match kind_ {
        // The choices of a mode are words besides modes.
        Kind::Mode => kind(kind_),
        _ => json!({"anyOf": [{"enum": choices}, template()]}),
    }
}

fn kind(kind_: &Kind) -> Value {
    match kind_ {
        Kind::Str | Kind::Path | Kind::Pattern => json!({"type": ["string", "number", "boolean"]}),
        Kind::Int | Kind::Float => json!({"type": ["number", "string"]}),
        Kind::Bool => {
            let words = ["yes", "no", "on", "off", "true", "false"];
            json!({"anyOf": [{"type": "boolean"}, {"enum": words}, template()]})
        }
        Kind::List(item) => json!({"anyOf": [{"type": "array", "items": kind(item)}, {"type": "string"}]}),
        Kind::Dict => json!({"type": ["object", "string"]}),
        Kind::Mode => json!({"type": ["string", "integer"]}),
        Kind::Raw => json!({}),
    }
}
