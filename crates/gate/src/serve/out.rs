//! What goes out: a bounded queue, and the thread that writes it.

use std::{
    collections::VecDeque,
    io::Write,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::lock;
use crate::wire::{self, Answer};

/// Events beyond so many queued bytes are dropped: a command that shouts must not wait for a slow controller.
const EVENTS: usize = 256 << 10;

/// Results and contents wait while so many bytes are queued. Above [`EVENTS`], so that events go first.
const ROOM: usize = 1 << 20;

/// With so many bytes queued the controller is taken for deaf: only small answers to its own orders can bring
/// the queue here, and each of those is a few bytes.
const DEAF: usize = 8 << 20;

/// The queue.
#[derive(Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Vec<u8>>,
    bytes: usize,
    queued: u64,
    written: u64,
    closed: bool,
}

impl Outbox {
    /// Queues an answer to an order, without waiting: the thread that reads must not. False: nobody reads.
    pub(super) fn reply(&self, answer: &Answer) -> bool {
        let mut state = lock(&self.state);
        self.push(&mut state, wire::encode(answer));
        state.bytes < DEAF
    }

    /// Queues an answer as soon as there is room.
    pub(super) fn answer(&self, answer: &Answer) {
        self.send(wire::encode(answer));
    }

    /// Queues an answer and returns when it is written, so that it is known before what follows it happens.
    pub(super) fn announce(&self, answer: &Answer) {
        let number = self.send(wire::encode(answer));
        let state = lock(&self.state);
        drop(self.wait(state, |state| state.written < number));
    }

    /// Queues a frame as soon as there is room, and gives its number.
    pub(super) fn send(&self, frame: Vec<u8>) -> u64 {
        let mut state = self.wait(lock(&self.state), |state| state.bytes > ROOM);
        self.push(&mut state, frame);
        state.queued
    }

    /// Queues an event, or does not: then it is lost.
    pub(super) fn event(&self, answer: &Answer) -> bool {
        let mut state = lock(&self.state);
        let room = state.bytes < EVENTS;
        if room {
            self.push(&mut state, wire::encode(answer));
        }
        room
    }

    /// Whether nobody takes answers any more.
    pub(super) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    /// Ends all waiting; nothing more is queued.
    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// Waits until everything is written, at most this long.
    pub(super) fn drain(&self, limit: Duration) {
        let end = Instant::now() + limit;
        let mut state = lock(&self.state);
        while state.written < state.queued && !state.closed {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Writes until the queue is closed or the stream fails.
    pub(super) fn write_to(&self, mut output: impl Write) {
        loop {
            let state = self.wait(lock(&self.state), |state| state.queue.is_empty());
            if state.closed {
                return;
            }
            let (batch, number) = self.take(state);
            if output.write_all(&batch.concat()).and_then(|()| output.flush()).is_err() {
                return self.close();
            }
            lock(&self.state).written = number;
            self.changed.notify_all();
        }
    }

    /// All that is queued, and the number of its last frame.
    fn take(&self, mut state: MutexGuard<'_, State>) -> (Vec<Vec<u8>>, u64) {
        state.bytes = 0;
        let (batch, number) = (std::mem::take(&mut state.queue), state.queued);
        drop(state);
        self.changed.notify_all();
        (batch.into(), number)
    }

    fn push(&self, state: &mut State, frame: Vec<u8>) {
        if !state.closed {
            state.bytes += frame.len();
            state.queue.push_back(frame);
            state.queued += 1;
            self.changed.notify_all();
        }
    }

    fn wait<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        while_: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        while while_(&state) && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }
}
