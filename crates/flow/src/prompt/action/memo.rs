//! Replies that are kept by their request, so that the same question is paid for once.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use windlass_engine::StepContext;
use windlass_llm::{Request, Stop};
use windlass_model::BlobId;

use crate::prompt::Deed;

/// The version of what is kept; what another version kept is asked for again.
const VERSION: u32 = 1;

/// What is kept of a reply.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Memo {
    version: u32,
    pub(super) text: String,
    pub(super) json: Option<Value>,
    pub(super) answered_by: String,
    pub(super) stop: Stop,
}

/// The hash of all that an answer stands on: the request, and who is asked.
pub(super) fn question(deed: &Deed, request: &Request) -> BlobId {
    let provider = &deed.provider;
    let who = serde_json::json!([provider.kind, provider.base_url, provider.argv, provider.quirks]);
    let mut bytes = request.canonical();
    bytes.extend_from_slice(who.to_string().as_bytes());
    BlobId::of(&bytes)
}

/// The reply that the same request had before.
pub(super) fn recall(step: &StepContext, question: &BlobId) -> Option<Memo> {
    let kept = step.blobs.recall(question)?;
    serde_json::from_slice(&kept).ok().filter(|memo: &Memo| memo.version == VERSION)
}

/// Keeps a reply. That it cannot be kept fails nothing: it is asked for again.
pub(super) fn remember(
    step: &StepContext,
    question: &BlobId,
    (text, json): (&str, Option<&Value>),
    (answered_by, stop): (&str, Stop),
) {
    let memo = Memo {
        version: VERSION,
        text: text.to_owned(),
        json: json.cloned(),
        answered_by: answered_by.to_owned(),
        stop,
    };
    if let Ok(bytes) = serde_json::to_vec(&memo) {
        let _ = step.blobs.remember(question, &bytes);
    }
}
