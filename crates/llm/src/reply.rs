//! What a model answered, and what that took.

use serde::{Deserialize, Serialize};

use crate::{Message, Part, Role, request};

/// What a model answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The provider's name for this answer, for its support and logs; may be empty.
    pub id: String,
    /// The model that answered, as the provider names it; often more exact than what was asked for.
    pub model: String,
    /// What it said: texts and calls of tools.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub stop: Stop,
    /// What it took.
    pub usage: Tokens,
    /// Whether `usage` is our own estimate, since the provider told none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

impl Reply {
    /// A reply with what the service told of usage; where that is nothing, the estimate is still to be made.
    pub(crate) fn of(id: String, model: String, parts: Vec<Part>, stop: Stop, usage: Option<Tokens>) -> Self {
        Self { id, model, parts, stop, usage: usage.unwrap_or_default(), estimated: usage.is_none() }
    }

    /// Its texts, joined.
    pub fn text(&self) -> String {
        request::text(&self.parts)
    }

    /// The tools that the model wants called: id, name, arguments.
    pub fn calls(&self) -> impl Iterator<Item = (&str, &str, &serde_json::Value)> {
        self.parts.iter().filter_map(|part| match part {
            Part::ToolCall { id, name, input } => Some((id.as_str(), name.as_str(), input)),
            _ => None,
        })
    }

    /// The message that goes back to the model in the next request.
    pub fn message(&self) -> Message {
        Message { role: Role::Assistant, parts: self.parts.clone() }
    }
}

/// Why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The model had said all.
    End,
    /// It had as many tokens as it may.
    Length,
    /// A text of [`Request::stop`](crate::Request::stop) came.
    StopWord,
    /// It wants tools called.
    ToolUse,
    /// The model, or a filter of the provider, would not answer.
    Refused,
    /// Anything else.
    Other,
}

/// Tokens, each counted once: `input` are those that were neither read from nor written to a cache.
///
/// Anthropic counts so itself. OpenAI's formats count what was read from and written to the cache (`cached_tokens`,
/// `cache_write_tokens`) among the prompt's, so that both are taken off there. What a model thinks is output in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Read by the model, past every cache.
    pub input: u64,
    /// Written by the model, its thinking included.
    pub output: u64,
    /// Read from the provider's cache.
    #[serde(default)]
    pub cache_read: u64,
    /// Written to the provider's cache.
    #[serde(default)]
    pub cache_write: u64,
}

impl Tokens {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.prompt().saturating_add(self.output)
    }

    /// All that the model read.
    pub fn prompt(&self) -> u64 {
        self.input.saturating_add(self.cache_read).saturating_add(self.cache_write)
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write: self.cache_write.saturating_add(other.cache_write),
        }
    }
}
