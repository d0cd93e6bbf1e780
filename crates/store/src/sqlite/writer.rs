//! The one who writes: takes all that waits, packs it, and commits it in one transaction, so that the more is waiting
//! the less each record costs. That is a thread of its own; but where nobody writes and nothing waits, a caller who
//! would only wait for that thread takes its turn and writes itself, which saves changing to it and back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::watch;
use windlass_model::{BlobId, Event, Record, RunId};

use super::changes::{Known, commit};
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
    /// The position of the last job that was queued, or whose turn it was at once.
    position: u64,
    /// Whether somebody writes: the thread, or a caller in its turn.
    busy: bool,
    /// Whether the log is as it was left when it was moved the last time.
    tidy: bool,
    /// Whether the last run that went on has just ended: then the log is moved at once, while its driver writes its
    /// files, which takes as long.
    resting: bool,
    /// How many wait until it is drained: waking nobody costs as much as waking somebody.
    waiting: usize,
    closed: bool,
    failed: Option<Arc<Error>>,
}

/// What it takes to write.
#[derive(Debug)]
struct Database {
    db: Connection,
    /// The run that was written to last.
    known: Option<Known>,
    /// The runs that go on.
    going: BTreeSet<RunId>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// For whoever made the queue busy: nobody ever waits for it.
    database: Mutex<Database>,
    /// There is something for the thread to do.
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

/// The turn of a caller to write, at this position.
#[must_use]
pub(super) struct Turn(u64);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn database(&self) -> MutexGuard<'_, Database> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_drained<'a>(&self, mut queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        queue.waiting += 1;
        queue = self.drained.wait(queue).unwrap_or_else(PoisonError::into_inner);
        queue.waiting -= 1;
        queue
    }

    /// Writes all that was taken from the queue, for whoever made it busy. False when the journal has failed.
    fn write(&self, jobs: Vec<Job>, position: u64) -> bool {
        let _guard = Guard(self);
        let (calls, appended): (Vec<_>, Vec<_>) =
            jobs.into_iter().partition(|job| matches!(job, Job::Call(_)));
        let mut database = self.database();
        let Database { db, known, going } = &mut *database;
        if !appended.is_empty()
            && let Err(fault) = commit(db, known, &appended)
        {
            fail(self, fault.at(&self.path));
            return false;
        }
        for job in calls {
            if let Job::Call(call) = job {
                // It may change anything.
                *known = None;
                call(db);
            }
        }
        let resting = follow(going, &appended) && going.is_empty();
        drop(database);
        let mut queue = self.lock();
        queue.busy = false;
        queue.resting = resting;
        let wake = !queue.jobs.is_empty() || std::mem::take(&mut queue.tidy) || resting;
        let waited_for = queue.waiting > 0;
        // Under the lock, so that the position never goes back.
        self.durable.send_modify(|durable| durable.position = Position(position));
        drop(queue);
        if waited_for {
            self.drained.notify_all();
        }
        if wake {
            self.filled.notify_one();
        }
        true
    }
}

impl Writer {
    pub(super) fn start(db: Connection, path: &Path) -> Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            database: Mutex::new(Database { db, known: None, going: BTreeSet::new() }),
            filled: Condvar::new(),
            drained: Condvar::new(),
            durable: watch::Sender::new(Durable::default()),
            path: path.into(),
        });
        let inside = shared.clone();
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || write_all(&inside))
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

    /// The turn to write, where nobody writes and nothing waits. What is queued from now on comes after it.
    pub(super) fn turn(&self) -> Option<Turn> {
        let mut queue = self.shared.lock();
        if queue.busy || !queue.jobs.is_empty() || queue.failed.is_some() {
            return None;
        }
        queue.busy = true;
        queue.position += 1;
        Some(Turn(queue.position))
    }

    /// Appends in the caller's thread. Whether the disk took it, [`Writer::durable`] says.
    pub(super) fn append_in(&self, Turn(position): Turn, run: &RunId, records: Vec<Record>) -> Position {
        self.shared.write(vec![Job::Append { run: run.clone(), records }], position);
        Position(position)
    }

    pub(super) fn refer(&self, run: &RunId, blob: &BlobId, bytes: u64) -> Result<()> {
        self.push(Job::Refer { run: run.clone(), blob: blob.clone(), bytes }, 256).map(drop)
    }

    fn push(&self, job: Job, bytes: usize) -> Result<Position> {
        let mut queue = self.shared.lock();
        while queue.bytes > QUEUE_BYTES && queue.failed.is_none() {
            queue = self.shared.wait_drained(queue);
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

    /// Runs `call` behind all that was queued, in a transaction of its own, and waits until that is durable.
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
        match self.turn() {
            Some(Turn(position)) => drop(self.shared.write(vec![job], position)),
            None => drop(self.push(job, 256)?),
        }
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
            queue = self.shared.wait_drained(queue);
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
    shared.filled.notify_all();
}

fn write_all(shared: &Shared) {
    let _guard = Guard(shared);
    while let Some((jobs, position)) = next(shared) {
        if !shared.write(jobs, position) {
            return;
        }
    }
    if shared.lock().failed.is_none() {
        truncate_log(&shared.database().db);
    }
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

/// Waits for work and takes all of it; none when the queue is closed and empty, or the journal has failed.
fn next(shared: &Shared) -> Option<(Vec<Job>, u64)> {
    let mut queue = shared.lock();
    loop {
        if queue.failed.is_some() || queue.closed && queue.jobs.is_empty() {
            return None;
        }
        if !queue.busy && !queue.jobs.is_empty() {
            queue.busy = true;
            queue.bytes = 0;
            return Some((std::mem::take(&mut queue.jobs), queue.position));
        }
        if queue.resting && !queue.busy {
            queue = move_log(shared, queue);
            continue;
        }
        if queue.tidy {
            queue = shared.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let position = queue.position;
        let waited = shared.filled.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
        queue = waited.0;
        if waited.1.timed_out() && !queue.busy && queue.position == position {
            queue = move_log(shared, queue);
        }
    }
}

/// Moves the log where nobody writes. What is queued meanwhile waits.
fn move_log<'a>(shared: &'a Shared, mut queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
    (queue.busy, queue.tidy, queue.resting) = (true, true, false);
    drop(queue);
    truncate_log(&shared.database().db);
    queue = shared.lock();
    queue.busy = false;
    queue
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
