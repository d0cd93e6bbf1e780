//! Connections that wait open for the next request to the same place.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use crate::wire::Patience;

/// How many wait at most; the longest waiting goes first.
const MOST: usize = 100;
/// How long one waits at most. Servers close those that are idle, most after a minute, some after five seconds:
/// what they closed is noticed before it is used.
const LONGEST: Duration = Duration::from_secs(50);

/// Connections that wait.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<Vec<Idle>>,
}

/// One connection that waits.
#[derive(Debug)]
struct Idle {
    place: String,
    since: Instant,
    line: Line,
}

/// An open connection with the patience that all its waits have.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) patience: Patience,
}

impl Pool {
    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An open connection to a place, the last used first, for somebody with this patience.
    pub(crate) fn take(&self, place: &str, patience: &Patience) -> Option<Line> {
        loop {
            let found = {
                let mut idle = self.idle();
                idle.retain(|idle| idle.since.elapsed() < LONGEST);
                let at = idle.iter().rposition(|idle| idle.place == place)?;
                idle.remove(at)
            };
            let mut line = found.line;
            if line.transport.is_open() {
                line.patience.take_over(patience);
                return Some(line);
            }
        }
    }

    fn put(&self, place: String, line: Line) {
        let mut idle = self.idle();
        if idle.len() >= MOST {
            idle.remove(0);
        }
        idle.push(Idle { place, since: Instant::now(), line });
    }
}

/// A connection in use that goes back to its pool once an answer was read to its end.
pub(crate) struct Kept {
    line: Option<Line>,
    place: String,
    pool: Arc<Pool>,
    whole: bool,
}

impl Kept {
    pub(crate) fn new(line: Line, place: String, pool: Arc<Pool>) -> Self {
        Self { line: Some(line), place, pool, whole: false }
    }

    fn transport(&mut self) -> &mut dyn Transport {
        &mut *self.line.as_mut().expect("only dropping takes it away").transport
    }
}

impl Transport for Kept {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport().buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.transport().transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.transport().await_input(timeout)
    }

    /// Asked once an answer was read to its end, and its server wants the connection kept. ureq is told that it
    /// is not open, so that it leaves keeping it to us.
    fn is_open(&mut self) -> bool {
        self.whole = self.transport().is_open();
        false
    }

    fn is_tls(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.transport.is_tls())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(line) = self.line.take().filter(|_| self.whole) {
            self.pool.put(std::mem::take(&mut self.place), line);
        }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({})", self.place)
    }
}
