//! The folder in which rigs and their common base lie, and who owns what in it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::{Error, cgroup};

/// Names another folder than the usual one.
const VARIABLE: &str = "WINDLASS_RIG_HOME";

/// Where it lies if nobody says otherwise: it outlives a reboot, and may be deleted at any time.
const USUAL: &str = "/var/cache/windlass-rig";

/// The folder of all rigs.
#[derive(Debug, Clone)]
pub(super) struct Home {
    folder: PathBuf,
    groups: PathBuf,
}

impl Home {
    /// Makes the folder where it is not there.
    pub(super) fn open() -> Result<Self, Error> {
        let folder: PathBuf = std::env::var_os(VARIABLE).map_or_else(|| USUAL.into(), Into::into);
        let rigs = folder.join("rigs");
        fs::create_dir_all(&rigs).map_err(Error::io(format!("making {}", rigs.display())))?;
        let folder = folder.canonicalize().map_err(Error::io(format!("finding {}", folder.display())))?;
        let groups = cgroup::tree(&folder)?;
        Ok(Self { folder, groups })
    }

    /// The folder itself.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the machine's control groups are mounted.
    pub(super) fn groups(&self) -> &Path {
        &self.groups
    }

    /// The folder of one rig.
    pub(super) fn rig(&self, number: u16) -> PathBuf {
        self.folder.join("rigs").join(number.to_string())
    }

    /// Waits for the right to make and remove rigs; it ends with the file.
    pub(super) fn lock(&self) -> Result<File, Error> {
        lock(&self.folder.join("rigs.lock"))
    }

    /// Makes the folder of a rig, with the caller as its owner. The caller holds the lock.
    pub(super) fn create(&self, number: u16) -> Result<(PathBuf, File), Error> {
        let folder = self.rig(number);
        fs::create_dir(&folder).map_err(Error::io(format!("making {}", folder.display())))?;
        let owner = lock(&folder.join("owner"))?;
        Ok((folder, owner))
    }

    /// The rigs whose owner is gone. The caller holds the lock.
    pub(super) fn left_behind(&self) -> Result<Vec<u16>, Error> {
        let rigs = self.folder.join("rigs");
        let failed = || Error::io(format!("reading {}", rigs.display()));
        let mut left = Vec::new();
        for entry in fs::read_dir(&rigs).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let number = entry.file_name().to_string_lossy().parse();
            if let Ok(number) = number
                && !owned(&entry.path().join("owner"))
            {
                left.push(number);
            }
        }
        Ok(left)
    }

    /// Removes the folder of a rig, whose hosts are gone.
    pub(super) fn remove(&self, number: u16) -> Result<(), Error> {
        let folder = self.rig(number);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::Io { what: format!("removing {}", folder.display()), source: error })
            }
            _ => Ok(()),
        }
    }
}

/// Opens a file and waits until nobody else has it locked.
pub(super) fn lock(path: &Path) -> Result<File, Error> {
    let failed = || Error::io(format!("locking {}", path.display()));
    let file = File::options().create(true).append(true).open(path).map_err(failed())?;
    file.lock().map_err(failed())?;
    Ok(file)
}

/// Whether somebody holds the lock of this file.
fn owned(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}
