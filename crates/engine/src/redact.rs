//! Takes secrets out of texts before they go anywhere.

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::Value;

/// What stands where a secret stood.
pub const MASK: &str = "********";

/// Knows the run's secrets, and takes them out of texts.
#[derive(Default)]
pub struct Redactor {
    finder: Option<AhoCorasick>,
    masks: Vec<&'static str>,
}

impl Redactor {
    /// A redactor of these secrets, in the forms in which they may appear.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut forms: Vec<String> = Vec::new();
        for secret in secrets.into_iter().filter(|s| !s.is_empty()) {
            forms.push(secret.to_owned());
            forms.push(Value::from(secret).to_string().trim_matches('"').to_owned());
            forms.extend(secret.lines().filter(|line| line.len() >= 8).map(str::to_owned));
        }
        forms.sort();
        forms.dedup();
        if forms.is_empty() {
            return Self::default();
        }
        let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&forms);
        Self { finder: finder.ok(), masks: vec![MASK; forms.len()] }
    }

    /// The text without secrets.
    pub fn text(&self, text: &str) -> String {
        match &self.finder {
            Some(finder) => finder.replace_all(text, &self.masks),
            None => text.to_owned(),
        }
    }

    /// Takes secrets out of every string of a JSON value, keys included.
    pub fn value(&self, value: &mut Value) {
        if self.finder.is_none() {
            return;
        }
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(list) => list.iter_mut().for_each(|item| self.value(item)),
            Value::Object(map) => {
                *map = std::mem::take(map)
                    .into_iter()
                    .map(|(key, mut item)| {
                        self.value(&mut item);
                        (self.text(&key), item)
                    })
                    .collect();
            }
            _ => {}
        }
    }

    /// Whether there is nothing to take out.
    pub fn is_empty(&self) -> bool {
        self.finder.is_none()
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} forms)", self.masks.len())
    }
}
