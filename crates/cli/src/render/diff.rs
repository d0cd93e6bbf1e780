//! What a step changed in texts: unified diffs of the `before` and `after` in its result.

use serde_json::Value;
use similar::{Algorithm, TextDiff};

use super::{Palette, Tone};

/// All differences that a result tells: its `diff` is one of them, or a list, each as a text or as `before`
/// and `after`. Empty where there are none.
pub(crate) fn diffs(result: &Value, palette: Palette) -> String {
    let all: Vec<&Value> = match result.get("diff") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    all.into_iter().filter_map(unified).map(|text| coloured(&text, palette)).collect()
}

fn unified(diff: &Value) -> Option<String> {
    if let Some(text) = diff.as_str().or_else(|| diff.get("prepared")?.as_str()) {
        return Some(text.to_owned()).filter(|text| !text.is_empty());
    }
    let side = |name: &str| diff.get(name).map(side_text);
    let (before, after) = (side("before"), side("after"));
    if before.is_none() && after.is_none() {
        return None;
    }
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    let head = |name: &str, or: &str| diff.get(name).and_then(Value::as_str).unwrap_or(or).to_owned();
    let (old, new) = (head("before_header", "before"), head("after_header", "after"));
    let made = TextDiff::configure().algorithm(Algorithm::Patience).diff_lines(&before, &after);
    let text = made.unified_diff().context_radius(3).header(&old, &new).to_string();
    Some(text).filter(|text| !text.is_empty())
}

/// A side is a text, or a value that is shown as JSON.
fn side_text(side: &Value) -> String {
    match side {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => serde_json::to_string_pretty(other).map(|text| text + "\n").unwrap_or_default(),
    }
}

fn coloured(text: &str, palette: Palette) -> String {
    let tone = |line: &str| match line.as_bytes().first() {
        _ if line.starts_with("---") || line.starts_with("+++") => Some(Tone::Strong),
        Some(b'+') => Some(Tone::Good),
        Some(b'-') => Some(Tone::Bad),
        Some(b'@') => Some(Tone::Skip),
        _ => None,
    };
    let paint = |line: &str| match tone(line) {
        Some(tone) => format!("{}\n", palette.paint(tone, line)),
        None => format!("{line}\n"),
    };
    text.lines().map(paint).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_become_a_unified_diff() {
        let result = json!({"diff": {"before": "a\nb\n", "after": "a\nc\n", "after_header": "out/app.conf"}});
        assert_eq!(
            diffs(&result, Palette::PLAIN),
            "--- before\n+++ out/app.conf\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
        );
    }

    #[test]
    fn values_are_compared_as_json_and_lists_one_by_one() {
        let result = json!({"diff": [
            {"before": {"mode": "0644"}, "after": {"mode": "0600"}},
            {"prepared": "+ x\n"},
            {"before": "same", "after": "same"},
        ]});
        let text = diffs(&result, Palette::PLAIN);
        assert!(text.contains("-  \"mode\": \"0644\"\n+  \"mode\": \"0600\"\n"), "{text}");
        assert!(text.ends_with("+ x\n"), "{text}");
        assert_eq!(diffs(&json!({"changed": true}), Palette::PLAIN), "");
    }
}
