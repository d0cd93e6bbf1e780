//! A copy of the store as it is at one moment, made while others go on writing to it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::retention::remove_folder;
use crate::{Blobs, Error, Filter, Journal, LEDGER_FILE, Result, Sqlite, Store, files, scope};

/// What a backup has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    /// How many runs.
    pub runs: usize,
    /// How many contents.
    pub contents: usize,
    /// How many contents runs refer to that the store had lost.
    pub lost: usize,
    /// How many bytes, all together.
    pub bytes: u64,
}

impl Store {
    /// Copies the journal and all contents that it refers to into a new folder `to`, which is a state folder
    /// itself. It is what was durable at one moment; nobody has to stop for it. The folder appears when it is
    /// whole, checked and durable.
    ///
    /// The project's ledger of budgets is in it, as it is a moment later. The files of single runs are not in it:
    /// they follow from the journal, and a repair makes them again.
    pub fn backup(&self, to: &Path) -> Result<Backup> {
        let nowhere = || io::Error::new(io::ErrorKind::Unsupported, "it is in memory");
        let state = self.state().ok_or_else(|| Error::io("cannot copy", Path::new("store"), nowhere()))?;
        if to.symlink_metadata().is_ok() {
            return Err(Error::BackupTaken { path: to.into() });
        }
        let draft = Draft::beside(to)?;
        self.flush()?;
        // What the copied journal refers to must not be swept before it is copied too.
        let held = self.blobs().hold(&BTreeSet::new())?;
        let copy = draft.path.join("store.db");
        crate::sqlite::copy(&state.join("store.db"), &copy)?;
        let mut backup = self.fill(&draft.path, &copy)?;
        drop(held);
        for copy in [Some(copy), ledger(state, &draft.path)?].into_iter().flatten() {
            backup.bytes += copy.metadata().map_err(|e| Error::io("cannot read", &copy, e))?.len();
        }
        draft.place(to)?;
        Ok(backup)
    }

    /// Adds to a copied journal what it needs to be a state folder.
    fn fill(&self, folder: &Path, copy: &Path) -> Result<Backup> {
        let journal = Sqlite::open(copy)?;
        if let Some(damage) = journal.verify()?.into_iter().next() {
            let source = io::Error::new(io::ErrorKind::InvalidData, damage);
            return Err(Error::io("the copy is damaged:", copy, source));
        }
        let mut backup = Backup { runs: journal.runs(&Filter::default())?.len(), ..Backup::default() };
        let blobs = Blobs::folder(&folder.join("blobs"));
        for id in journal.referred()? {
            match self.blobs().get(&id) {
                Ok(content) => {
                    blobs.put(&content)?;
                    backup.contents += 1;
                    backup.bytes += content.len() as u64;
                }
                Err(Error::NoBlob(_)) => backup.lost += 1,
                Err(error) => return Err(error),
            }
        }
        scope::make(folder)?;
        files::durable_folder(&folder.join("runs"))?;
        Ok(backup)
    }
}

/// Copies what the project's budgets may spend and have spent, where there is such a ledger.
fn ledger(state: &Path, folder: &Path) -> Result<Option<PathBuf>> {
    let (from, copy) = (state.join(LEDGER_FILE), folder.join(LEDGER_FILE));
    if !from.is_file() {
        return Ok(None);
    }
    crate::sqlite::copy(&from, &copy)?;
    Ok(Some(copy))
}

/// A folder that is not there until it is whole.
struct Draft {
    path: PathBuf,
    placed: bool,
}

impl Draft {
    fn beside(to: &Path) -> Result<Self> {
        let name = to.file_name().unwrap_or_default().to_string_lossy();
        let path = to.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
        // One that an earlier process of the same number has left.
        remove_folder(&path)?;
        files::durable_folder(&path)?;
        Ok(Self { path, placed: false })
    }

    fn place(mut self, to: &Path) -> Result<()> {
        let taken = [io::ErrorKind::AlreadyExists, io::ErrorKind::DirectoryNotEmpty];
        std::fs::rename(&self.path, to).map_err(|e| match taken.contains(&e.kind()) {
            true => Error::BackupTaken { path: to.into() },
            false => Error::io("cannot write", to, e),
        })?;
        self.placed = true;
        files::sync_parent(to)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.placed {
            // What stays behind has a name that says what it is.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
