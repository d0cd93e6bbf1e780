//! What is sent along with a prompt.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::tokens::Estimator;
use crate::{Message, Part, Role};

/// One text that is sent along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The tasks whose output it is: several where they gave the same.
    pub ids: Vec<Arc<str>>,
    /// The text.
    pub text: Arc<str>,
    /// Whether a model wrote it in place of what these tasks gave.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub summary: bool,
}

impl Piece {
    /// What one task gave.
    pub fn new(id: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { ids: vec![id.into()], text: text.into(), summary: false }
    }
}

/// What is sent along with a prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// What the run remembers, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub memory: BTreeMap<String, Arc<str>>,
    /// Outputs, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pieces: Vec<Piece>,
}

impl Bundle {
    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.pieces.is_empty()
    }

    /// How many bytes of text it has.
    pub fn bytes(&self) -> usize {
        self.texts().map(str::len).sum()
    }

    /// How many tokens of text it has.
    pub fn tokens(&self, estimator: &dyn Estimator) -> u64 {
        self.texts().map(|text| estimator.count(text)).sum()
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.memory.values().chain(self.pieces.iter().map(|piece| &piece.text)).map(|text| &**text)
    }

    /// The messages of a request: memory, the outputs, the prompt. How many of them at the beginning are the same
    /// for other prompts of the run comes second: memory is, so a provider may keep it in its cache.
    pub fn messages(&self, prompt: &str) -> (Vec<Message>, usize) {
        let mut messages = Vec::with_capacity(3);
        if !self.memory.is_empty() {
            let parts = self.memory.iter().map(|(name, text)| marked("memory", "name", name, text));
            messages.push(Message { role: Role::User, parts: parts.collect() });
        }
        let stable = messages.len();
        if !self.pieces.is_empty() {
            let parts = self.pieces.iter().map(|piece| {
                let word = if piece.summary { "summary" } else { "output" };
                marked(word, "of", &piece.ids.join(" "), &piece.text)
            });
            messages.push(Message { role: Role::User, parts: parts.collect() });
        }
        messages.push(Message::user(prompt));
        (messages, stable)
    }
}

/// A text between marks, so that a model knows where it begins, where it ends and what it is.
fn marked(word: &str, key: &str, name: &str, text: &str) -> Part {
    let line = if text.ends_with('\n') { "" } else { "\n" };
    Part::Text { text: format!("<{word} {key}=\"{}\">\n{text}{line}</{word}>\n", name.replace('"', "'")) }
}
