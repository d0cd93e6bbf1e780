//! What Chat Completions answer, made a reply.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    Delta, Error, Part, Reply, Stop, Tokens, fault,
    format::{Fold, arguments, garbled},
    sse::Event,
};

/// A chunk of a stream, or a whole answer: they differ in `delta` and `message` alone. Servers leave out, or make
/// null, what they like.
#[derive(Deserialize)]
struct Chunk {
    id: Option<String>,
    model: Option<String>,
    choices: Option<Vec<Candidate>>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Candidate {
    #[serde(alias = "message")]
    delta: Option<Words>,
    finish_reason: Option<String>,
    /// Some servers tell here which stop text came.
    stop_reason: Option<Value>,
}

#[derive(Deserialize)]
struct Words {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<CallPiece>>,
}

#[derive(Deserialize)]
struct CallPiece {
    index: Option<usize>,
    id: Option<String>,
    function: Option<FunctionPiece>,
}

#[derive(Deserialize)]
struct FunctionPiece {
    name: Option<String>,
    arguments: Option<String>,
}

/// What the service tells of usage; some send zeros before they know.
#[derive(Clone, Copy, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    prompt_tokens_details: Option<Details>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct Details {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        let details = usage.prompt_tokens_details.unwrap_or_default();
        let cache_read = details.cached_tokens.unwrap_or_default();
        let cache_write = details.cache_write_tokens.unwrap_or_default();
        let input = usage.prompt_tokens.saturating_sub(cache_read.saturating_add(cache_write));
        Self { input, output: usage.completion_tokens, cache_read, cache_write }
    }
}

#[derive(Default)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

/// What has come of a reply.
#[derive(Default)]
pub(crate) struct Folding {
    id: String,
    model: String,
    text: String,
    calls: BTreeMap<usize, Call>,
    stop: Option<Stop>,
    refused: bool,
    usage: Option<Tokens>,
}

impl Folding {
    fn take(&mut self, chunk: Chunk, tell: &mut dyn FnMut(Delta<'_>)) -> Result<(), Error> {
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(fault::of_value(&error, None));
        }
        for (own, came) in [(&mut self.id, chunk.id), (&mut self.model, chunk.model)] {
            if let Some(came) = came.filter(|came| !came.is_empty()) {
                *own = came;
            }
        }
        if let Some(usage) =
            chunk.usage.filter(|usage| usage.prompt_tokens > 0 || usage.completion_tokens > 0)
        {
            self.usage = Some(usage.into());
        }
        // One answer is asked for; a server that gives several has its first one taken.
        if let Some(candidate) = chunk.choices.and_then(|choices| choices.into_iter().next()) {
            self.candidate(candidate, tell);
        }
        Ok(())
    }

    fn candidate(&mut self, candidate: Candidate, tell: &mut dyn FnMut(Delta<'_>)) {
        if let Some(words) = candidate.delta {
            self.refused |= words.refusal.as_ref().is_some_and(|text| !text.is_empty());
            for text in [words.content, words.refusal].into_iter().flatten().filter(|text| !text.is_empty()) {
                tell(Delta::Text(&text));
                self.text.push_str(&text);
            }
            for (at, piece) in words.tool_calls.into_iter().flatten().enumerate() {
                self.call(at, piece, tell);
            }
        }
        if let Some(reason) = candidate.finish_reason {
            self.stop = Some(match reason.as_str() {
                "stop" if candidate.stop_reason.is_some_and(|reason| reason.is_string()) => Stop::StopWord,
                "stop" => Stop::End,
                "length" => Stop::Length,
                "tool_calls" | "function_call" => Stop::ToolUse,
                "content_filter" => Stop::Refused,
                _ => Stop::Other,
            });
        }
    }

    /// A call comes in pieces, which its index holds together. Servers without an index send whole calls, each with
    /// an id of its own.
    fn call(&mut self, at: usize, piece: CallPiece, tell: &mut dyn FnMut(Delta<'_>)) {
        let fresh = || self.calls.keys().next_back().map_or(0, |last| last + 1);
        let index = match (piece.index, &piece.id) {
            (Some(index), _) => index,
            (None, Some(id)) => {
                let known = self.calls.iter().find(|(_, call)| call.id == *id).map(|(index, _)| *index);
                known.unwrap_or_else(fresh)
            }
            (None, None) => at,
        };
        let call = self.calls.entry(index).or_default();
        if let Some(id) = piece.id.filter(|id| !id.is_empty()) {
            call.id = id;
        }
        let Some(function) = piece.function else { return };
        if let Some(name) = function.name.filter(|name| !name.is_empty()) {
            if call.name.is_empty() {
                tell(Delta::Call(&name));
            }
            call.name = name;
        }
        call.arguments.push_str(&function.arguments.unwrap_or_default());
    }
}

impl Fold for Folding {
    fn event(&mut self, event: Event<'_>, tell: &mut dyn FnMut(Delta<'_>)) -> Result<bool, Error> {
        if event.data == "[DONE]" {
            return Ok(true);
        }
        let chunk = serde_json::from_str(event.data).map_err(|_| garbled(event.data.as_bytes()))?;
        self.take(chunk, tell)?;
        Ok(false)
    }

    fn whole(&mut self, body: &[u8], tell: &mut dyn FnMut(Delta<'_>)) -> Result<(), Error> {
        self.take(serde_json::from_slice(body).map_err(|_| garbled(body))?, tell)
    }

    fn spent(&self) -> Option<Tokens> {
        self.usage
    }

    fn reply(&mut self) -> Option<Reply> {
        let stop = self.stop?;
        let mut parts = Vec::new();
        if !self.text.is_empty() {
            parts.push(Part::Text { text: std::mem::take(&mut self.text) });
        }
        for (index, call) in std::mem::take(&mut self.calls) {
            let id = if call.id.is_empty() { format!("call_{index}") } else { call.id };
            parts.push(Part::ToolCall { id, name: call.name, input: arguments(&call.arguments) });
        }
        let called = parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
        let stop = match stop {
            Stop::End if self.refused => Stop::Refused,
            // Forced calls end with "stop", and so do all with some servers.
            Stop::End if called => Stop::ToolUse,
            other => other,
        };
        let (id, model) = (std::mem::take(&mut self.id), std::mem::take(&mut self.model));
        Some(Reply::of(id, model, parts, stop, self.usage))
    }
}
