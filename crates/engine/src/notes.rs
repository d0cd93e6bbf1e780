//! What a step writes down while it works, so that the next attempt at it goes on from there.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use windlass_model::{At, Code, Failure, Note};

use crate::dispatch::Input;
use crate::redact::Redactor;

/// The notes of one attempt, and those of the attempts before it. One by itself keeps none.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    earlier: Arc<[Arc<Note>]>,
    to: Option<Way>,
}

/// The way into the journal.
#[derive(Clone)]
struct Way {
    at: At,
    attempt: u32,
    inputs: mpsc::UnboundedSender<Input>,
    redactor: Arc<Redactor>,
    /// Whether only what was used is told, because the step says `no_log`.
    bare: bool,
}

impl Notes {
    /// Those of an attempt that goes on with what earlier ones noted.
    pub(crate) fn new(
        (at, attempt): (At, u32),
        earlier: Arc<[Arc<Note>]>,
        inputs: mpsc::UnboundedSender<Input>,
        redactor: Arc<Redactor>,
        bare: bool,
    ) -> Self {
        Self { earlier, to: Some(Way { at, attempt, inputs, redactor, bare }) }
    }

    /// What attempts before this one wrote down, in order.
    pub fn earlier(&self) -> &[Arc<Note>] {
        &self.earlier
    }

    /// Writes something down. When this returns it is durable: what it says was used counts whatever happens, and
    /// the next attempt finds it. Secrets are taken out of it.
    pub async fn write(&self, mut note: Note) -> Result<(), Failure> {
        let Some(way) = &self.to else { return Ok(()) };
        match way.bare {
            true => note.data = Value::Null,
            false => way.redactor.value(&mut note.data),
        }
        let (reply, durable) = oneshot::channel();
        let Way { at, attempt, .. } = *way;
        way.inputs.send(Input::Noted { at, attempt, note: Arc::new(note), reply }).ok();
        durable
            .await
            .map_err(|_| Failure::new(Code::JournalLost, "the journal is lost, or the step was ended"))
    }
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Way({:?})", self.at)
    }
}
