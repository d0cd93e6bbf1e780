//! Templates in the strings of a JSON tree: the inputs of a step, the variables of a document.

use minijinja::Value;
use serde_json::Value as Json;

use crate::error::Error;
use crate::refs::References;
use crate::template::Template;

/// What the name `omit` stands for. [`render_tree`] drops members of maps and lists with this value, so that
/// `mode: "{{ mode | default(omit) }}"` means a parameter that was never given.
pub const OMIT: &str = "__windlass_omit__";

/// Whether a rendered value says that it should be left out.
pub fn is_omitted(value: &Json) -> bool {
    value.as_str() == Some(OMIT)
}

/// Renders every string of a JSON tree; keys stay as they are. An error says where in the tree.
pub fn render_tree(tree: &Json, scope: &Value) -> Result<Json, Error> {
    walk(tree, &mut String::new(), &mut |text, path| {
        if !has_braces(text) {
            return Ok(Json::String(text.to_owned()));
        }
        Template::parse(text).and_then(|template| template.render(scope)).map_err(|e| e.in_path(path))
    })
}

/// The references of every string of a JSON tree. An error says where in the tree.
pub fn references_of_tree(tree: &Json) -> Result<References, Error> {
    let mut all = References::default();
    walk(tree, &mut String::new(), &mut |text, path| {
        if has_braces(text) {
            all.merge(Template::parse(text).map_err(|e| e.in_path(path))?.references());
        }
        Ok(Json::Null)
    })?;
    Ok(all)
}

/// Spares the parser the many strings without any Jinja.
fn has_braces(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

type OnText<'a> = &'a mut dyn FnMut(&str, &str) -> Result<Json, Error>;

fn walk(tree: &Json, path: &mut String, on_text: OnText<'_>) -> Result<Json, Error> {
    let length = path.len();
    Ok(match tree {
        Json::String(text) => on_text(text, path)?,
        Json::Array(items) => {
            let mut out = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                out.push(walk(item, path, on_text)?);
                path.truncate(length);
            }
            out.retain(|item| !is_omitted(item));
            Json::Array(out)
        }
        Json::Object(map) => {
            let mut out = serde_json::Map::new();
            for (key, value) in map {
                if length > 0 {
                    path.push('.');
                }
                path.push_str(key);
                out.insert(key.clone(), walk(value, path, on_text)?);
                path.truncate(length);
            }
            out.retain(|_, value| !is_omitted(value));
            Json::Object(out)
        }
        other => other.clone(),
    })
}
