//! Threads that do requests: as many as are needed, up to a bound.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::lock;

/// How many requests are worked on at once. A module mostly waits for a child or a disk; each needs a handful
/// of descriptors.
const THREADS: usize = 64;

/// A thread that has had nothing to do for so long ends.
const IDLE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// A pool. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Pool {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
    /// A thread has nothing to do any more.
    settled: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl Pool {
    /// Does a job as soon as a thread is free; false if there is no thread at all and none can be had.
    pub(super) fn submit(&self, job: impl FnOnce() + Send + 'static) -> bool {
        let mut state = lock(&self.inner.state);
        if state.queue.len() >= state.idle && state.threads < THREADS {
            let inner = self.inner.clone();
            match thread::Builder::new().name("module".into()).spawn(move || inner.work()) {
                Ok(_) => state.threads += 1,
                Err(_) if state.threads > 0 => {}
                Err(_) => return false,
            }
        }
        state.queue.push_back(Box::new(job));
        drop(state);
        self.inner.changed.notify_one();
        true
    }

    /// The thread that calls this will never come back for another job.
    pub(super) fn leave(&self) {
        lock(&self.inner.state).threads -= 1;
        self.inner.changed.notify_all();
    }

    /// Waits until no thread is at work, at most this long; says whether that is so.
    pub(super) fn settle(&self, limit: Duration) -> bool {
        let state = lock(&self.inner.state);
        let busy = |state: &mut State| !state.queue.is_empty() || state.idle < state.threads;
        let waited = self.inner.settled.wait_timeout_while(state, limit, busy);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Takes no more jobs, forgets those that have not begun, and waits for the others, at most this long.
    pub(super) fn close(&self, limit: Duration) {
        let end = Instant::now() + limit;
        let mut state = lock(&self.inner.state);
        state.closed = true;
        state.queue.clear();
        self.inner.changed.notify_all();
        while state.threads > 0 {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.inner.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Inner {
    fn work(&self) {
        while let Some(job) = self.next() {
            job();
        }
        self.changed.notify_all();
    }

    fn next(&self) -> Option<Job> {
        let mut state = lock(&self.state);
        let end = Instant::now() + IDLE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match state.queue.pop_front() {
                Some(job) => return Some(job),
                None if state.closed || left.is_zero() => {
                    state.threads -= 1;
                    return None;
                }
                None => {
                    state.idle += 1;
                    self.settled.notify_all();
                    let waited = self.changed.wait_timeout(state, left);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                    state.idle -= 1;
                }
            }
        }
    }
}
