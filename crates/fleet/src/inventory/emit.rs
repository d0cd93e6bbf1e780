//! Writes values as YAML that every reader takes for the same: YAML 1.1 and 1.2, Ansible's and our own.

use std::fmt::Write;

use serde_json::Value;

/// A value as a YAML document, in blocks.
pub fn yaml(value: &Value) -> String {
    let mut text = String::new();
    match inline(value) {
        Some(short) => text = short,
        None => block(value, 0, &mut text),
    }
    text.truncate(text.trim_end_matches('\n').len());
    text.push('\n');
    text
}

/// What stands on the line of its key.
fn inline(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => float(number.to_string()),
        Value::String(text) => scalar(text),
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Array(_) | Value::Object(_) => return None,
    })
}

/// YAML 1.1 wants a point and a sign where a number has an exponent.
fn float(number: String) -> String {
    let Some((mantissa, exponent)) = number.split_once('e') else { return number };
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['-', '+']) { "" } else { "+" };
    format!("{mantissa}{point}e{sign}{exponent}")
}

/// Values are as deep as the reader's limits let them be, which bounds the recursion.
fn block(value: &Value, depth: usize, text: &mut String) {
    let lead = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let _ = write!(text, "{lead}{}:", scalar(key));
                below(value, depth, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                let _ = write!(text, "{lead}-");
                below(item, depth, text);
            }
        }
        _ => {}
    }
}

fn below(value: &Value, depth: usize, text: &mut String) {
    match inline(value) {
        Some(short) => {
            let _ = writeln!(text, " {short}");
        }
        None => {
            text.push('\n');
            block(value, depth + 1, text);
        }
    }
}

/// A text, in quotes unless it can only be a text.
fn scalar(text: &str) -> String {
    const WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '/'))
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./@-".contains(&b))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut shown = String::from('"');
    for c in text.chars() {
        match c {
            '"' => shown.push_str("\\\""),
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            ' '..='~' => shown.push(c),
            c if c.is_alphanumeric() => shown.push(c),
            c => {
                let code = c as u32;
                let _ = if code > 0xffff {
                    write!(shown, "\\U{code:08x}")
                } else {
                    write!(shown, "\\u{code:04x}")
                };
            }
        }
    }
    shown.push('"');
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use windlass_model::Source;
    use windlass_yaml::{Limits, parse, parse_data};

    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let value = json!({
            "all": {"hosts": {"web1": {"a": 1, "b": 1.5, "c": 1e300, "d": -2e-300, "n": null, "t": true}}, "empty": {}},
            "list": [[], [1, [2, {"x": "y"}]], {"k": ["v"]}],
            "texts": ["yes", "0644", "1:30", "- a", "a: b", "#", "", " x ", "é", "\u{7f}\u{85}\u{1F600}\n\t\"\\", "~", "a-b", "/x/y", "=", "<<", "2024-01-01", "null", "{{ x }}"],
            "yes": 1, "5": 2, "a b": 3, "<<": {"z": 1},
        });
        let source = Source::new("x.yaml", yaml(&value));
        let limits = Limits::default();
        let (data, warnings) =
            parse_data(&source, &limits).unwrap_or_else(|p| panic!("{p}\n{}", source.text));
        assert_eq!(data.to_json(), value, "{}", source.text);
        assert!(warnings.is_empty());
        assert_eq!(parse(&source, &limits).unwrap().to_json(), value);
        assert_eq!(yaml(&json!({})), "{}\n");
    }
}
