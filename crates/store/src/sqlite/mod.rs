//! The journal in SQLite: one writer that commits all that waits in one go, and readers beside it.

mod changes;
mod reader;
pub(crate) mod schema;
mod writer;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::OpenOptions;
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tokio::sync::watch;
use windlass_model::{BlobId, PlanId, Record, RunId};

use self::reader::Readers;
use self::writer::Writer;
use crate::memory::check_order;
use crate::{Durable, Error, Filter, Journal, NewRun, Position, Posted, Result, RunRow, StoredRun};

/// How long a statement waits for another process that writes. Writes take milliseconds; a minute means that
/// the other process hangs.
const BUSY: Duration = Duration::from_secs(60);

/// How many pages (of 4 KiB) the log grows to before they are moved into the database: large enough that a
/// busy run seldom waits for it, small enough that the log stays below some 16 MiB.
const CHECKPOINT_PAGES: u32 = 4096;

/// To what size the log's file is cut once it was moved.
const LOG_BYTES: u32 = 32 << 20;

/// How SQLite calls it that free pages are given back when somebody asks for it.
const INCREMENTAL: i64 = 2;

/// The journal in SQLite.
#[derive(Debug)]
pub struct Sqlite {
    writer: Writer,
    readers: Readers,
    tails: Mutex<Tails>,
}

impl Sqlite {
    /// Opens the database, or makes it; files are for their owner only.
    pub fn open(path: &Path) -> Result<Self> {
        create_private(path)?;
        let mut db = connect(path)?;
        schema::migrate(&mut db, path, &schema::JOURNAL)?;
        Ok(Self { writer: Writer::start(db, path)?, readers: Readers::new(path), tails: Mutex::default() })
    }
}

/// The number of the last record of each run that this process appends to.
type Tails = HashMap<RunId, u64>;

impl Sqlite {
    /// Counts records as appended that are to be; an error where they do not go on where the run's last one ended.
    fn go_on(&self, run: &RunId, records: &[Record]) -> Result<MutexGuard<'_, Tails>> {
        let mut tails = self.tails.lock().unwrap_or_else(PoisonError::into_inner);
        let follows = |tail: &u64| records.first().is_none_or(|first| first.seq == tail + 1);
        // Another process may have driven the run since this one did last: then the database knows better.
        let tail = match tails.get(run).copied().filter(follows) {
            Some(tail) => tail,
            None => {
                self.writer.flush()?;
                self.readers.with(|db| reader::tail(db, run))?
            }
        };
        check_order(run, tail, records)?;
        let next = tail + records.len() as u64;
        match tails.get_mut(run) {
            Some(known) => *known = next,
            None => drop(tails.insert(run.clone(), next)),
        }
        Ok(tails)
    }
}

/// Makes the file before SQLite does, whose log and index then get the same mode.
pub(crate) fn create_private(path: &Path) -> Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => crate::files::sync_parent(path),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(Error::io("cannot make", path, e)),
    }
}

pub(crate) fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(BUSY)?;
        db.pragma_update(None, "foreign_keys", true)?;
        // Counts only for a database that is still empty; in another one it would be written, and synced, once more.
        if db.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i64>(0))? != INCREMENTAL {
            db.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
        }
        db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        db.pragma_update(None, "synchronous", "full")?;
        db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        db.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
        Ok(db)
    };
    // While another process turns the log on, SQLite refuses at once instead of waiting.
    let began = std::time::Instant::now();
    loop {
        match open() {
            Err(e) if is_busy(&e) && began.elapsed() < BUSY => {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            opened => return opened.map_err(|e| Error::database(path, e)),
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
    )
}

/// Copies the database as it is at one moment, beside others that read and write it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let db = connect(from)?;
    create_private(to)?;
    let target = to.to_str().ok_or_else(|| {
        let source = std::io::Error::new(std::io::ErrorKind::InvalidInput, "its path is not UTF-8");
        Error::io("cannot write", to, source)
    })?;
    db.execute("VACUUM INTO ?1", [target]).map_err(|e| Error::database(to, e))?;
    // SQLite leaves this to whoever asks for the copy.
    std::fs::File::open(to).and_then(|file| file.sync_all()).map_err(|e| Error::io("cannot sync", to, e))
}

impl Journal for Sqlite {
    fn create(&self, run: &NewRun) -> Result<()> {
        let run = run.clone();
        self.writer.call(move |db| changes::create(db, &run))
    }

    fn adopt(&self, run: &NewRun, records: Vec<Record>, outputs: &BTreeMap<BlobId, u64>) -> Result<()> {
        let (run, outputs) = (run.clone(), outputs.clone());
        self.writer.call(move |db| changes::adopt(db, &run, &records, &outputs))
    }

    fn append(&self, run: &RunId, records: Vec<Record>) -> Result<Position> {
        let _tails = self.go_on(run, &records)?;
        // Under the lock, so that two threads' records get into the queue in the order that was checked.
        self.writer.append(run, records)
    }

    fn append_now(&self, run: &RunId, records: Vec<Record>) -> Result<Position> {
        let tails = self.go_on(run, &records)?;
        match self.writer.turn() {
            None => self.writer.append(run, records),
            Some(turn) => {
                // What others append comes after this turn, whoever of them it is.
                drop(tails);
                Ok(self.writer.append_in(turn, run, records))
            }
        }
    }

    fn durable(&self) -> watch::Receiver<Durable> {
        self.writer.durable()
    }

    fn flush(&self) -> Result<()> {
        self.writer.flush()
    }

    fn visit(
        &self,
        run: &RunId,
        from_seq: u64,
        visit: &mut dyn FnMut(Vec<Record>) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut from = from_seq;
        while let Some(records) = self.readers.with(|db| reader::batch(db, run, from))? {
            from = records.last().map_or(from, |last| last.seq + 1);
            if visit(records).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn runs(&self, filter: &Filter) -> Result<Vec<RunRow>> {
        self.readers.with(|db| reader::runs(db, filter))
    }

    fn run(&self, run: &RunId) -> Result<StoredRun> {
        self.readers.with(|db| reader::run(db, run))
    }

    fn find(&self, prefix: &str) -> Result<RunId> {
        let ids = self.readers.with(reader::ids)?;
        crate::journal::unique_prefix(prefix, ids)
    }

    fn claim(&self, plan: &PlanId, run: &NewRun) -> Result<()> {
        let (plan, run) = (plan.clone(), run.clone());
        self.writer.call(move |db| changes::claim(db, &plan, &run))
    }

    fn claimed(&self, plan: &PlanId) -> Result<Option<RunId>> {
        self.readers.with(|db| reader::claimed(db, plan))
    }

    fn post(&self, run: &RunId, command: &Value) -> Result<u64> {
        let (run, command) = (run.clone(), command.to_string());
        self.writer.call(move |db| changes::post(db, &run, &command))
    }

    fn posted(&self, run: &RunId, after: u64) -> Result<Vec<Posted>> {
        self.readers.with(|db| reader::posted(db, run, after))
    }

    fn settle(&self, run: &RunId, through: u64) -> Result<()> {
        let run = run.clone();
        self.writer.call(move |db| changes::settle(db, &run, through))
    }

    fn refer(&self, run: &RunId, blob: &BlobId, bytes: u64) -> Result<()> {
        // An unknown run must be the caller's error, not the whole journal's.
        if !self.tails.lock().unwrap_or_else(PoisonError::into_inner).contains_key(run) {
            self.readers.with(|db| reader::tail(db, run))?;
        }
        self.writer.refer(run, blob, bytes)
    }

    fn outputs(&self, run: &RunId) -> Result<BTreeMap<BlobId, u64>> {
        self.readers.with(|db| reader::outputs(db, run))
    }

    fn referred(&self) -> Result<BTreeSet<BlobId>> {
        self.readers.with(reader::referred)
    }

    fn output_bytes(&self) -> Result<u64> {
        self.readers.with(reader::output_bytes)
    }

    fn size(&self, run: &RunId) -> Result<u64> {
        self.readers.with(|db| reader::size(db, run))
    }

    fn delete(&self, run: &RunId) -> Result<()> {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner).remove(run);
        let run = run.clone();
        self.writer.call(move |db| changes::delete(db, &run))
    }

    fn compact(&self) -> Result<()> {
        self.writer.call(changes::compact)
    }

    fn verify(&self) -> Result<Vec<String>> {
        self.writer.flush()?;
        self.readers.with(reader::verify)
    }
}

/// What a statement may fail with before it is known where.
pub(crate) enum Fault {
    Sql(rusqlite::Error),
    Other(Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sql(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Other(error)
    }
}

impl Fault {
    pub(crate) fn at(self, path: &Path) -> Error {
        match self {
            Fault::Sql(error) => Error::database(path, error),
            Fault::Other(error) => error,
        }
    }
}
