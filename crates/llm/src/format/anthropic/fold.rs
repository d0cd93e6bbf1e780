//! What Anthropic's Messages answer, made a reply.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Delta, Error, Part, Reply, Stop, Tokens, fault,
    format::{Fold, arguments, garbled},
    sse::Event,
};

/// What the service tells of usage; the later number of a field is the one that counts.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Usage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
}

impl Usage {
    fn and(self, later: Self) -> Self {
        Self {
            input_tokens: later.input_tokens.or(self.input_tokens),
            output_tokens: later.output_tokens.or(self.output_tokens),
            cache_read_input_tokens: later.cache_read_input_tokens.or(self.cache_read_input_tokens),
            cache_creation_input_tokens: later
                .cache_creation_input_tokens
                .or(self.cache_creation_input_tokens),
        }
    }

    /// None where nothing was told, or nothing but zeros, which means that the server does not count.
    fn tokens(self) -> Option<Tokens> {
        let tokens = Tokens {
            input: self.input_tokens.unwrap_or_default(),
            output: self.output_tokens.unwrap_or_default(),
            cache_read: self.cache_read_input_tokens.unwrap_or_default(),
            cache_write: self.cache_creation_input_tokens.unwrap_or_default(),
        };
        (tokens.total() > 0).then_some(tokens)
    }
}

#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    id: String,
    #[serde(default)]
    model: String,
    #[serde(default)]
    content: Vec<Block>,
    stop_reason: Option<String>,
    #[serde(default)]
    usage: Usage,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text {
        #[serde(default)]
        text: String,
    },
    ToolUse {
        id: String,
        name: String,
        #[serde(default)]
        input: Value,
    },
    Thinking {
        #[serde(default)]
        thinking: String,
        #[serde(default)]
        signature: String,
    },
    RedactedThinking {
        data: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Incoming {
    MessageStart {
        message: Whole,
    },
    ContentBlockStart {
        index: usize,
        content_block: Block,
    },
    ContentBlockDelta {
        index: usize,
        delta: Piece,
    },
    MessageDelta {
        delta: Ending,
        #[serde(default)]
        usage: Usage,
    },
    MessageStop,
    Error {
        error: Value,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Piece {
    TextDelta {
        text: String,
    },
    InputJsonDelta {
        partial_json: String,
    },
    ThinkingDelta {
        thinking: String,
    },
    SignatureDelta {
        signature: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Ending {
    stop_reason: Option<String>,
}

/// A block that is coming.
enum Open {
    Text(String),
    Call { id: String, name: String, input: Value, json: String },
    Thought { thinking: String, signature: String },
    Hidden(String),
}

/// What has come of a reply.
#[derive(Default)]
pub(crate) struct Folding {
    forced: Option<String>,
    id: String,
    model: String,
    usage: Usage,
    blocks: BTreeMap<usize, Open>,
    stop: Option<String>,
    whole: bool,
}

impl Folding {
    /// With the tool that stands for the schema of the reply, if one does.
    pub(crate) fn new(forced: Option<String>) -> Self {
        Self { forced, ..Self::default() }
    }

    fn start(&mut self, message: Whole) {
        (self.id, self.model) = (message.id, message.model);
        self.usage = self.usage.and(message.usage);
        self.stop = message.stop_reason;
    }

    fn open(&mut self, index: usize, block: Block, tell: &mut dyn FnMut(Delta<'_>)) {
        let open = match block {
            Block::Text { text } => {
                if !text.is_empty() {
                    tell(Delta::Text(&text));
                }
                Open::Text(text)
            }
            Block::ToolUse { id, name, input } => {
                if self.forced.as_deref() != Some(name.as_str()) {
                    tell(Delta::Call(&name));
                }
                Open::Call { id, name, input, json: String::new() }
            }
            Block::Thinking { thinking, signature } => Open::Thought { thinking, signature },
            Block::RedactedThinking { data } => Open::Hidden(data),
            Block::Other => return,
        };
        self.blocks.insert(index, open);
    }

    fn more(&mut self, index: usize, piece: &Piece, tell: &mut dyn FnMut(Delta<'_>)) {
        match (self.blocks.get_mut(&index), piece) {
            (Some(Open::Text(text)), Piece::TextDelta { text: more }) => {
                tell(Delta::Text(more));
                text.push_str(more);
            }
            (Some(Open::Call { json, name, .. }), Piece::InputJsonDelta { partial_json }) => {
                if self.forced.as_deref() == Some(name.as_str()) {
                    tell(Delta::Text(partial_json));
                }
                json.push_str(partial_json);
            }
            (Some(Open::Thought { thinking, .. }), Piece::ThinkingDelta { thinking: more }) => {
                thinking.push_str(more);
            }
            (Some(Open::Thought { signature, .. }), Piece::SignatureDelta { signature: more }) => {
                signature.push_str(more);
            }
            _ => {}
        }
    }

    /// None for a thought that nobody has signed: the service would not take it back.
    fn part(&self, open: Open) -> Option<Part> {
        Some(match open {
            Open::Text(text) => Part::Text { text },
            Open::Thought { signature, .. } if signature.is_empty() => return None,
            Open::Thought { thinking, signature } => {
                let value = json!({"type": "thinking", "thinking": thinking, "signature": signature});
                Part::Own { value }
            }
            Open::Hidden(data) => Part::Own { value: json!({"type": "redacted_thinking", "data": data}) },
            Open::Call { name, input, json, .. } if self.forced.as_deref() == Some(name.as_str()) => {
                Part::Text { text: if json.is_empty() { input.to_string() } else { json } }
            }
            Open::Call { id, name, input, json } => {
                let input = if json.is_empty() { input } else { arguments(&json) };
                Part::ToolCall { id, name, input }
            }
        })
    }
}

impl Fold for Folding {
    fn event(&mut self, event: Event<'_>, tell: &mut dyn FnMut(Delta<'_>)) -> Result<bool, Error> {
        let incoming = serde_json::from_str(event.data).map_err(|_| garbled(event.data.as_bytes()))?;
        match incoming {
            Incoming::MessageStart { message } => self.start(message),
            Incoming::ContentBlockStart { index, content_block } => self.open(index, content_block, tell),
            Incoming::ContentBlockDelta { index, delta } => self.more(index, &delta, tell),
            Incoming::MessageDelta { delta, usage } => {
                self.usage = self.usage.and(usage);
                self.stop = delta.stop_reason.or(self.stop.take());
            }
            Incoming::MessageStop => self.whole = true,
            Incoming::Error { error } => return Err(fault::of_value(&error, None)),
            Incoming::Other => {}
        }
        Ok(self.whole)
    }

    fn whole(&mut self, body: &[u8], tell: &mut dyn FnMut(Delta<'_>)) -> Result<(), Error> {
        let mut message: Whole = serde_json::from_slice(body).map_err(|_| garbled(body))?;
        for (index, block) in std::mem::take(&mut message.content).into_iter().enumerate() {
            self.open(index, block, tell);
        }
        self.start(message);
        self.whole = self.stop.is_some();
        Ok(())
    }

    fn spent(&self) -> Option<Tokens> {
        self.usage.tokens()
    }

    fn reply(&mut self) -> Option<Reply> {
        if !self.whole {
            return None;
        }
        let blocks = std::mem::take(&mut self.blocks);
        let parts: Vec<Part> = blocks.into_values().filter_map(|open| self.part(open)).collect();
        let stop = match self.stop.as_deref() {
            Some("end_turn") => Stop::End,
            Some("max_tokens" | "model_context_window_exceeded") => Stop::Length,
            Some("stop_sequence") => Stop::StopWord,
            Some("tool_use") if self.forced.is_some() => Stop::End,
            Some("tool_use") => Stop::ToolUse,
            Some("refusal") => Stop::Refused,
            _ => Stop::Other,
        };
        let (id, model) = (std::mem::take(&mut self.id), std::mem::take(&mut self.model));
        Some(Reply::of(id, model, parts, stop, self.usage.tokens()))
    }
}
