//! What Responses answer, made a reply.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    Delta, Error, Kind, Part, Reply, Stop, Tokens, fault,
    format::{Fold, arguments, garbled},
    sse::Event,
};

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Incoming {
    #[serde(rename = "response.output_text.delta", alias = "response.refusal.delta")]
    Text { delta: String },
    #[serde(rename = "response.output_item.added")]
    Added { item: Item },
    #[serde(rename = "response.output_item.done")]
    Done { item: Item },
    #[serde(
        rename = "response.completed",
        alias = "response.incomplete",
        alias = "response.failed",
        alias = "response.cancelled"
    )]
    Over { response: Whole },
    #[serde(rename = "error")]
    Error(Value),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    id: String,
    #[serde(default)]
    model: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    output: Vec<Item>,
    usage: Option<Usage>,
    error: Option<Value>,
    incomplete_details: Option<Incomplete>,
}

#[derive(Deserialize)]
struct Incomplete {
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item {
    Message {
        #[serde(default)]
        content: Vec<Content>,
    },
    FunctionCall {
        call_id: String,
        name: String,
        #[serde(default)]
        arguments: String,
    },
    Reasoning(Map<String, Value>),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Content {
    OutputText {
        text: String,
    },
    Refusal {
        refusal: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    input_tokens_details: Option<Details>,
}

#[derive(Default, Deserialize)]
struct Details {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

impl Usage {
    /// None where all is zero, which means that the server does not count.
    fn tokens(self) -> Option<Tokens> {
        let details = self.input_tokens_details.unwrap_or_default();
        let cache_read = details.cached_tokens.unwrap_or_default();
        let cache_write = details.cache_write_tokens.unwrap_or_default();
        let input = self.input_tokens.saturating_sub(cache_read.saturating_add(cache_write));
        let counted = self.input_tokens > 0 || self.output_tokens > 0;
        counted.then_some(Tokens { input, output: self.output_tokens, cache_read, cache_write })
    }
}

/// What has come of a reply.
#[derive(Default)]
pub(crate) struct Folding {
    /// Items that are complete, for servers that do not repeat them at the end.
    items: Vec<Item>,
    id: String,
    model: String,
    usage: Option<Tokens>,
    stop: Option<Stop>,
}

impl Folding {
    fn over(&mut self, whole: Whole) -> Result<(), Error> {
        self.usage = whole.usage.and_then(Usage::tokens);
        (self.id, self.model) = (whole.id, whole.model);
        if !whole.output.is_empty() {
            self.items = whole.output;
        }
        if let Some(error) = whole.error.filter(|error| !error.is_null()) {
            return Err(fault::of_value(&error, None));
        }
        let reason = whole.incomplete_details.and_then(|details| details.reason);
        self.stop = match (whole.status.as_str(), reason.as_deref()) {
            ("completed", _) => Some(Stop::End),
            ("incomplete", Some("max_output_tokens")) => Some(Stop::Length),
            ("incomplete", Some("content_filter")) => Some(Stop::Refused),
            ("incomplete", _) => Some(Stop::Other),
            (status, _) => {
                let why = format!("the reply ended as {:?}", fault::plain(status));
                return Err(Error::new(Kind::BadAnswer, why));
            }
        };
        Ok(())
    }
}

impl Fold for Folding {
    fn event(&mut self, event: Event<'_>, tell: &mut dyn FnMut(Delta<'_>)) -> Result<bool, Error> {
        // Some servers end the stream as Chat Completions do.
        if event.data == "[DONE]" {
            return Ok(true);
        }
        let incoming = serde_json::from_str(event.data).map_err(|_| garbled(event.data.as_bytes()))?;
        match incoming {
            Incoming::Text { delta } => tell(Delta::Text(&delta)),
            Incoming::Added { item: Item::FunctionCall { name, .. } } => tell(Delta::Call(&name)),
            Incoming::Done { item } => self.items.push(item),
            Incoming::Over { response } => {
                self.over(response)?;
                return Ok(true);
            }
            Incoming::Error(error) => {
                let inner = error.get("error").filter(|inner| inner.is_object());
                return Err(fault::of_value(inner.unwrap_or(&error), None));
            }
            Incoming::Added { .. } | Incoming::Other => {}
        }
        Ok(false)
    }

    fn whole(&mut self, body: &[u8], tell: &mut dyn FnMut(Delta<'_>)) -> Result<(), Error> {
        self.over(serde_json::from_slice(body).map_err(|_| garbled(body))?)?;
        for item in &self.items {
            match item {
                Item::Message { content } => {
                    for content in content {
                        if let Content::OutputText { text } | Content::Refusal { refusal: text } = content {
                            tell(Delta::Text(text));
                        }
                    }
                }
                Item::FunctionCall { name, .. } => tell(Delta::Call(name)),
                Item::Reasoning(_) | Item::Other => {}
            }
        }
        Ok(())
    }

    fn spent(&self) -> Option<Tokens> {
        self.usage
    }

    fn reply(&mut self) -> Option<Reply> {
        let mut stop = self.stop?;
        let mut parts = Vec::new();
        for item in std::mem::take(&mut self.items) {
            match item {
                Item::Message { content } => {
                    for content in content {
                        match content {
                            Content::OutputText { text } => parts.push(Part::Text { text }),
                            Content::Refusal { refusal: text } => {
                                stop = Stop::Refused;
                                parts.push(Part::Text { text });
                            }
                            Content::Other => {}
                        }
                    }
                }
                Item::FunctionCall { call_id: id, name, arguments: text } => {
                    if stop == Stop::End {
                        stop = Stop::ToolUse;
                    }
                    parts.push(Part::ToolCall { id, name, input: arguments(&text) });
                }
                // Without its content the service, which keeps nothing of it, could make nothing of it.
                Item::Reasoning(mut item) if item.get("encrypted_content").is_some_and(Value::is_string) => {
                    item.insert("type".into(), "reasoning".into());
                    parts.push(Part::Own { value: Value::Object(item) });
                }
                Item::Reasoning(_) | Item::Other => {}
            }
        }
        let (id, model) = (std::mem::take(&mut self.id), std::mem::take(&mut self.model));
        Some(Reply::of(id, model, parts, stop, self.usage))
    }
}
