//! The claim of one driver on one run: an OS lock, free at once when the process ends, however it ends.

use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use windlass_model::RunId;

use crate::{Error, Result, files};

/// How often, and how far apart, a lock is tried for that somebody may only be looking at.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// The claim of one driver on one run; dropping it lets go.
#[derive(Debug)]
pub struct Lease(Held);

#[derive(Debug)]
enum Held {
    /// The lock goes with the file's last handle; children do not inherit it.
    File(File),
    Memory {
        leases: Arc<Mutex<HashSet<RunId>>>,
        run: RunId,
    },
}

impl Drop for Lease {
    fn drop(&mut self) {
        match &self.0 {
            // The pid would mislead; the lock itself goes when the file is closed.
            Held::File(file) => drop(file.set_len(0)),
            Held::Memory { leases, run } => {
                leases.lock().unwrap_or_else(PoisonError::into_inner).remove(run);
            }
        }
    }
}

/// Where leases are kept.
#[derive(Clone, Debug)]
pub(crate) enum Leases {
    /// `<runs>/<id>/lease`.
    Folder(Arc<Path>),
    Memory(Arc<Mutex<HashSet<RunId>>>),
}

impl Leases {
    pub(crate) fn take(&self, run: &RunId) -> Result<Lease> {
        match self {
            Leases::Folder(runs) => {
                let path = lease_file(runs, run);
                files::private_folder(path.parent().expect("a lease lies in a run's folder"))?;
                take(&path, run).map(|file| Lease(Held::File(file)))
            }
            Leases::Memory(leases) => {
                let fresh = leases.lock().unwrap_or_else(PoisonError::into_inner).insert(run.clone());
                let held = || Lease(Held::Memory { leases: leases.clone(), run: run.clone() });
                fresh
                    .then(held)
                    .ok_or_else(|| Error::Busy { run: run.clone(), pid: Some(std::process::id()) })
            }
        }
    }

    /// Whether somebody holds the run. Looks, and lets go at once.
    pub(crate) fn is_held(&self, run: &RunId) -> bool {
        match self {
            Leases::Folder(runs) => File::open(lease_file(runs, run))
                .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))),
            Leases::Memory(leases) => leases.lock().unwrap_or_else(PoisonError::into_inner).contains(run),
        }
    }

    /// Whether the last driver of the run was cut off: nobody holds the run, and its mark is still there.
    pub(crate) fn is_abandoned(&self, run: &RunId) -> bool {
        let Leases::Folder(runs) = self else { return false };
        let Ok(file) = File::open(lease_file(runs, run)) else { return false };
        file.metadata().is_ok_and(|meta| meta.len() > 0) && file.try_lock_shared().is_ok()
    }
}

/// What the file is called that a driver locks, in the folder of its run.
pub(crate) const LEASE: &str = "lease";

fn lease_file(runs: &Path, run: &RunId) -> PathBuf {
    runs.join(run.as_str()).join(LEASE)
}

/// Locks the file at `path`. Only who holds the lock removes the file (with its whole run): so a lock counts
/// only if the file is still the one at its path, and otherwise a new one is made and locked.
fn take(path: &Path, run: &RunId) -> Result<File> {
    let fail = |e| Error::io("cannot lock", path, e);
    let mut tries = 0;
    loop {
        files::private_folder(path.parent().expect("a lease lies in a run's folder"))?;
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let mut file = match opened {
            // Its folder was removed between the two calls.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            opened => opened.map_err(fail)?,
        };
        match file.try_lock() {
            Ok(()) if same(&file, path) => {
                sign(&mut file).map_err(fail)?;
                return Ok(file);
            }
            Ok(()) => continue,
            Err(TryLockError::Error(e)) => return Err(fail(e)),
            Err(TryLockError::WouldBlock) if tries + 1 < TRIES => {
                tries += 1;
                std::thread::sleep(PAUSE);
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Without a readable pid the error only says less.
                let _ = file.read_to_string(&mut text);
                return Err(Error::Busy { run: run.clone(), pid: text.trim().parse().ok() });
            }
        }
    }
}

fn same(file: &File, path: &Path) -> bool {
    let identity = |m: std::fs::Metadata| (m.dev(), m.ino());
    let (here, there) = (file.metadata().map(identity), path.metadata().map(identity));
    matches!((here, there), (Ok(a), Ok(b)) if a == b)
}

fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}
