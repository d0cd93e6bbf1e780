//! What is asked of a model, in no provider's words.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use windlass_model::digest::sha256_hex;

/// What is asked of a model. Equal requests have equal bytes ([`Request::canonical`]), whoever made them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The model, by the provider's name for it.
    pub model: String,
    /// What the model is told before everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The conversation so far. The last message is the user's, or holds results of tools.
    pub messages: Vec<Message>,
    /// How many tokens the reply may have. The provider is told, so that it bounds what a reply costs.
    pub max_output_tokens: u32,
    /// How much chance is in the choice of words: 0 is as little as the provider can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Only the likeliest words are chosen from, whose chances sum up to this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Texts that end the reply where one of them would come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// What chance begins from, for providers that know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// What the model may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Whether it may, must or must not.
    #[serde(default, skip_serializing_if = "Choice::is_auto")]
    pub tool_choice: Choice,
    /// What shape the reply has to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<OutputSchema>,
    /// How many messages at the beginning stay the same from request to request, so that a provider may keep them
    /// (with the system prompt and the tools) in its cache. 0 asks for no caching.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stable: usize,
    /// Who the end user is, as a name that says nothing about a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Parameters of the provider's own, put into the body as they are, over what would be there.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

impl Request {
    /// A request of one question.
    pub fn new(model: impl Into<String>, question: impl Into<String>, max_output_tokens: u32) -> Self {
        let messages = vec![Message::user(question)];
        Self { model: model.into(), messages, max_output_tokens, ..Self::default() }
    }

    /// The bytes that stand for this request, in caches and records.
    pub fn canonical(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("its maps have texts as keys, so it can be written as JSON")
    }

    /// The SHA-256 of its bytes, as hexadecimal digits.
    pub fn digest(&self) -> String {
        sha256_hex(&self.canonical())
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Whose words a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Who asks; results of tools are theirs too.
    User,
    /// The model.
    Assistant,
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Whose words.
    pub role: Role,
    /// What was said, in order.
    pub parts: Vec<Part>,
}

impl Message {
    /// What the user says.
    pub fn user(text: impl Into<String>) -> Self {
        Self { role: Role::User, parts: vec![Part::Text { text: text.into() }] }
    }

    /// What the model said.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self { role: Role::Assistant, parts: vec![Part::Text { text: text.into() }] }
    }

    /// Its texts, joined.
    pub fn text(&self) -> String {
        text(&self.parts)
    }
}

/// The texts among some parts, joined.
pub(crate) fn text(parts: &[Part]) -> String {
    let texts = parts.iter().filter_map(|part| match part {
        Part::Text { text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Words.
    Text {
        /// The words.
        text: String,
    },
    /// The model calls a tool.
    ToolCall {
        /// What its result refers to.
        id: String,
        /// The tool.
        name: String,
        /// The arguments. A text stands for what the model wrote where that is not JSON.
        input: Value,
    },
    /// What a tool gave.
    ToolResult {
        /// Which call this answers.
        id: String,
        /// The result, as text.
        content: String,
        /// Whether the tool failed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        failed: bool,
    },
    /// Something of the provider's own, such as what the model thought, that it wants back as it was. It means nothing
    /// to others: who does not know its `type` leaves it out.
    Own {
        /// As it came.
        value: Value,
    },
}

impl Part {
    /// What is the provider's own, if its `type` is one of these.
    pub(crate) fn own(&self, kinds: &[&str]) -> Option<&Value> {
        match self {
            Self::Own { value } => {
                let kind = value.get("type").and_then(Value::as_str);
                kind.is_some_and(|kind| kinds.contains(&kind)).then_some(value)
            }
            _ => None,
        }
    }
}

/// Something that the model may call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does and when to call it, for the model to read.
    pub description: String,
    /// The JSON schema of its arguments; an object.
    pub schema: Value,
}

/// Whether the model may call tools.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// As it sees fit.
    #[default]
    Auto,
    /// It must call one.
    Any,
    /// It must call none.
    None,
    /// It must call this one.
    Tool(String),
}

impl Choice {
    fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

/// The shape that a reply has to have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputSchema {
    /// A name for it: letters, digits, `_` and `-`.
    pub name: String,
    /// The JSON schema.
    pub schema: Value,
    /// Whether the provider is to hold the model to it while it writes. Not every schema can be held so.
    pub strict: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_not_in_the_bytes() {
        let request = Request::new("m", "hi", 5);
        let text = String::from_utf8(request.canonical()).unwrap();
        let expected = r#"{"model":"m","messages":[{"role":"user","parts":[{"type":"text","text":"hi"}]}],"max_output_tokens":5}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request);
    }

    #[test]
    fn the_order_of_keys_in_a_schema_makes_no_difference() {
        let digest = |schema: &str| {
            let mut request = Request::new("m", "hi", 5);
            let schema = serde_json::from_str(schema).unwrap();
            request.schema = Some(OutputSchema { name: "x".into(), schema, strict: true });
            request.digest()
        };
        assert_eq!(digest(r#"{"type":"object","a":1}"#), digest(r#"{"a":1,"type":"object"}"#));
        assert_ne!(digest(r#"{"type":"object","a":1}"#), digest(r#"{"a":2,"type":"object"}"#));
    }
}
