//! What is forgotten: finished runs past their time, and what nothing refers to any more.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use windlass_model::RunId;

use crate::blobs::GRACE;
use crate::lease::LEASE;
use crate::{Error, Filter, Result, RunRow, Store, artifacts};

/// Which finished runs to forget. A run that is pending, running or interrupted always stays, unless it was
/// imported: nobody goes on with it here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retention {
    /// Those that ended longer ago than this. Without this and `max_bytes`, all that `keep_last` leaves.
    pub older_than: Option<Duration>,
    /// So many of the newest finished runs stay in any case.
    pub keep_last: usize,
    /// The oldest ones, until all runs together have at most so many bytes.
    pub max_bytes: Option<u64>,
    /// Only tells what it would do.
    pub dry_run: bool,
}

/// What was forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The runs, oldest first.
    pub runs: Vec<RunId>,
    /// About how many bytes that gave back, contents included.
    pub bytes: u64,
}

impl Store {
    /// Forgets finished runs: their records, artifacts and outputs, what no run refers to any more, and answers
    /// that nobody asked for in that time. A run that somebody drives stays. `now` is in milliseconds since 1970.
    pub fn prune(&self, rule: &Retention, now: u64) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        for (row, bytes) in self.expired(rule, now)? {
            // It may have been resumed since it was listed.
            let same = |now: Option<&RunRow>| now.is_some_and(|now| now.seq == row.seq);
            let gone = if rule.dry_run { !self.is_driven(&row.id) } else { self.forget_if(&row.id, same)? };
            if gone {
                pruned.runs.push(row.id);
                pruned.bytes += bytes;
            }
        }
        let swept = self.blobs().sweep(|| self.referred(), GRACE, rule.dry_run)?;
        let unused = rule.older_than.unwrap_or(GRACE);
        let forgotten = self.memos().sweep(unused, rule.dry_run);
        // What a run's outputs had is counted with the run already; what is swept besides lay there before.
        pruned.bytes = pruned.bytes.max(swept) + forgotten;
        if !rule.dry_run && !pruned.runs.is_empty() {
            self.compact()?;
            self.forget_latest();
        }
        Ok(pruned)
    }

    /// The runs that the rule lets go, oldest first, with their sizes.
    fn expired(&self, rule: &Retention, now: u64) -> Result<Vec<(RunRow, u64)>> {
        let rows = self.runs(&Filter::default())?;
        let mut sized =
            rows.into_iter().map(|row| Ok((self.bytes_of(&row.id)?, row))).collect::<Result<Vec<_>>>()?;
        let mut total: u64 = sized.iter().map(|(bytes, _)| bytes).sum();
        sized.retain(|(_, row)| row.status.is_finished() || row.imported);
        let age = |row: &RunRow| {
            Duration::from_millis(now.saturating_sub(row.finished_at.unwrap_or(row.created_at)))
        };
        let mut gone = Vec::new();
        for (bytes, row) in sized.into_iter().skip(rule.keep_last).rev() {
            let old = rule.older_than.is_some_and(|limit| age(&row) > limit);
            let much = rule.max_bytes.is_some_and(|limit| total > limit);
            let any = rule.older_than.is_none() && rule.max_bytes.is_none();
            if old || much || any {
                total -= bytes;
                gone.push((row, bytes));
            }
        }
        Ok(gone)
    }

    fn bytes_of(&self, run: &RunId) -> Result<u64> {
        let folder = self.run_folder(run).map_or(0, |folder| folder_bytes(&folder));
        Ok(self.size(run)? + folder)
    }

    /// Removes the names of the latest run's artifacts where that run is gone.
    pub(crate) fn forget_latest(&self) {
        if let Some(state) = self.state() {
            artifacts::drop_stale(state);
        }
    }

    /// Forgets one run with its records, artifacts and lease; false where somebody drives it. Contents that
    /// only it referred to go with the next [`Store::prune`].
    pub fn forget(&self, run: &RunId) -> Result<bool> {
        self.forget_if(run, |_| true)
    }

    /// Forgets a run if `still` holds for what the journal says of it once nobody else can drive it.
    pub(crate) fn forget_if(&self, run: &RunId, still: impl FnOnce(Option<&RunRow>) -> bool) -> Result<bool> {
        let lease = match self.lease(run) {
            Ok(lease) => lease,
            Err(Error::Busy { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        let known = match self.run(run) {
            Ok(stored) => Some(stored.row),
            Err(Error::UnknownRun { .. }) => None,
            Err(error) => return Err(error),
        };
        let gone = still(known.as_ref());
        if gone {
            if known.is_some() {
                self.delete(run)?;
                self.recount();
            }
            if let Some(folder) = self.run_folder(run) {
                remove_run(&folder)?;
            }
        }
        drop(lease);
        Ok(gone)
    }
}

/// Removes the folder of a run whose lease the caller holds. The lease's file goes last, and then the folder only if
/// nobody has begun a run of this name in it meanwhile: another's lease is never removed.
pub(crate) fn remove_run(folder: &Path) -> Result<()> {
    let fail = |path: &Path, e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(Error::io("cannot remove", path, e)),
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) => return fail(folder, e),
    };
    for entry in entries {
        let entry = entry.map_err(|e| Error::io("cannot list", folder, e))?;
        let path = entry.path();
        if entry.file_name() == LEASE {
            continue;
        }
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.or_else(|e| fail(&path, e))?;
    }
    let lease = folder.join(LEASE);
    fs::remove_file(&lease).or_else(|e| fail(&lease, e))?;
    match fs::remove_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => removed.or_else(|e| fail(folder, e)),
    }
}

/// Removes a folder with all that is in it; one that is not there is no error.
pub(crate) fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("cannot remove", folder, e)),
        _ => Ok(()),
    }
}

fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum()
}
