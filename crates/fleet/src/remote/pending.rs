//! The requests of a connection that have no answer yet, and what may be said about them.
//!
//! Whatever a gate sends is held against this list: an answer to a question that nobody asked, or a second one,
//! is no mistake to pass over but the end of the connection. So a hostile host can fill no memory.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use windlass_gate::wire::{Body, Fault, Info};
use windlass_gate::{Part, Progress};

use super::{Error, Source};
use crate::Foresight;

/// What a request is told.
#[derive(Debug)]
pub(super) enum Told {
    /// It is about to start.
    Started,
    /// It has ended.
    Done(Body),
    /// The gate refuses it.
    Refused(String),
}

/// A request.
pub(super) struct Pending {
    /// Gone if nobody waits any more; the gate answers nevertheless.
    pub(super) tell: mpsc::UnboundedSender<(usize, Told)>,
    /// Which of its batch it is.
    pub(super) index: usize,
    pub(super) listener: Option<Arc<dyn Progress + Send + Sync>>,
    pub(super) started: bool,
    /// Who keeps what it foresees, and of which machine, until it has said that.
    pub(super) foreseen: Option<(Arc<Foresight>, String)>,
    pub(super) kind: Kind,
}

/// What answers it.
pub(super) enum Kind {
    /// A module, alone or in this batch.
    Module { batch: Option<u64>, contents: Arc<HashMap<String, Source>> },
    /// Bytes of the host by this transfer: a file, or what a module would change.
    Transfer { transfer: u32, contents: Arc<HashMap<String, Source>> },
}

/// A file that comes.
pub(super) struct Incoming {
    pub(super) pieces: mpsc::UnboundedSender<Vec<u8>>,
    pub(super) came: u64,
    /// How far the gate has been told that we are.
    pub(super) acked: u64,
}

/// A batch: what its modules stand on, and those that have no answer yet.
pub(super) struct Group {
    pub(super) contents: Arc<HashMap<String, Source>>,
    pub(super) left: usize,
}

/// Everything of a connection that has no answer yet.
#[derive(Default)]
pub(super) struct Table {
    pub(super) requests: HashMap<u64, Pending>,
    pub(super) batches: HashMap<u64, Group>,
    pub(super) infos: HashMap<u64, oneshot::Sender<Result<Info, Error>>>,
    pub(super) incoming: HashMap<u32, Incoming>,
    /// How many bytes of each transfer were sent, and how many of them the gate has.
    pub(super) outgoing: HashMap<u32, Outgoing>,
    pub(super) next_id: u64,
    pub(super) next_transfer: u32,
    pub(super) ended: Option<Error>,
    /// A module of the gate broke: what it held is held for good.
    pub(super) broken: bool,
}

/// A content on its way.
pub(super) struct Outgoing {
    pub(super) sent: u64,
    pub(super) acked: tokio::sync::watch::Sender<u64>,
}

impl Pending {
    /// Tells whoever asked, who may have stopped waiting.
    fn tell(&self, told: Told) {
        self.tell.send((self.index, told)).ok();
    }
}

impl Table {
    /// A name for a request.
    pub(super) fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// A name for a transfer. They come round after four thousand million.
    pub(super) fn transfer(&mut self) -> u32 {
        self.next_transfer = self.next_transfer.wrapping_add(1);
        self.next_transfer
    }

    /// Whether the gate owes us nothing, and can still do everything.
    pub(super) fn is_idle(&self) -> bool {
        self.ended.is_none()
            && !self.broken
            && self.requests.is_empty()
            && self.infos.is_empty()
            && self.incoming.is_empty()
            && self.outgoing.is_empty()
    }

    /// A module is about to start.
    pub(super) fn started(&mut self, id: u64) -> Result<(), Error> {
        let pending = self.requests.get_mut(&id).ok_or_else(|| stray("a start", id))?;
        if std::mem::replace(&mut pending.started, true) {
            return Err(Error::Rogue(format!("request {id} starts twice")));
        }
        pending.tell(Told::Started);
        Ok(())
    }

    /// What a request foresaw, which it says once; who keeps nothing of it takes no notice.
    pub(super) fn foreseen(&mut self, id: u64, gate: u64, parts: Vec<Part>) -> Result<(), Error> {
        let pending = self.requests.get_mut(&id).ok_or_else(|| stray("a forecast", id))?;
        if let Some((foresight, machine)) = pending.foreseen.take() {
            foresight.learn(gate, &machine, parts);
        }
        Ok(())
    }

    /// A request has its answer.
    pub(super) fn done(&mut self, id: u64, body: Body) -> Result<(), Error> {
        let pending = self.requests.remove(&id).ok_or_else(|| stray("a result", id))?;
        self.broken |= matches!(body, Body::Error(Fault::Panicked { .. }));
        match (&pending.kind, &body) {
            (Kind::Transfer { transfer, .. }, _) => drop(self.incoming.remove(transfer)),
            (Kind::Module { .. }, Body::File { .. }) => {
                return Err(Error::Rogue(format!("request {id} is answered by a file")));
            }
            (Kind::Module { batch, .. }, _) => self.leave(*batch),
        }
        pending.tell(Told::Done(body));
        Ok(())
    }

    /// The gate refuses a request, or a batch and so all that is in it.
    pub(super) fn refused(&mut self, id: u64, message: &str) -> Result<(), Error> {
        let in_batch = |pending: &Pending| matches!(pending.kind, Kind::Module { batch: Some(batch), .. } if batch == id);
        let ids: Vec<u64> = match self.batches.remove(&id) {
            Some(_) => self.requests.iter().filter(|(_, it)| in_batch(it)).map(|(id, _)| *id).collect(),
            None => vec![id],
        };
        for id in ids {
            if let Some(waiting) = self.infos.remove(&id) {
                // Whoever asked may have stopped waiting.
                waiting.send(Err(Error::GaveUp(message.to_owned()))).ok();
                continue;
            }
            let pending = self.requests.remove(&id).ok_or_else(|| stray("an error", id))?;
            if let Kind::Transfer { transfer, .. } = pending.kind {
                self.incoming.remove(&transfer);
            }
            pending.tell(Told::Refused(message.to_owned()));
        }
        Ok(())
    }

    /// Whoever listens to a request, where it asked for live output.
    pub(super) fn listener(&self, id: u64) -> Result<Arc<dyn Progress + Send + Sync>, Error> {
        let pending = self.requests.get(&id).ok_or_else(|| stray("live output", id))?;
        let listener = pending.listener.clone().filter(|_| pending.started);
        listener.ok_or_else(|| Error::Rogue(format!("request {id} has live output that it did not ask for")))
    }

    /// The contents that a request or a batch has offered.
    pub(super) fn offered(&self, id: u64) -> Result<Arc<HashMap<String, Source>>, Error> {
        if let Some(group) = self.batches.get(&id) {
            return Ok(group.contents.clone());
        }
        match self.requests.get(&id).map(|pending| &pending.kind) {
            Some(Kind::Module { contents, .. } | Kind::Transfer { contents, .. }) => Ok(contents.clone()),
            _ => Err(stray("a need", id)),
        }
    }

    /// A piece of a file. Returns how much of it has come, where the gate should hear of it.
    pub(super) fn piece(&mut self, transfer: u32, bytes: Vec<u8>, window: u64) -> Result<(), Error> {
        let stray = || Error::Rogue(format!("a content for transfer {transfer}, which is not open"));
        let incoming = self.incoming.get_mut(&transfer).ok_or_else(stray)?;
        incoming.came += bytes.len() as u64;
        if incoming.came - incoming.acked > window {
            return Err(Error::Rogue(format!("transfer {transfer} does not wait for us")));
        }
        // Where nobody takes them any more the transfer is cancelled already, and what is under way is dropped.
        incoming.pieces.send(bytes).ok();
        Ok(())
    }

    /// The gate has so many bytes of a content. One that is over may be told of once more.
    pub(super) fn acked(&mut self, transfer: u32, bytes: u64) -> Result<(), Error> {
        let known = transfer.wrapping_sub(1) < self.next_transfer;
        match self.outgoing.get(&transfer) {
            Some(outgoing) if bytes <= outgoing.sent => {
                outgoing.acked.send_replace(bytes);
                Ok(())
            }
            None if known => Ok(()),
            _ => Err(Error::Rogue(format!("it has more of transfer {transfer} than was sent"))),
        }
    }

    /// The connection is over: everybody who waits is told.
    pub(super) fn end(&mut self, error: &Error) {
        self.ended.get_or_insert_with(|| error.clone());
        for (_, waiting) in self.infos.drain() {
            // Whoever asked may have stopped waiting.
            waiting.send(Err(error.clone())).ok();
        }
        // Their channels close, and whoever waits looks here for the reason.
        self.requests.clear();
        self.batches.clear();
        self.incoming.clear();
        self.outgoing.clear();
    }

    fn leave(&mut self, batch: Option<u64>) {
        let Some(id) = batch else { return };
        if let Some(group) = self.batches.get_mut(&id) {
            group.left -= 1;
            if group.left == 0 {
                self.batches.remove(&id);
            }
        }
    }
}

fn stray(what: &str, id: u64) -> Error {
    Error::Rogue(format!("{what} for request {id}, which is not open"))
}
