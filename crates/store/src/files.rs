//! Files that a crash leaves whole: private to their owner, replaced in one step, synced with their folder.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result};

/// Makes a folder, and those that it lies in, for their owner only. One that is there is left as it is.
pub(crate) fn private_folder(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| Error::io("cannot make", path, e))
}

/// Makes a private folder that survives a power cut, as what is put into it is to.
pub(crate) fn durable_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    private_folder(path)?;
    sync_parent(path)
}

/// Makes what was renamed or made in the file's folder survive a power cut.
pub(crate) fn sync_parent(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| Error::io("cannot sync", folder, e))
}

/// A file that is not there until it is whole: written beside its place, then put there in one step.
#[derive(Debug)]
pub(crate) struct Draft {
    file: File,
    path: PathBuf,
    placed: bool,
}

impl Draft {
    /// An empty file beside `target`, for its owner only.
    pub(crate) fn beside(target: &Path) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let nth = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = target.with_file_name(format!(".{name}.{}.{nth}.tmp", std::process::id()));
        let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = made.map_err(|e| Error::io("cannot make", &path, e))?;
        Ok(Self { file, path, placed: false })
    }

    /// The file as it is so far.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Puts the file at `target`, over what was there. With `sync` it is durable when this returns.
    pub(crate) fn place(mut self, target: &Path, sync: bool) -> Result<()> {
        let put = || -> io::Result<()> {
            if sync {
                self.file.sync_all()?;
            }
            std::fs::rename(&self.path, target)
        };
        put().map_err(|e| Error::io("cannot write", target, e))?;
        self.placed = true;
        if sync { sync_parent(target) } else { Ok(()) }
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.placed {
            // What stays behind after all is found by `check`.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Puts `content` at `target` in one step.
pub(crate) fn replace(target: &Path, content: &[u8], sync: bool) -> Result<()> {
    let mut draft = Draft::beside(target)?;
    draft.write_all(content).map_err(|e| Error::io("cannot write", target, e))?;
    draft.place(target, sync)
}

/// Removes the drafts that a writer left in `folder` when it was cut off. Only for folders with one writer.
pub(crate) fn clear_drafts(folder: &Path) {
    for draft in drafts(folder) {
        // One that stays is only in the way of the eye.
        let _ = std::fs::remove_file(draft);
    }
}

/// Whether a writer left drafts in `folder`.
pub(crate) fn has_drafts(folder: &Path) -> bool {
    drafts(folder).next().is_some()
}

fn drafts(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with('.') && name.ends_with(".tmp"))
    })
}
