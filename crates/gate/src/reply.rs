//! What a module answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use similar::TextDiff;

/// What came of one run, with Ansible's names. Serialized, it is what a gate sends: each part by itself, unlike
/// [`to_json`](Self::to_json), which puts the module's fields among the others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reply {
    /// Whether the host is now other than before, or would be (check mode).
    pub changed: bool,
    /// Whether the run failed.
    pub failed: bool,
    /// Whether there was nothing to do, or nothing could be said (check mode).
    pub skipped: bool,
    /// Whether a real run would answer something else, which nobody can know before it (check mode).
    pub unknown: bool,
    /// One sentence for a person.
    pub msg: Option<String>,
    /// The fields that only this module has.
    pub fields: Map<String, Value>,
    /// Before and after, where `Context::diff` asked for it.
    pub diff: Option<Diff>,
    /// Variables for later steps.
    pub facts: Map<String, Value>,
}

impl Reply {
    /// A reply that changed nothing.
    pub fn ok() -> Self {
        Self::default()
    }

    /// A reply that says whether it changed something.
    pub fn changed(changed: bool) -> Self {
        Self { changed, ..Self::default() }
    }

    /// A failure with a message.
    pub fn failed(msg: impl Into<String>) -> Self {
        Self { failed: true, msg: Some(msg.into()), ..Self::default() }
    }

    /// A run that did not take place, and why.
    pub fn skipped(msg: impl Into<String>) -> Self {
        Self { skipped: true, msg: Some(msg.into()), ..Self::default() }
    }

    /// A run of which nobody can know what it would do, and why.
    pub fn unknown(msg: impl Into<String>) -> Self {
        Self { unknown: true, ..Self::skipped(msg) }
    }

    /// Adds a field.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    /// Sets the message.
    pub fn msg(mut self, msg: impl Into<String>) -> Self {
        self.msg = Some(msg.into());
        self
    }

    /// The result as Ansible has it in a registered variable: the module's fields beside `changed`, `failed`,
    /// and where they apply `skipped`, `msg`, `diff` and `ansible_facts`.
    pub fn to_json(&self) -> Value {
        let mut map = self.fields.clone();
        map.insert("changed".into(), self.changed.into());
        map.insert("failed".into(), self.failed.into());
        if self.skipped {
            map.insert("skipped".into(), true.into());
        }
        if self.unknown {
            map.insert("unknown".into(), true.into());
        }
        if let Some(msg) = &self.msg {
            map.insert("msg".into(), msg.clone().into());
        }
        if let Some(diff) = &self.diff {
            map.insert("diff".into(), diff.to_json());
        }
        if !self.facts.is_empty() {
            map.insert("ansible_facts".into(), self.facts.clone().into());
        }
        map.into()
    }
}

/// A difference: texts for the content of a file, maps for its attributes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Diff {
    /// What was.
    pub before: Value,
    /// What is, or would be.
    pub after: Value,
    /// What the old side is called; empty if it needs no name.
    pub before_header: String,
    /// What the new side is called; empty if it needs no name.
    pub after_header: String,
}

impl Diff {
    /// The difference in unified form with three lines of context; empty if the two sides are the same.
    pub fn unified(&self) -> String {
        let (before, after) = (lines(&self.before), lines(&self.after));
        if before == after {
            return String::new();
        }
        let name =
            |header: &str, side: &str| if header.is_empty() { side.to_owned() } else { header.to_owned() };
        TextDiff::from_lines(&before, &after)
            .unified_diff()
            .header(&name(&self.before_header, "before"), &name(&self.after_header, "after"))
            .to_string()
    }

    fn to_json(&self) -> Value {
        let mut map = Map::new();
        map.insert("before".into(), self.before.clone());
        map.insert("after".into(), self.after.clone());
        for (name, header) in [("before_header", &self.before_header), ("after_header", &self.after_header)] {
            if !header.is_empty() {
                map.insert(name.into(), header.clone().into());
            }
        }
        map.into()
    }
}

/// A side as text; a map is shown as indented JSON, as Ansible shows it.
fn lines(side: &Value) -> String {
    match side {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => format!("{other:#}\n"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reply_has_ansibles_shape() {
        let reply = Reply::changed(true).with("rc", 0).msg("done");
        assert_eq!(reply.to_json(), json!({"changed": true, "failed": false, "rc": 0, "msg": "done"}));
        assert_eq!(
            Reply::skipped("why").to_json(),
            json!({"changed": false, "failed": false, "skipped": true, "msg": "why"})
        );
        let facts = Map::from_iter([("a".to_owned(), json!(1))]);
        assert_eq!(Reply { facts, ..Reply::ok() }.to_json()["ansible_facts"], json!({"a": 1}));
    }

    #[test]
    fn a_diff_is_shown_unified() {
        let diff = Diff { before: "a\nb\n".into(), after: "a\nc\n".into(), ..Diff::default() };
        assert_eq!(diff.unified(), "--- before\n+++ after\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n");
        let diff =
            Diff { before: json!({"state": "file"}), after: json!({"state": "absent"}), ..Diff::default() };
        assert!(diff.unified().contains("-  \"state\": \"file\"\n+  \"state\": \"absent\"\n"));
        assert_eq!(Diff::default().unified(), "");
    }
}
