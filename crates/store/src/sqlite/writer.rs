//! The one thread that writes: it takes all that waits, packs it, and commits it in one transaction, so that
//! the more is waiting the less each record costs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::watch;
use windlass_model::{BlobId, Event, Record, RunId};

use super::changes::commit;
use super::{BUSY, Fault};
use crate::memory::sticky;
use crate::{Durable, Error, Position, Result};

/// How much may wait for the disk, in rough bytes: a slow disk holds a run back rather than filling the
/// memory. At some 150 bytes for a record without a result this is about 400,000 records.
const QUEUE_BYTES: usize = 64 << 20;

/// After how long without work the log is moved into the database and cut.
const IDLE: Duration = Duration::from_secs(2);

type Call = Box<dyn FnOnce(&mut Connection) -> bool + Send>;

pub(super) enum Job {
    Append { run: RunId, records: Vec<Record> },
    Refer { run: RunId, blob: BlobId, bytes: u64 },
    Call(Call),
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("job")
    }
}

#[derive(Debug, Default)]
struct Queue {
    jobs: Vec<Job>,
    bytes: usize,
    /// The position of the last job that was queued.
    position: u64,
    closed: bool,
    failed: Option<Arc<Error>>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// Something was queued, or the queue was closed.
    filled: Condvar,
    /// The queue was emptied, or what was taken from it is durable.
    drained: Condvar,
    durable: watch::Sender<Durable>,
    path: PathBuf,
}

/// The handle to the thread; dropping it waits until all is written.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    pub(super) fn start(db: Connection, path: &Path) -> Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            filled: Condvar::new(),
            drained: Condvar::new(),
            durable: watch::Sender::new(Durable::default()),
            path: path.into(),
        });
        let inside = shared.clone();
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || write_all(db, &inside))
            .map_err(|e| Error::io("cannot start a thread for", path, e))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(super) fn durable(&self) -> watch::Receiver<Durable> {
        self.shared.durable.subscribe()
    }

    pub(super) fn append(&self, run: &RunId, records: Vec<Record>) -> Result<Position> {
        let bytes = records.iter().map(weight).sum();
        self.push(Job::Append { run: run.clone(), records }, bytes)
    }

    pub(super) fn refer(&self, run: &RunId, blob: &BlobId, bytes: u64) -> Result<()> {
        self.push(Job::Refer { run: run.clone(), blob: blob.clone(), bytes }, 256).map(drop)
    }

    fn push(&self, job: Job, bytes: usize) -> Result<Position> {
        let mut queue = self.shared.lock();
        while queue.bytes > QUEUE_BYTES && queue.failed.is_none() {
            queue = self.shared.drained.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(cause) = &queue.failed {
            return Err(sticky(cause));
        }
        let idle = queue.jobs.is_empty();
        queue.jobs.push(job);
        queue.bytes += bytes;
        queue.position += 1;
        let position = Position(queue.position);
        drop(queue);
        if idle {
            self.shared.filled.notify_one();
        }
        Ok(position)
    }

    /// Runs `call` on the writer's thread behind all that was queued, in a transaction of its own, and waits
    /// until that is durable.
    pub(super) fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let (answer, wait): (Sender<Result<T>>, _) = channel();
        let path = self.shared.path.clone();
        let job = Job::Call(Box::new(move |db| {
            let change = || -> Result<T, Fault> {
                let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let value = call(&change)?;
                change.commit()?;
                Ok(value)
            };
            // Nobody listens any more where the caller's thread was ended; nothing is left to tell then.
            answer.send(change().map_err(|fault| fault.at(&path))).is_ok()
        }));
        self.push(job, 256)?;
        wait.recv().unwrap_or_else(|_| {
            let queue = self.shared.lock();
            Err(queue.failed.as_ref().map_or_else(|| closed(&self.shared.path), sticky))
        })
    }

    pub(super) fn flush(&self) -> Result<()> {
        let mut queue = self.shared.lock();
        let target = queue.position;
        loop {
            if let Some(cause) = &queue.failed {
                return Err(sticky(cause));
            }
            if self.shared.durable.borrow().position.0 >= target {
                return Ok(());
            }
            queue = self.shared.drained.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn closed(path: &Path) -> Error {
    Error::io("cannot write to", path, std::io::Error::other("the journal is closed"))
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.filled.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been told by the hook, and failed the journal.
            let _ = thread.join();
        }
    }
}

/// What a record is about in memory: enough to bound the queue, cheap enough to ask each.
fn weight(record: &Record) -> usize {
    fn of(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::String(text) => 32 + text.len(),
            serde_json::Value::Array(items) => 32 + items.iter().map(of).sum::<usize>(),
            serde_json::Value::Object(map) => {
                32 + map.iter().map(|(k, v)| 32 + k.len() + of(v)).sum::<usize>()
            }
            _ => 32,
        }
    }
    128 + match &record.event {
        Event::StepFinished { outcome, .. } => of(outcome.result()),
        Event::TaskFinished { outputs: Some(value), .. } | Event::StateSet { value: Some(value), .. } => {
            of(value)
        }
        Event::PlanExtended { fragment: windlass_model::Fragment::Items(items), .. } => {
            items.iter().map(of).sum()
        }
        _ => 0,
    }
}

/// Fails the journal if the thread panics, so that nobody waits for it for ever.
struct Guard<'a>(&'a Shared);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            fail(self.0, closed(&self.0.path));
        }
    }
}

fn fail(shared: &Shared, error: Error) {
    let cause = Arc::new(error);
    let mut queue = shared.lock();
    queue.failed.get_or_insert_with(|| cause.clone());
    // Calls that wait see their channel closed.
    let dropped = std::mem::take(&mut queue.jobs);
    queue.bytes = 0;
    drop(queue);
    drop(dropped);
    shared.durable.send_modify(|durable| durable.failed = Some(cause));
    shared.drained.notify_all();
}

fn write_all(mut db: Connection, shared: &Shared) {
    let _guard = Guard(shared);
    let mut going = BTreeSet::new();
    while let Some((jobs, position)) = next(&mut db, shared) {
        let (mut calls, mut appended) = (Vec::new(), Vec::new());
        for job in jobs {
            match job {
                Job::Call(call) => calls.push(call),
                job => appended.push(job),
            }
        }
        if !appended.is_empty()
            && let Err(fault) = commit(&mut db, &appended)
        {
            return fail(shared, fault.at(&shared.path));
        }
        for call in calls {
            call(&mut db);
        }
        let queue = shared.lock();
        shared.durable.send_modify(|durable| durable.position = Position(position));
        drop(queue);
        shared.drained.notify_all();
        if follow(&mut going, &appended) && going.is_empty() {
            // While the last run's driver writes its files, which takes as long.
            truncate_log(&db);
        }
    }
    truncate_log(&db);
}

/// Keeps account of the runs that go on; gives whether one of them came to its end.
fn follow(going: &mut BTreeSet<RunId>, appended: &[Job]) -> bool {
    let mut ended = false;
    for job in appended {
        let Job::Append { run, records } = job else { continue };
        match records.last().map(|record| &record.event) {
            Some(Event::RunFinished { .. } | Event::RunInterrupted { .. }) => {
                going.remove(run);
                ended = true;
            }
            Some(_) => drop(going.insert(run.clone())),
            None => {}
        }
    }
    ended
}

/// Waits for work and takes all of it; none when the queue is closed and empty.
fn next(db: &mut Connection, shared: &Shared) -> Option<(Vec<Job>, u64)> {
    let mut queue = shared.lock();
    let mut tidy = true;
    loop {
        if !queue.jobs.is_empty() {
            queue.bytes = 0;
            return Some((std::mem::take(&mut queue.jobs), queue.position));
        }
        if queue.closed {
            return None;
        }
        if !tidy {
            queue = shared.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let (woken, timeout) =
            shared.filled.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
        queue = woken;
        if timeout.timed_out() {
            drop(queue);
            truncate_log(db);
            tidy = false;
            queue = shared.lock();
        }
    }
}

/// Moves the log into the database and cuts it, unless somebody reads from it right now: then another time.
fn truncate_log(db: &Connection) {
    let tidy = || -> rusqlite::Result<()> {
        db.busy_timeout(Duration::ZERO)?;
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    };
    // What could not be moved stays in the log, where it is just as safe.
    let _ = tidy();
    let _ = db.busy_timeout(BUSY);
}
