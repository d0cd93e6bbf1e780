//! What is changed in the database, each a function over an open transaction.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use windlass_model::{BlobId, PlanId, Record, RunId};

use super::Fault;
use super::reader::{claimed, key, summary};
use super::writer::Job;
use crate::{Error, NewRun, RunRow, codec};

/// The records of one run in a commit.
type Group<'a> = Vec<&'a [Record]>;

/// A run as its row in the database is: who writes to it again and again need not read that each time.
#[derive(Debug)]
pub(super) struct Known {
    key: i64,
    row: RunRow,
}

impl Known {
    fn read(db: &Connection, run: &RunId) -> Result<Self, Fault> {
        Ok(Self { key: key(db, run)?, row: summary(db, run)? })
    }
}

/// Writes all of `jobs`, or none of them. `known` is the run that was written to last.
pub(super) fn commit(db: &mut Connection, known: &mut Option<Known>, jobs: &[Job]) -> Result<(), Fault> {
    let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut places: HashMap<&RunId, usize> = HashMap::new();
    let mut groups: Vec<(&RunId, Group<'_>)> = Vec::new();
    for job in jobs {
        match job {
            Job::Append { run, records } => {
                let at = *places.entry(run).or_insert_with(|| {
                    groups.push((run, Vec::new()));
                    groups.len() - 1
                });
                groups[at].1.push(records);
            }
            Job::Refer { run, blob, bytes } => refer(&change, run, blob, Some(*bytes))?,
            Job::Call(_) => unreachable!("calls were set aside"),
        }
    }
    for (run, group) in groups {
        let known_run = known.take_if(|known| known.row.id == *run);
        *known = Some(write_group(&change, known_run, run, &group)?);
    }
    Ok(change.commit()?)
}

fn write_group(
    db: &Transaction<'_>,
    known: Option<Known>,
    run: &RunId,
    group: &[&[Record]],
) -> Result<Known, Fault> {
    let records = || group.iter().copied().flatten();
    let first = records().next().map(|first| first.seq);
    // Another process may have driven the run meanwhile.
    let known = known.filter(|known| first == Some(known.row.seq + 1));
    let Known { key, mut row } = known.map_or_else(|| Known::read(db, run), Ok)?;
    let was = row.seq;
    let Some(first) = first else { return Ok(Known { key, row }) };
    if first != was + 1 {
        return Err(out_of_order(run, was, first));
    }
    records().for_each(|record| row.note(record));
    if !update(db, key, was, &row)? {
        // The lease keeps two drivers apart; this is the last line of defence where locks do not work.
        return Err(out_of_order(run, summary(db, run)?.seq, first));
    }
    let batches =
        codec::pack(records()).map_err(|e| Error::Corrupt { run: run.clone(), why: e.to_string() })?;
    let mut insert = db.prepare_cached(
        "INSERT INTO batch (run, first, count, time, format, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for batch in batches {
        let (first, count, time) = (batch.first as i64, batch.count as i64, batch.time as i64);
        insert.execute(params![key, first, count, time, codec::FORMAT, batch.data])?;
    }
    Ok(Known { key, row })
}

fn out_of_order(run: &RunId, last: u64, got: u64) -> Fault {
    Error::OutOfOrder { run: run.clone(), due: last + 1, got }.into()
}

/// Writes the run's row anew; false where it is not there, or not as it was after record number `was`.
fn update(db: &Transaction<'_>, key: i64, was: u64, row: &RunRow) -> Result<bool, Fault> {
    let mut update = db.prepare_cached(
        "UPDATE run SET seq = ?2, status = ?3, started_at = ?4, finished_at = ?5, tasks = ?6
         WHERE key = ?1 AND seq = ?7",
    )?;
    let (started, finished) = (row.started_at.map(|t| t as i64), row.finished_at.map(|t| t as i64));
    let values = params![key, row.seq as i64, row.status.word(), started, finished, tally(row), was as i64];
    Ok(update.execute(values)? == 1)
}

fn tally(row: &RunRow) -> String {
    serde_json::to_string(&row.tasks).expect("a struct of numbers serialises")
}

fn refer(db: &Transaction<'_>, run: &RunId, blob: &BlobId, output: Option<u64>) -> Result<(), Fault> {
    let mut insert = db.prepare_cached(
        "INSERT INTO content (run, blob, output_bytes) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?;
    insert.execute(params![key(db, run)?, blob.as_str(), output.map(|n| n as i64)])?;
    Ok(())
}

pub(super) fn create(db: &Transaction<'_>, run: &NewRun) -> Result<(), Fault> {
    let row = RunRow::new(run);
    db.execute(
        "INSERT INTO plan (digest, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        params![run.digest.as_str(), &run.plan_bytes[..]],
    )?;
    let inserted = db.execute(
        "INSERT INTO run (id, name, backend, invoker, plan, root, document, options, created_at, status, tasks)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (id) DO NOTHING",
        params![
            run.id.as_str(),
            run.name,
            run.backend,
            run.invoker,
            run.digest.as_str(),
            path_value(&run.root),
            run.document,
            run.options.to_string(),
            run.created_at as i64,
            row.status.word(),
            tally(&row),
        ],
    )?;
    if inserted == 0 {
        return Err(Error::RunExists(run.id.clone()).into());
    }
    run.blobs.iter().try_for_each(|blob| refer(db, &run.id, blob, None))
}

/// Writes down a whole run, outputs that it holds on to included.
pub(super) fn adopt(
    db: &Transaction<'_>,
    run: &NewRun,
    records: &[Record],
    outputs: &BTreeMap<BlobId, u64>,
) -> Result<(), Fault> {
    create(db, run)?;
    outputs.iter().try_for_each(|(blob, bytes)| refer(db, &run.id, blob, Some(*bytes)))?;
    write_group(db, None, &run.id, &[records]).map(drop)
}

/// A path as text where it is text, for who looks into the database; as its bytes otherwise.
fn path_value(path: &Path) -> ToSqlOutput<'_> {
    let bytes = path.as_os_str().as_bytes();
    let value = if path.to_str().is_some() { ValueRef::Text(bytes) } else { ValueRef::Blob(bytes) };
    ToSqlOutput::Borrowed(value)
}

/// Writes down a run as the one that applies a saved plan, where none did.
pub(super) fn claim(db: &Transaction<'_>, plan: &PlanId, run: &NewRun) -> Result<(), Fault> {
    if let Some(run) = claimed(db, plan)? {
        return Err(Error::PlanApplied { plan: plan.clone(), run }.into());
    }
    create(db, run)?;
    db.execute("INSERT INTO applied (plan, run) VALUES (?1, ?2)", params![plan.as_str(), run.id.as_str()])?;
    Ok(())
}

pub(super) fn post(db: &Transaction<'_>, run: &RunId, command: &str) -> Result<u64, Fault> {
    db.execute("INSERT INTO inbox (run, command) VALUES (?1, ?2)", params![key(db, run)?, command])?;
    Ok(db.last_insert_rowid() as u64)
}

pub(super) fn settle(db: &Transaction<'_>, run: &RunId, through: u64) -> Result<(), Fault> {
    db.execute("DELETE FROM inbox WHERE run = ?1 AND id <= ?2", params![key(db, run)?, through as i64])?;
    Ok(())
}

pub(super) fn delete(db: &Transaction<'_>, run: &RunId) -> Result<(), Fault> {
    db.execute("DELETE FROM run WHERE key = ?1", [key(db, run)?])?;
    db.execute("DELETE FROM plan WHERE digest NOT IN (SELECT plan FROM run)", [])?;
    Ok(())
}

pub(super) fn compact(db: &Transaction<'_>) -> Result<(), Fault> {
    let mut vacuum = db.prepare("PRAGMA incremental_vacuum")?;
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    Ok(())
}
