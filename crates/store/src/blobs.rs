//! Contents by their hash: what plans stand on, and outputs too long for the journal.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};

use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};
use windlass_model::BlobId;

use crate::files::{self, Draft};
use crate::{Error, Result};

/// How long a content stays without a run that refers to it: a plan's files are stored before its run is
/// written down.
pub(crate) const GRACE: Duration = Duration::from_secs(3600);

/// Contents by their hash.
#[derive(Clone, Debug)]
pub struct Blobs(Place);

#[derive(Clone, Debug)]
enum Place {
    /// `<folder>/ab/abcd…`, and `<folder>/lock`.
    Folder(Arc<Path>),
    Memory(Arc<Mutex<Contents>>),
}

/// Contents in memory, each with the time when it was last added.
type Contents = HashMap<BlobId, (Instant, Arc<[u8]>)>;

/// While one is held, no content goes away.
#[derive(Debug)]
pub(crate) enum Hold<'a> {
    /// Released when the file is closed.
    File {
        _locked: File,
    },
    Memory {
        _locked: MutexGuard<'a, Contents>,
    },
}

/// What lies in a folder of contents.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The contents with their sizes.
    pub(crate) contents: Vec<(BlobId, u64)>,
    /// What writers that were cut off have left.
    pub(crate) others: Vec<PathBuf>,
}

impl Blobs {
    pub(crate) fn folder(path: &Path) -> Self {
        Self(Place::Folder(path.into()))
    }

    pub(crate) fn memory() -> Self {
        Self(Place::Memory(Arc::default()))
    }

    /// Keeps `content`; durable when it returns.
    pub fn put(&self, content: &[u8]) -> Result<BlobId> {
        let mut draft = self.draft()?;
        draft.write_all(content).map_err(|e| draft.fault(e))?;
        draft.keep().map(|(id, _)| id)
    }

    /// A content in the making, for what comes in pieces.
    pub fn draft(&self) -> Result<BlobDraft> {
        let into = match &self.0 {
            Place::Folder(folder) => {
                files::durable_folder(folder)?;
                Into::File(held_draft(folder)?)
            }
            Place::Memory(_) => Into::Memory(Vec::new()),
        };
        Ok(BlobDraft { blobs: self.clone(), into, hash: Sha256::new(), bytes: 0 })
    }

    /// The content; an error where it is not there, or is not what its name says.
    pub fn get(&self, id: &BlobId) -> Result<Arc<[u8]>> {
        let content: Arc<[u8]> = match &self.0 {
            Place::Folder(folder) => read(&path_of(folder, id), id)?.into(),
            Place::Memory(map) => {
                lock(map).get(id).map(|(_, c)| c.clone()).ok_or_else(|| Error::NoBlob(id.clone()))?
            }
        };
        if BlobId::of(&content) == *id { Ok(content) } else { Err(Error::NoBlob(id.clone())) }
    }

    /// The content's file, for what reads only a part of it. None in memory, and where it is not there.
    pub fn open(&self, id: &BlobId) -> Option<File> {
        match &self.0 {
            Place::Folder(folder) => File::open(path_of(folder, id)).ok(),
            Place::Memory(_) => None,
        }
    }

    /// Whether the content is there.
    pub fn has(&self, id: &BlobId) -> bool {
        match &self.0 {
            Place::Folder(folder) => path_of(folder, id).is_file(),
            Place::Memory(map) => lock(map).contains_key(id),
        }
    }

    /// Looks whether all of `needed` are there, and keeps them there for as long as the answer lives: until it
    /// is written down who needs them.
    pub(crate) fn hold(&self, needed: &BTreeSet<BlobId>) -> Result<Hold<'_>> {
        let (held, missing) = match &self.0 {
            Place::Folder(folder) => {
                files::durable_folder(folder)?;
                let locked = gate(folder, File::lock_shared)?;
                let missing = needed.iter().find(|id| !path_of(folder, id).is_file());
                (Hold::File { _locked: locked }, missing)
            }
            Place::Memory(map) => {
                let locked = lock(map);
                let missing = needed.iter().find(|id| !locked.contains_key(*id));
                (Hold::Memory { _locked: locked }, missing)
            }
        };
        missing.map_or(Ok(held), |id| Err(Error::NoBlob(id.clone())))
    }

    /// Each content with its size, and what else lies in the folder.
    pub(crate) fn list(&self) -> Result<Listing> {
        match &self.0 {
            Place::Folder(folder) => list(folder).map_err(|e| Error::io("cannot list", folder, e)),
            Place::Memory(map) => {
                let contents = lock(map).iter().map(|(id, (_, c))| (id.clone(), c.len() as u64)).collect();
                Ok(Listing { contents, others: Vec::new() })
            }
        }
    }

    /// Removes what is not among those that `kept` names, unless it is younger than `grace`; gives back how
    /// many bytes that were. With `dry` nothing is removed. `kept` is asked while nobody can add a content, so
    /// that none is missed.
    pub(crate) fn sweep(
        &self,
        kept: impl FnOnce() -> Result<BTreeSet<BlobId>>,
        grace: Duration,
        dry: bool,
    ) -> Result<u64> {
        match &self.0 {
            Place::Folder(folder) if !folder.is_dir() => Ok(0),
            Place::Folder(folder) => {
                let _alone = gate(folder, File::lock)?;
                sweep_folder(folder, &kept()?, grace, dry)
            }
            Place::Memory(map) => {
                let mut map = lock(map);
                let kept = kept()?;
                let gone = |id: &BlobId, at: &Instant| at.elapsed() >= grace && !kept.contains(id);
                let bytes =
                    map.iter().filter(|(id, (at, _))| gone(id, at)).map(|(_, (_, c))| c.len() as u64).sum();
                if !dry {
                    map.retain(|id, (at, _)| !gone(id, at));
                }
                Ok(bytes)
            }
        }
    }
}

/// A content in the making. Dropped before [`BlobDraft::keep`], it leaves nothing behind.
#[derive(Debug)]
pub struct BlobDraft {
    blobs: Blobs,
    into: Into,
    hash: Sha256,
    bytes: u64,
}

#[derive(Debug)]
enum Into {
    File(Draft),
    Memory(Vec<u8>),
}

impl Write for BlobDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = match &mut self.into {
            Into::File(file) => file.write(bytes)?,
            Into::Memory(content) => content.write(bytes)?,
        };
        self.hash.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobDraft {
    /// How long it is so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Keeps the content under its hash; durable when it returns.
    pub fn keep(self) -> Result<(BlobId, u64)> {
        let hex: String = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let id = BlobId::new(&hex).expect("a digest in hexadecimal is a name");
        match (&self.blobs.0, self.into) {
            (Place::Folder(folder), Into::File(file)) => {
                let path = path_of(folder, &id);
                // Shared by all that add; whoever removes holds it alone.
                let _shared = gate(folder, File::lock_shared)?;
                if !freshen(&path, self.bytes) {
                    files::durable_folder(path.parent().expect("a blob lies in a folder"))?;
                    file.place(&path, true)?;
                }
            }
            (Place::Memory(map), Into::Memory(content)) => {
                lock(map).insert(id.clone(), (Instant::now(), content.into()));
            }
            _ => unreachable!("a draft is made by its own store"),
        }
        Ok((id, self.bytes))
    }

    fn fault(&self, error: io::Error) -> Error {
        let path = match &self.blobs.0 {
            Place::Folder(folder) => folder,
            Place::Memory(_) => Path::new("memory"),
        };
        Error::io("cannot write to", path, error)
    }
}

fn lock<T>(map: &Mutex<T>) -> MutexGuard<'_, T> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

fn path_of(folder: &Path, id: &BlobId) -> PathBuf {
    folder.join(&id.as_str()[..2]).join(id.as_str())
}

fn read(path: &Path, id: &BlobId) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => Error::NoBlob(id.clone()),
        _ => Error::io("cannot read", path, e),
    })
}

/// Makes a content that is there young again; false where it is not there, or not of this length.
fn freshen(path: &Path, bytes: u64) -> bool {
    let Ok(file) = OpenOptions::new().write(true).open(path) else { return false };
    file.metadata().is_ok_and(|m| m.len() == bytes) && file.set_modified(SystemTime::now()).is_ok()
}

/// Takes the folder's lock. Adding shares it and sweeping has it alone: else a content could be found there
/// by who adds it again, and be gone a moment later.
fn gate(folder: &Path, take: impl FnOnce(&File) -> io::Result<()>) -> Result<File> {
    let path = folder.join("lock");
    let open = || -> io::Result<File> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        take(&file)?;
        Ok(file)
    };
    open().map_err(|e| Error::io("cannot lock", &path, e))
}

fn list(folder: &Path) -> io::Result<Listing> {
    let mut found = Listing::default();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            if entry.file_name() != "lock" {
                found.others.push(entry.path());
            }
            continue;
        }
        for file in fs::read_dir(entry.path())? {
            let file = file?;
            match file.file_name().to_str().and_then(BlobId::new) {
                Some(id) => found.contents.push((id, file.metadata()?.len())),
                None => found.others.push(file.path()),
            }
        }
    }
    Ok(found)
}

fn sweep_folder(folder: &Path, kept: &BTreeSet<BlobId>, grace: Duration, dry: bool) -> Result<u64> {
    let there = list(folder).map_err(|e| Error::io("cannot list", folder, e))?;
    let contents = there.contents.iter().filter(|(id, _)| !kept.contains(id));
    let contents = contents.map(|(id, _)| path_of(folder, id));
    let left = there.others.into_iter().filter(|path| !is_written(path));
    let mut freed = 0;
    for path in contents.chain(left) {
        let Ok(meta) = fs::metadata(&path) else { continue };
        let age = meta.modified().ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
        if age < grace {
            continue;
        }
        match if dry { Ok(()) } else { fs::remove_file(&path) } {
            // Its writer gave it up.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            removed => removed.map_err(|e| Error::io("cannot remove", &path, e))?,
        }
        freed += meta.len();
    }
    Ok(freed)
}

/// A draft that a sweep knows by its lock to be written still. One that was swept before it could be locked is made
/// anew.
fn held_draft(folder: &Path) -> Result<Draft> {
    loop {
        let draft = Draft::beside(&folder.join("new"))?;
        let locked = draft.file().lock_shared().and_then(|()| draft.file().metadata());
        if locked.map_err(|e| Error::io("cannot lock", folder, e))?.nlink() > 0 {
            return Ok(draft);
        }
    }
}

/// Whether somebody writes a draft right now.
fn is_written(draft: &Path) -> bool {
    File::open(draft).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}
