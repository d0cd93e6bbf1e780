//! Conditions: bare expressions, booleans, or lists of them that must all hold.

use windlass_model::Code;
use windlass_yaml::{Kind, Map, Node, Reader, Style};

use super::Written;

/// One expression.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    /// The expression without braces around it.
    pub text: String,
    pub written: Written,
}

/// Takes the conditions of a key.
pub(super) fn read(reader: &Reader, map: &mut Map<'_, '_>, key: &str) -> Option<Vec<Condition>> {
    let node = map.node(key).filter(|node| !node.is_null())?;
    let items = node.as_list().unwrap_or(std::slice::from_ref(node));
    let conditions: Vec<Condition> = items.iter().filter_map(|item| one(reader, item, key)).collect();
    Some(conditions)
}

fn one(reader: &Reader, node: &Node, key: &str) -> Option<Condition> {
    let Some(text) = node.text() else {
        let message = format!("`{key}`: expected an expression, found {}", node.kind_name());
        let problem = reader.problem(Code::WrongType, node.span, message);
        reader.note(problem.hint(format!("write `{key}: version != ''`, or a list of such expressions")));
        return None;
    };
    let written = Written { source: reader.source().clone(), node: node.clone() };
    Some(Condition { text: bare(node, text), written })
}

/// The text without braces around the whole of it; words for booleans become booleans.
fn bare(node: &Node, text: &str) -> String {
    if let (Kind::Str(_), Style::Plain) = (&node.value, node.style) {
        match text.to_ascii_lowercase().as_str() {
            "yes" | "on" => return "true".to_owned(),
            "no" | "off" => return "false".to_owned(),
            _ => {}
        }
    }
    if let Kind::Bool(value) = node.value {
        return value.to_string();
    }
    let text = text.trim();
    let inner = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    match inner.filter(|inner| !inner.contains("{{") && !inner.contains("}}")) {
        Some(inner) => {
            let inner = inner.strip_prefix('-').unwrap_or(inner);
            inner.strip_suffix('-').unwrap_or(inner).trim().to_owned()
        }
        None => text.to_owned(),
    }
}
