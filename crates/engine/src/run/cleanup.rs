//! Keeps what a run registers for cleanup in its journal, and takes it back when its driver is done.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use windlass_model::{CleanupEntry, Code, Event, Failure};
use windlass_store::Position;

use super::clock::now_ms;
use super::driver::{Driver, Work};
use crate::cleanup::{CleanupJournal, CleanupStack, JournalFuture, TOTAL_TIMEOUT};
use crate::dispatch::Input;

/// What the stack tells the driver.
#[derive(Debug)]
pub(super) enum Note {
    /// There is something to take back; the answer is its number, once that is durable.
    Added { entry: CleanupEntry, reply: oneshot::Sender<u64> },
    /// It was taken back, or could not be.
    Done { id: u64, error: Option<String> },
}

/// The cleanup of a run, as its driver sees it.
pub(super) struct Cleanup {
    stack: CleanupStack,
    /// What an earlier driver left behind.
    leftovers: CleanupStack,
    /// Unbounded in type, bounded in fact: whoever registers an entry waits for the answer, and each entry is
    /// done once.
    notes: mpsc::UnboundedReceiver<Note>,
    journal: Arc<Journal>,
    /// Entries whose records are not durable yet, in order; the position is known once they are appended.
    waiting: VecDeque<(Option<Position>, u64, oneshot::Sender<u64>)>,
}

impl Cleanup {
    /// The cleanup of a run: `stack` is what it registers things on, `leftovers` what is taken back first.
    pub(super) fn new(stack: CleanupStack, leftovers: CleanupStack) -> Self {
        let (sender, notes) = mpsc::unbounded_channel();
        Self { stack, leftovers, notes, journal: Arc::new(Journal(sender)), waiting: VecDeque::new() }
    }

    /// Whether nothing is to be taken back.
    pub(super) fn is_empty(&self) -> bool {
        self.stack.is_empty()
    }

    /// The next thing that the stack tells.
    pub(super) async fn heard(&mut self) -> Note {
        // The channel never ends: the journal at its other end is held here too.
        match self.notes.recv().await {
            Some(note) => note,
            None => std::future::pending().await,
        }
    }

    /// Records up to `position` were appended.
    pub(super) fn appended(&mut self, position: Position) {
        for (at, ..) in self.waiting.iter_mut().filter(|(at, ..)| at.is_none()) {
            *at = Some(position);
        }
    }

    /// Records up to `position` are durable: what they announce may be made now.
    pub(super) fn durable(&mut self, position: Position) {
        while self.waiting.front().is_some_and(|(at, ..)| at.is_some_and(|at| at <= position)) {
            if let Some((_, id, reply)) = self.waiting.pop_front() {
                reply.send(id).ok();
            }
        }
    }

    /// Whether somebody waits for the disk.
    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl Driver {
    /// Takes back what an earlier driver left, and connects the run's own stack with the journal.
    pub(super) async fn begin_cleanup(&mut self, work: &mut Work) {
        let leftovers = std::mem::take(&mut self.cleanup.leftovers);
        leftovers.connect(self.cleanup.journal.clone());
        self.take_back(work, &leftovers).await;
        let (stack, journal) = (self.cleanup.stack.clone(), self.cleanup.journal.clone());
        // What was registered before the run is announced while it begins; the driver has to be free to hear it.
        // An error means that the journal is lost, which ends the run by itself.
        tokio::spawn(async move { stack.attach(journal).await.ok() });
    }

    /// Takes back all that the run registered, however it ended, and writes down what came of it.
    pub(super) async fn end_cleanup(&mut self, work: &mut Work) {
        let stack = self.cleanup.stack.clone();
        self.take_back(work, &stack).await;
    }

    async fn take_back(&mut self, work: &mut Work, stack: &CleanupStack) {
        if stack.is_empty() {
            return;
        }
        let mut taking = std::pin::pin!(stack.run_all(TOTAL_TIMEOUT));
        loop {
            tokio::select! {
                biased;
                note = self.cleanup.heard() => {
                    self.note(note);
                    // A lost journal must not keep anything from being taken back.
                    self.flush(work).await.ok();
                }
                changed = work.durable.changed(), if self.cleanup.waits() => {
                    if changed.is_err() {
                        self.cleanup.waiting.clear();
                    }
                }
                _ = &mut taking => break,
            }
            let durable = work.durable.borrow_and_update().position;
            self.cleanup.durable(durable);
        }
        while let Ok(note) = self.cleanup.notes.try_recv() {
            self.note(note);
        }
        self.flush(work).await.ok();
    }

    /// Writes down what the stack tells.
    pub(super) fn note(&mut self, note: Note) {
        let event = match note {
            Note::Added { entry, reply } => {
                let id = self.dispatcher.state().last_cleanup + 1;
                self.cleanup.waiting.push_back((None, id, reply));
                Event::CleanupAdded { id, entry: Box::new(entry) }
            }
            Note::Done { id, .. } if !self.dispatcher.state().cleanups.contains_key(&id) => return,
            Note::Done { id, error } => {
                Event::CleanupDone { id, error: error.map(|error| self.surroundings.redactor.text(&error)) }
            }
        };
        self.dispatcher.handle(now_ms(), Input::Event(event));
    }
}

/// The way from the stack to the driver.
struct Journal(mpsc::UnboundedSender<Note>);

impl CleanupJournal for Journal {
    fn added<'a>(&'a self, entry: &'a CleanupEntry) -> JournalFuture<'a, Result<u64, Failure>> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Note::Added { entry: entry.clone(), reply }).ok();
        Box::pin(async move {
            answer
                .await
                .map_err(|_| Failure::new(Code::JournalLost, "the run is over, or its journal is lost"))
        })
    }

    fn done<'a>(&'a self, id: u64, error: Option<String>) -> JournalFuture<'a, ()> {
        // After the run's end nobody listens.
        self.0.send(Note::Done { id, error }).ok();
        Box::pin(std::future::ready(()))
    }
}
