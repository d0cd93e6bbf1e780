//! JSON as Python writes it, so that a file that Ansible made is not written anew for its spaces alone.

use serde_json::Value;

/// The value on one line, with a space after each comma and colon, and nothing beyond ASCII.
pub(crate) fn text(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (index, (key, item)) in map.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                ascii(&Value::from(key.as_str()).to_string(), out);
                out.push_str(": ");
                write(item, out);
            }
            out.push('}');
        }
        scalar => ascii(&scalar.to_string(), out),
    }
}

/// Adds JSON text with each letter beyond ASCII as one or two UTF-16 escapes.
fn ascii(text: &str, out: &mut String) {
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
}
