//! What a prompt writes down round by round: every reply and every tool's result, before the next request. An attempt
//! that follows reads them in place of asking and calling again.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use windlass_engine::StepContext;
use windlass_llm::Reply;
use windlass_model::{BlobId, Failure, Note, Usage};

use super::tool::Done;

/// Up to this size, in bytes, a content stands in the journal itself; what is larger is kept by its hash.
const INLINE: usize = 8 << 10;

/// What one note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// A request is about to be sent.
    Asks,
    /// It was answered.
    Replied,
    /// A tool that the answer calls was done.
    Called,
}

/// One note, as the journal has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    note: Kind,
    model: String,
    /// The hash of the request.
    request: BlobId,
    /// The number of the call in the answer to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call: Option<usize>,
    /// What is told of it with the step's result.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    told: Value,
    /// The reply, or what came of the call.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    content: Value,
    /// The same, where it is kept by its hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept: Option<BlobId>,
}

/// What earlier attempts noted, as far as it can be read. What another version noted is not gone on with.
pub(super) fn entries(notes: &[std::sync::Arc<Note>]) -> Vec<Entry> {
    notes.iter().filter_map(|note| Entry::deserialize(&note.data).ok()).collect()
}

/// How many requests of a conversation were answered that begins with this one: each is asked once. What was summed
/// up for it beforehand does not count.
pub(super) fn answered(entries: &[Entry], first: &BlobId) -> u64 {
    let begins = entries.iter().rposition(|entry| entry.note == Kind::Asks && entry.request == *first);
    let Some(begins) = begins else { return 0 };
    let known: std::collections::BTreeSet<_> =
        entries[begins..].iter().filter(|entry| entry.note == Kind::Replied).map(|e| &e.request).collect();
    known.len() as u64
}

/// The text that a request was answered with, where it stands in the journal itself.
pub(super) fn text_of(entries: &[Entry], request: &BlobId) -> Option<String> {
    let entry = entries.iter().find(|entry| entry.note == Kind::Replied && entry.request == *request)?;
    Reply::deserialize(&entry.content).ok().map(|reply| reply.text())
}

/// The notes of one attempt.
pub(super) struct Rounds {
    step: StepContext,
    model: String,
    earlier: Vec<Entry>,
    /// Whether there can be more than one request, so that there is something to go on with.
    several: bool,
}

impl Rounds {
    pub(super) fn new(step: &StepContext, model: &str, several: bool) -> Self {
        let earlier = entries(step.notes.earlier());
        Self { step: step.clone(), model: model.to_owned(), earlier, several }
    }

    /// The reply that a request had before, with what is told of it.
    pub(super) fn reply(&mut self, request: &BlobId) -> Option<(Reply, Value)> {
        self.find(Kind::Replied, request, None)
    }

    /// What came before of a call in the answer to a request.
    pub(super) fn result(&mut self, request: &BlobId, call: usize) -> Option<Done> {
        self.find(Kind::Called, request, Some(call)).map(|(done, _)| done)
    }

    /// Writes down that a request is about to be sent, and what it may use; what was used before it is told too.
    pub(super) async fn asks(&self, request: &BlobId, used: Usage, next: Usage) -> Result<(), Failure> {
        self.write(Kind::Asks, (request, None), Value::Null, None, (used, next)).await
    }

    /// Writes down a reply, and what it took.
    pub(super) async fn replied(
        &self,
        request: &BlobId,
        reply: &Reply,
        told: &Value,
        used: Usage,
    ) -> Result<(), Failure> {
        let content = serde_json::to_value(reply).ok();
        self.write(Kind::Replied, (request, None), told.clone(), content, (used, Usage::default())).await
    }

    /// Writes down what came of a call.
    pub(super) async fn called(&self, request: &BlobId, call: usize, done: &Done) -> Result<(), Failure> {
        let content = serde_json::to_value(done).ok();
        self.write(Kind::Called, (request, Some(call)), Value::Null, content, Default::default()).await
    }

    async fn write(
        &self,
        note: Kind,
        (request, call): (&BlobId, Option<usize>),
        told: Value,
        content: Option<Value>,
        (used, next): (Usage, Usage),
    ) -> Result<(), Failure> {
        if !self.several {
            return Ok(());
        }
        let mut entry = Entry {
            note,
            model: self.model.clone(),
            request: request.clone(),
            call,
            told,
            content: content.unwrap_or_default(),
            kept: None,
        };
        let whole = entry.content.to_string();
        // Where there is no room for it, it stands in the journal all the same: it was paid for.
        if whole.len() > INLINE
            && let Some(kept) = self.step.blobs.keep(whole.as_bytes()).ok().flatten()
        {
            (entry.content, entry.kept) = (Value::Null, Some(kept));
        }
        self.step.notes.write(Note { used, next, data: json!(entry) }).await
    }

    /// Takes the first note of its kind. A content that is gone is asked for again.
    fn find<T: DeserializeOwned>(
        &mut self,
        note: Kind,
        request: &BlobId,
        call: Option<usize>,
    ) -> Option<(T, Value)> {
        let is = |entry: &Entry| entry.note == note && entry.request == *request && entry.call == call;
        let place = self.earlier.iter().position(is)?;
        let entry = self.earlier.remove(place);
        let content = match entry.kept {
            Some(kept) => serde_json::from_slice(&self.step.blobs.read(&kept).ok()?).ok()?,
            None => entry.content,
        };
        Some((serde_json::from_value(content).ok()?, entry.told))
    }
}
