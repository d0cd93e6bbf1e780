//! What is held back, and by whom: attempts under way, those whose run can be resumed, and those whose run is lost.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row, params};
use windlass_model::{At, RunId, Usage};

use super::book::{settle, usage};
use super::{Holder, Holding, Ledger, Pot, Sum};
use crate::Result;
use crate::sqlite::Fault;

impl Ledger {
    /// What attempts of a run hold back, as far as nobody said what they used.
    pub fn held_by(&self, lease: &Path, run: &RunId) -> Result<Vec<(Holder, Usage)>> {
        self.read(|db| {
            let mut find = db.prepare_cached(
                "SELECT lease, run, place, attempt, tokens, amount, currency FROM hold
                 WHERE lease = ?1 AND run = ?2 ORDER BY key",
            )?;
            let rows = find.query_map(params![lease.as_os_str().as_bytes(), run.as_str()], holder)?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
        })
    }

    /// What runs hold back, run by run.
    pub fn holdings(&self) -> Result<Vec<Holding>> {
        let mut runs: BTreeMap<(PathBuf, RunId), Holding> = BTreeMap::new();
        for (Holder { lease, run, .. }, most) in self.read(all)? {
            let of = runs.entry((lease, run)).or_insert_with_key(|(lease, run)| Holding {
                run: run.clone(),
                driven: is_driven(lease),
                lease: lease.clone(),
                steps: 0,
                most: Sum::default(),
            });
            of.steps += 1;
            of.most.add(&most);
        }
        Ok(runs.into_values().collect())
    }

    /// Settles at the bound what runs hold back that nobody can resume any more: their folder is gone, and with it
    /// the journal that could tell. Gives how many attempts that were.
    pub fn settle_lost(&self) -> Result<usize> {
        let mut lost = self.read(all)?;
        lost.retain(|(holder, _)| is_lost(&holder.lease));
        if lost.is_empty() {
            return Ok(0);
        }
        self.change(|db| {
            for (holder, most) in &lost {
                settle(db, holder, &most.as_bound())?;
            }
            Ok(lost.len())
        })
    }
}

fn all(db: &Connection) -> Result<Vec<(Holder, Usage)>, Fault> {
    let mut find = db.prepare_cached(
        "SELECT lease, run, place, attempt, tokens, amount, currency FROM hold ORDER BY key",
    )?;
    let rows = find.query_map([], holder)?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// Whether the file is gone that a run's driver locks: it goes with the run.
fn is_lost(lease: &Path) -> bool {
    lease.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// What is held back of a budget, each with the lease of its driver, but for the hold of this key.
pub(super) fn held(
    db: &Connection,
    pot: &Pot,
    period: &str,
    but: Option<i64>,
) -> Result<Vec<(PathBuf, Usage)>, Fault> {
    let mut find = db.prepare_cached(
        "SELECT tokens, amount, currency, lease FROM hold JOIN claim ON claim.hold = hold.key
         WHERE pot = ?1 AND period = ?2 AND claim.hold IS NOT ?3",
    )?;
    let rows =
        find.query_map(params![pot.to_string(), period, but], |row| Ok((path(row, 3)?, usage(row, 0)?)))?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// Whether the driver lives that holds this lease.
pub(super) fn is_driven(lease: &Path) -> bool {
    File::open(lease).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn path(row: &Row<'_>, at: usize) -> rusqlite::Result<PathBuf> {
    Ok(std::ffi::OsString::from_vec(row.get(at)?).into())
}

/// A hold with what it holds; none where a later version named it in another way.
fn holder(row: &Row<'_>) -> rusqlite::Result<Option<(Holder, Usage)>> {
    let (run, at) = (row.get::<_, String>(1)?, row.get::<_, String>(2)?);
    let (Ok(run), Some(at)) = (RunId::new(run), read_place(&at)) else { return Ok(None) };
    Ok(Some((Holder { lease: path(row, 0)?, run, at, attempt: row.get(3)? }, usage(row, 4)?)))
}

/// The name of an execution of a step in its run.
pub(super) fn place(at: At) -> String {
    let item = at.item.map_or_else(String::new, |item| format!(".{item}"));
    format!("{}.{}.{}{item}", at.task, at.step, at.host)
}

fn read_place(text: &str) -> Option<At> {
    let mut numbers = text.split('.').map(|part| part.parse::<u32>().ok());
    let mut next = || numbers.next();
    let (task, step, host) = (next()??, next()??, next()??);
    let item = match next() {
        None => None,
        Some(item) => Some(item?),
    };
    Some(At { task, step, host, item })
}
