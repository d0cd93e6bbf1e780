//! Saved plans on a disk: private to their owner, put in place in one step, read with a bound.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{BadFile, SavedPlan};
use crate::Error;

/// The largest file that is read or written, in bytes. A plan of a thousand hosts with 120 steps each takes some
/// 20 MiB, most of it what each step found on each host.
pub const MAX_FILE: u64 = 256 << 20;

impl SavedPlan {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bad = |why| Error::BadSavedPlan { path: path.into(), why };
        match content(path) {
            Ok(Some(bytes)) => Self::from_bytes(&bytes).map_err(bad),
            Ok(None) => Err(bad(BadFile::Large)),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Err(bad(BadFile::Kind)),
            Err(source) => Err(Error::Io { path: path.into(), source }),
        }
    }

    /// Writes a file that only its owner can read, over an older saved plan if there is one: all of it, or
    /// nothing. Whatever else lies there stays, and is an error.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let io = |source| Error::Io { path: path.into(), source };
        may_replace(path)?;
        let bytes = self.to_bytes();
        if bytes.len() as u64 > MAX_FILE {
            return Err(Error::BadSavedPlan { path: path.into(), why: BadFile::Large });
        }
        replace(path, &bytes).map_err(io)
    }
}

/// A regular file's content; none where it is too large.
fn content(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // Opening a pipe would wait for its other end; reading a device may never end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MAX_FILE).then_some(bytes))
}

/// Refuses to replace what is no saved plan: a document that was named by mistake, a device.
fn may_replace(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Error::Io { path: path.into(), source }),
        Ok(meta) if meta.is_file() && looks_saved(path) => Ok(()),
        Ok(_) => Err(Error::NotOverwritten { path: path.into() }),
    }
}

/// Whether a file begins as saved plans do. One that was cut off is still one.
fn looks_saved(path: &Path) -> bool {
    const BEGINNING: &[u8] = b"{\"created_at\":";
    let mut first = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BEGINNING.len() as u64).read_to_end(&mut first));
    read.is_ok() && first == BEGINNING
}

/// A draft beside its place that goes if it is not put there.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        // It is not there any more where it was put in place.
        let _ = fs::remove_file(&self.0);
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy().into_owned();
    let draft = Draft(path.with_file_name(format!(".{name}.{}.tmp", std::process::id())));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft.0)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft.0, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
