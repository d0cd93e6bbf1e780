//! Bytes of a host on their way here: files, and what files held before a module.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use windlass_engine::Blobs;
use windlass_gate::undo::{Before, MAX_BYTES, MAX_ENTRIES};
use windlass_gate::wire::{Body, Deed, Order};
use windlass_model::{Code, Failure};

use super::gate::refused;
use super::pending::{Incoming, Kind, Pending, Told};
use super::{Error, Gate, Request, Source};

impl Gate {
    /// Reads a file of the host, piece by piece. Returns its SHA-256 and its mode, when `take` has seen all of it.
    pub async fn get(&self, path: &str, mut take: impl FnMut(&[u8])) -> Result<(String, String), Failure> {
        let mut bytes = 0;
        let order = |id, transfer| Order::Get { id, transfer, path: path.to_owned() };
        let counted = |piece: &[u8]| {
            bytes += piece.len() as u64;
            take(piece);
            Ok(())
        };
        match self.receive(Arc::default(), order, counted).await? {
            Body::File { sha256, size, mode } if size == bytes => Ok((sha256, mode)),
            _ => Err(Error::Rogue(format!("{path} did not come whole")).failure()),
        }
    }

    /// How everything is that a module would change, with the contents in the store; none where it would change
    /// nothing.
    pub(crate) async fn keep(
        &self,
        request: Request,
        blobs: &Arc<dyn Blobs>,
    ) -> Result<Option<Value>, Failure> {
        let Request { mut task, contents, .. } = request;
        let mut kept = Kept { blobs, rest: Vec::new(), taken: 0, names: Vec::new() };
        let order = |id, transfer| {
            (task.id, task.deed) = (id, Some(Box::new(Deed::Keep { transfer })));
            Order::from(task)
        };
        let body = self.receive(Arc::new(contents), order, |piece| kept.take(piece)).await?;
        let Body::Reply(reply) = body else {
            return Err(Error::Rogue("a module is answered by a file".into()).failure());
        };
        let before = match reply.fields.get("before") {
            None | Some(Value::Null) => return Ok(None),
            Some(before) => before,
        };
        // What is put back one day comes out of this, and a host gets no contents but its own.
        let own = |before: &Before| before.contents().all(|name| kept.names.iter().any(|own| own == name));
        match Before::from_json(before).filter(own) {
            Some(known) if kept.rest.is_empty() => Ok(Some(known.to_json())),
            _ => Err(Error::Rogue("it does not say how things were".into()).failure()),
        }
    }

    /// Sends an order that is answered over a transfer, and takes what comes over it before its result.
    async fn receive(
        &self,
        contents: Arc<HashMap<String, Source>>,
        order: impl FnOnce(u64, u32) -> Order,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<Body, Failure> {
        let (tell, mut told) = mpsc::unbounded_channel();
        let (pieces, mut content) = mpsc::unbounded_channel::<Vec<u8>>();
        let slot = self.slots(1).await?;
        let (id, transfer) = {
            let mut table = self.alive()?;
            let (id, transfer) = (table.id(), table.transfer());
            table.incoming.insert(transfer, Incoming { pieces, came: 0, acked: 0 });
            let kind = Kind::Transfer { transfer, contents };
            table
                .requests
                .insert(id, Pending { tell, index: 0, listener: None, started: false, foreseen: None, kind });
            (id, transfer)
        };
        let shared = &self.inner.shared;
        let mut left = Cancelling { gate: self, id: Some(id), _slots: slot };
        shared.order(&order(id, transfer));
        let mut bytes = 0;
        while let Some(piece) = content.recv().await {
            take(&piece)?;
            bytes += piece.len() as u64;
            if let Some(incoming) = shared.table().incoming.get_mut(&transfer) {
                incoming.acked = bytes;
            }
            shared.order(&Order::Ack { transfer, bytes });
        }
        let mut answer = told.recv().await;
        if matches!(answer, Some((_, Told::Started))) {
            answer = told.recv().await;
        }
        left.id = None;
        match answer {
            Some((_, Told::Done(Body::Error(fault)))) => Err(refused(fault)),
            Some((_, Told::Done(body))) => Ok(body),
            Some((_, Told::Refused(message))) => Err(Error::GaveUp(message).failure()),
            Some((_, Told::Started)) | None => Err(self.ended().failure()),
        }
    }
}

/// Contents out of one stream, each after its length.
struct Kept<'a> {
    blobs: &'a Arc<dyn Blobs>,
    /// What has come of the next one, with its length.
    rest: Vec<u8>,
    taken: u64,
    /// The names of those that are in the store.
    names: Vec<String>,
}

impl Kept<'_> {
    fn take(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.taken += piece.len() as u64;
        if self.taken > MAX_BYTES + 8 * MAX_ENTRIES as u64 {
            return Err(Error::Rogue("it sends more than a gate keeps".into()).failure());
        }
        self.rest.extend_from_slice(piece);
        while let Some((length, content)) = self.rest.split_first_chunk::<8>() {
            let length = u64::from_be_bytes(*length);
            if length > MAX_BYTES {
                return Err(Error::Rogue(format!("it sends a content of {length} bytes")).failure());
            }
            let Some(content) = content.get(..length as usize) else { break };
            let none =
                || Failure::new(Code::CannotUndo, "what was there is not kept: there is no room for it");
            let name = self.blobs.keep(content)?.ok_or_else(|| none().permanent())?;
            self.names.push(name.as_str().to_owned());
            let used = 8 + content.len();
            self.rest.drain(..used);
        }
        Ok(())
    }
}

/// Cancels a request that nobody waits for any more.
struct Cancelling<'a> {
    gate: &'a Gate,
    id: Option<u64>,
    _slots: OwnedSemaphorePermit,
}

impl Drop for Cancelling<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.gate.inner.shared.order(&Order::Cancel { id });
        }
    }
}
