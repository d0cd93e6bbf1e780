//! Reading from the database, beside the writer and without waiting for it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use windlass_model::{BlobId, PlanId, Record, RunId, RunStatus};

use super::{Fault, connect};
use crate::{Error, Filter, Posted, Result, RunRow, StoredRun, codec};

/// How many idle connections are kept: one for each core of a usual machine that reads at once.
const IDLE: usize = 4;

/// Connections to read with; more are made while all are in use.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.into(), idle: Mutex::default() }
    }

    pub(super) fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let db = match kept {
            Some(db) => db,
            None => connect(&self.path)?,
        };
        let answer = read(&db).map_err(|fault| fault.at(&self.path));
        let mut idle = idle();
        if idle.len() < IDLE {
            idle.push(db);
        }
        answer
    }
}

fn unknown(run: &RunId) -> Fault {
    Fault::Other(Error::UnknownRun { id: run.to_string(), known: Vec::new() })
}

fn corrupt(run: &RunId, why: impl ToString) -> Fault {
    Fault::Other(Error::Corrupt { run: run.clone(), why: why.to_string() })
}

pub(super) fn key(db: &Connection, run: &RunId) -> Result<i64, Fault> {
    let mut find = db.prepare_cached("SELECT key FROM run WHERE id = ?1")?;
    find.query_row([run.as_str()], |row| row.get(0)).optional()?.ok_or_else(|| unknown(run))
}

pub(super) fn tail(db: &Connection, run: &RunId) -> Result<u64, Fault> {
    let mut find = db.prepare_cached("SELECT seq FROM run WHERE id = ?1")?;
    find.query_row([run.as_str()], |row| number(row, 0)).optional()?.ok_or_else(|| unknown(run))
}

/// SQLite has signed integers; all of ours fit.
fn number(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(at).map(|n| n as u64)
}

/// The batch that holds record number `from`, without what lies before it.
pub(super) fn batch(db: &Connection, run: &RunId, from: u64) -> Result<Option<Vec<Record>>, Fault> {
    let mut find = db.prepare_cached(
        "SELECT first, count, time, format, data FROM batch WHERE run = ?1 AND first + count > ?2
         AND first >= (SELECT ifnull(max(first), 0) FROM batch WHERE run = ?1 AND first <= ?2)
         ORDER BY first LIMIT 1",
    )?;
    let place = i64::try_from(from).unwrap_or(i64::MAX);
    let found = find
        .query_row(params![key(db, run)?, place], |row| {
            let place = (number(row, 0)?, number(row, 1)?, number(row, 2)?);
            Ok((place, row.get::<_, u32>(3)?, row.get::<_, Vec<u8>>(4)?))
        })
        .optional()?;
    let Some(((first, count, time), format, data)) = found else { return Ok(None) };
    if format != codec::FORMAT {
        return Err(corrupt(run, format!("batch {first} is packed in an unknown way ({format})")));
    }
    if first > from.max(1) {
        return Err(corrupt(run, format!("record {from} is missing")));
    }
    let mut records = codec::unpack(first, count, time, &data).map_err(|why| corrupt(run, why))?;
    records.drain(..from.saturating_sub(first) as usize);
    Ok(Some(records))
}

const ROW: &str = "run.id, name, backend, invoker, plan, status, created_at, started_at, finished_at, seq, tasks, \
     iif(json_valid(options), json_type(options, '$.imported') NOT NULL, 0)";

fn row(row: &Row<'_>) -> Result<RunRow, Fault> {
    let id = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
    let id = RunId::new(id).map_err(|why| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, why.into())
    })?;
    let digest = row.get::<_, String>(4)?;
    let digest = BlobId::new(&digest).ok_or_else(|| corrupt(&id, "its plan's digest is none"))?;
    let tasks = serde_json::from_str(&row.get::<_, String>(10)?).map_err(|e| corrupt(&id, e))?;
    let status: String = row.get(5)?;
    Ok(RunRow {
        name: row.get(1)?,
        backend: row.get(2)?,
        invoker: row.get(3)?,
        digest,
        status: read_status(&status).ok_or_else(|| corrupt(&id, format!("status {status} is unknown")))?,
        created_at: number(row, 6)?,
        started_at: row.get::<_, Option<i64>>(7)?.map(|n| n as u64),
        finished_at: row.get::<_, Option<i64>>(8)?.map(|n| n as u64),
        seq: number(row, 9)?,
        tasks,
        imported: row.get(11)?,
        id,
    })
}

fn read_status(word: &str) -> Option<RunStatus> {
    use RunStatus::{Aborted, Completed, Failed, Interrupted, Pending, Running};
    [Pending, Running, Interrupted, Completed, Failed, Aborted].into_iter().find(|s| s.word() == word)
}

pub(super) fn summary(db: &Connection, run: &RunId) -> Result<RunRow, Fault> {
    let mut find = db.prepare_cached(&format!("SELECT {ROW} FROM run WHERE id = ?1"))?;
    let mut rows = find.query([run.as_str()])?;
    row(rows.next()?.ok_or_else(|| unknown(run))?)
}

pub(super) fn runs(db: &Connection, filter: &Filter) -> Result<Vec<RunRow>, Fault> {
    let marks = vec!["?"; filter.status.len()].join(", ");
    let status = if marks.is_empty() { "1".into() } else { format!("status IN ({marks})") };
    let name = if filter.name.is_some() { "name = ?" } else { "1" };
    let limit = filter.limit.map_or(-1, |n| i64::try_from(n).unwrap_or(-1));
    let words = filter.status.iter().map(|s| s.word()).chain(filter.name.as_deref());
    let mut find = db.prepare(&format!(
        "SELECT {ROW} FROM run WHERE {status} AND {name} ORDER BY created_at DESC, key DESC LIMIT {limit}"
    ))?;
    let mut rows = find.query(params_from_iter(words))?;
    let mut all = Vec::new();
    while let Some(found) = rows.next()? {
        all.push(row(found)?);
    }
    Ok(all)
}

pub(super) fn run(db: &Connection, run: &RunId) -> Result<StoredRun, Fault> {
    let row = summary(db, run)?;
    let mut find = db.prepare_cached(
        "SELECT bytes, root, document, options FROM run JOIN plan ON plan = digest WHERE run.id = ?1",
    )?;
    let found = find.query_row([run.as_str()], |row| {
        let root = row.get_ref(1)?.as_bytes().map_err(rusqlite::Error::from)?;
        let root = PathBuf::from(OsStr::from_bytes(root));
        let options: String = row.get(3)?;
        Ok((row.get::<_, Vec<u8>>(0)?, root, row.get(2)?, options))
    });
    let (plan, root, document, options) = found.optional()?.ok_or_else(|| unknown(run))?;
    let options = serde_json::from_str(&options).map_err(|e| corrupt(run, e))?;
    Ok(StoredRun { row, plan_bytes: plan.into(), root, document, options })
}

pub(super) fn ids(db: &Connection) -> Result<Vec<RunId>, Fault> {
    let mut find = db.prepare_cached("SELECT id FROM run ORDER BY created_at DESC, key DESC")?;
    let ids = find.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(ids.iter().filter_map(|id| RunId::new(id).ok()).collect())
}

/// The run that applied a saved plan.
pub(super) fn claimed(db: &Connection, plan: &PlanId) -> Result<Option<RunId>, Fault> {
    let mut find = db.prepare_cached("SELECT run FROM applied WHERE plan = ?1")?;
    let found: Option<String> = find.query_row([plan.as_str()], |row| row.get(0)).optional()?;
    let read = |text: String| {
        RunId::new(&text).map_err(|why| {
            rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, why.into()).into()
        })
    };
    found.map(read).transpose()
}

pub(super) fn posted(db: &Connection, run: &RunId, after: u64) -> Result<Vec<Posted>, Fault> {
    let mut find =
        db.prepare_cached("SELECT id, command FROM inbox WHERE run = ?1 AND id > ?2 ORDER BY id")?;
    let mut rows = find.query(params![key(db, run)?, after as i64])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(1)?;
        let command = serde_json::from_str(&text).map_err(|e| corrupt(run, e))?;
        all.push(Posted { id: number(row, 0)?, command });
    }
    Ok(all)
}

pub(super) fn outputs(db: &Connection, run: &RunId) -> Result<BTreeMap<BlobId, u64>, Fault> {
    let mut find = db.prepare_cached(
        "SELECT blob, output_bytes FROM content WHERE run = ?1 AND output_bytes NOT NULL ORDER BY blob",
    )?;
    let mut rows = find.query([key(db, run)?])?;
    let mut all = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        if let Some(id) = BlobId::new(&name) {
            all.insert(id, number(row, 1)?);
        }
    }
    Ok(all)
}

pub(super) fn referred(db: &Connection) -> Result<BTreeSet<BlobId>, Fault> {
    let mut find = db.prepare_cached("SELECT DISTINCT blob FROM content")?;
    let names = find.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(names.iter().filter_map(|name| BlobId::new(name)).collect())
}

pub(super) fn output_bytes(db: &Connection) -> Result<u64, Fault> {
    let mut find = db.prepare_cached(
        "SELECT ifnull(sum(bytes), 0) FROM
         (SELECT max(output_bytes) AS bytes FROM content WHERE output_bytes NOT NULL GROUP BY blob)",
    )?;
    Ok(find.query_row([], |row| number(row, 0))?)
}

pub(super) fn size(db: &Connection, run: &RunId) -> Result<u64, Fault> {
    let mut find = db.prepare_cached(
        "SELECT (SELECT ifnull(sum(length(data)), 0) FROM batch WHERE run = ?1)
              + (SELECT ifnull(sum(output_bytes), 0) FROM content WHERE run = ?1)
              + (SELECT length(bytes) FROM plan JOIN run ON plan = digest WHERE key = ?1)",
    )?;
    Ok(find.query_row([key(db, run)?], |row| number(row, 0))?)
}

/// Damage of the file itself, then runs whose batches do not add up.
pub(super) fn verify(db: &Connection) -> Result<Vec<String>, Fault> {
    let mut check = db.prepare("PRAGMA integrity_check")?;
    let mut found = check.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    found.retain(|line| line != "ok");
    let mut gaps = db.prepare(
        "SELECT id, seq, total FROM
         (SELECT run.id, run.seq, (SELECT ifnull(sum(count), 0) FROM batch WHERE batch.run = run.key) AS total
          FROM run) WHERE seq <> total",
    )?;
    let lines = gaps.query_map([], |row| {
        let (id, seq, total): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(format!("run {id} has {total} of {seq} records"))
    })?;
    for line in lines {
        found.push(line?);
    }
    Ok(found)
}
