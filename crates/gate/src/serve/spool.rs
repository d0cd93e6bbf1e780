//! Contents that have come: files in a private folder, by their hashes, for as long as the connection lasts.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sha2::{Digest, Sha256};

use super::{guard::Guard, lock};
use crate::{Context, Error};

/// What our folders are called.
const PREFIX: &str = "contents-";

/// How often a request that waits for a content looks whether it was cancelled.
const TICK: Duration = Duration::from_millis(50);

/// How many transfers may be open at once: each holds a descriptor.
const TRANSFERS: usize = 64;

/// The contents of a connection.
pub(super) struct Spool {
    /// Where the folder is to be.
    home: Option<PathBuf>,
    folder: Mutex<Option<Folder>>,
    contents: Mutex<HashMap<String, State>>,
    changed: Condvar,
    transfers: Mutex<HashMap<u32, Incoming>>,
}

/// A folder that is ours while we hold the lock beside it, and rubbish after.
struct Folder {
    path: PathBuf,
    lock: PathBuf,
    _held: File,
}

enum State {
    Asked,
    Here,
    Lacking(String),
}

struct Incoming {
    sha256: String,
    digest: Sha256,
    taken: u64,
    size: u64,
    /// None once it could not be written; the rest of it is let pass.
    file: Option<(File, PathBuf)>,
}

impl Spool {
    pub(super) fn new(home: Option<PathBuf>) -> Self {
        Self {
            home,
            folder: Mutex::new(None),
            contents: Mutex::default(),
            changed: Condvar::new(),
            transfers: Mutex::default(),
        }
    }

    /// Those of the contents that nobody has asked for yet, or that could not be had or kept then: a disk may
    /// have room by now. They count as asked for from now on.
    pub(super) fn missing<'a>(&self, wanted: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mut contents = lock(&self.contents);
        let mut seen = HashSet::new();
        let known = |sha256: &str| matches!(contents.get(sha256), Some(State::Asked | State::Here));
        let new = wanted.into_iter().filter(|sha256| !known(sha256) && seen.insert(*sha256));
        let new: Vec<String> = new.map(str::to_owned).collect();
        contents.extend(new.iter().map(|sha256| (sha256.clone(), State::Asked)));
        new
    }

    /// Waits until a content that was asked for has come, and says where it is.
    pub(super) fn wait(&self, sha256: &str, cx: &Context<'_>) -> Result<PathBuf, Error> {
        let mut contents = lock(&self.contents);
        loop {
            cx.alive()?;
            match contents.get(sha256) {
                Some(State::Here) => break,
                Some(State::Lacking(why)) => return Err(Error::Failed(why.clone())),
                Some(State::Asked) | None => {}
            }
            let waited = self.changed.wait_timeout(contents, TICK);
            contents = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(contents);
        let folder = lock(&self.folder);
        let folder = folder.as_ref().expect("a content that is here lies in the folder");
        Ok(folder.path.join(sha256))
    }

    /// A content that was asked for cannot be had.
    pub(super) fn lacking(&self, sha256: &str, why: String) {
        lock(&self.contents).insert(sha256.to_owned(), State::Lacking(why));
        self.changed.notify_all();
    }

    /// A content is about to come. What cannot be taken is told as the reason why an order is refused; what
    /// cannot be written fails the requests that stand on it.
    pub(super) fn put(&self, transfer: u32, sha256: String, size: u64, guard: &Guard) -> Result<(), String> {
        if sha256.len() != 64 || !sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err("a content is named by something that is no hash".into());
        }
        let mut transfers = lock(&self.transfers);
        if transfers.contains_key(&transfer) {
            return Err(format!("transfer {transfer} is open already"));
        }
        if transfers.len() >= TRANSFERS {
            return Err(format!("more than {TRANSFERS} transfers at once"));
        }
        let file = self.create(&sha256, transfer, guard);
        if let Err(error) = &file {
            self.lacking(&sha256, format!("a content could not be kept on the host: {error}"));
        }
        let incoming = Incoming { sha256, digest: Sha256::new(), taken: 0, size, file: file.ok() };
        transfers.insert(transfer, incoming);
        drop(transfers);
        self.piece(transfer, &[]).map(drop)
    }

    /// Takes the next piece of a content, and says how many bytes of it have come in all.
    pub(super) fn piece(&self, transfer: u32, bytes: &[u8]) -> Result<u64, String> {
        let mut transfers = lock(&self.transfers);
        let Some(incoming) = transfers.get_mut(&transfer) else {
            return Err(format!("there is no transfer {transfer}"));
        };
        if incoming.taken + bytes.len() as u64 > incoming.size {
            let message = format!("transfer {transfer} has more than the {} bytes announced", incoming.size);
            let incoming = transfers.remove(&transfer).expect("it was just there");
            self.discard(incoming.file, &incoming.sha256, message.clone());
            return Err(message);
        }
        incoming.taken += bytes.len() as u64;
        incoming.digest.update(bytes);
        if let Some((file, _)) = &mut incoming.file
            && let Err(error) = file.write_all(bytes)
        {
            let why = format!("a content could not be kept on the host: {error}");
            self.discard(incoming.file.take(), &incoming.sha256, why);
        }
        let taken = incoming.taken;
        if taken == incoming.size {
            let incoming = transfers.remove(&transfer).expect("it was just there");
            drop(transfers);
            self.finish(incoming);
        }
        Ok(taken)
    }

    /// A new folder within ours, for one request.
    pub(super) fn stage(&self, guard: &Guard) -> Result<PathBuf, Error> {
        let folder = self.folder(guard).map_err(Error::io("make", "a private folder"))?;
        for number in 0_u64.. {
            let path = folder.join(format!("stage-{number}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                done => return done.map_err(Error::io("make", &path)).map(|()| path),
            }
        }
        unreachable!("the loop ends by returning")
    }

    /// Removes everything, and knows of nothing any more.
    pub(super) fn forget(&self) {
        self.clear();
        lock(&self.contents).clear();
    }

    /// Removes everything.
    pub(super) fn clear(&self) {
        lock(&self.transfers).clear();
        if let Some(folder) = lock(&self.folder).take() {
            // What cannot be removed now is removed by the next gate, for nobody holds its lock.
            let _ = fs::remove_dir_all(&folder.path);
            let _ = fs::remove_file(&folder.lock);
        }
    }

    /// Gives up a content that came, and the room that it took.
    fn discard(&self, file: Option<(File, PathBuf)>, sha256: &str, why: String) {
        if let Some((_, path)) = file {
            let _ = fs::remove_file(path);
        }
        self.lacking(sha256, why);
    }

    fn finish(&self, incoming: Incoming) {
        let Some((file, path)) = incoming.file else { return };
        let found = crate::fsops::sum::hex(&incoming.digest.finalize());
        if found != incoming.sha256 {
            let why = format!("a content arrived with the hash {found} in place of {}", incoming.sha256);
            return self.discard(Some((file, path)), &incoming.sha256, why);
        }
        drop(file);
        match fs::rename(&path, path.with_file_name(&incoming.sha256)) {
            Ok(()) => {
                lock(&self.contents).insert(incoming.sha256, State::Here);
                self.changed.notify_all();
            }
            Err(error) => {
                self.lacking(&incoming.sha256, format!("a content could not be kept on the host: {error}"));
            }
        }
    }

    fn create(&self, sha256: &str, transfer: u32, guard: &Guard) -> io::Result<(File, PathBuf)> {
        let path = self.folder(guard)?.join(format!("{sha256}.{transfer}"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok((file, path))
    }

    /// The folder, made when it is first needed.
    fn folder(&self, guard: &Guard) -> io::Result<PathBuf> {
        let mut folder = lock(&self.folder);
        if let Some(folder) = &*folder {
            return Ok(folder.path.clone());
        }
        if let Some(home) = &self.home {
            sweep(home);
        }
        let made = match &self.home {
            Some(home) => make(home).or_else(|_| elsewhere())?,
            None => elsewhere()?,
        };
        guard.folder(&made.path);
        Ok(folder.insert(made).path.clone())
    }
}

/// Folders that anybody may write, where ours is safe because it is new and private.
fn elsewhere() -> io::Result<Folder> {
    let temp = std::env::temp_dir();
    make(Path::new("/dev/shm")).or_else(|_| make(&temp)).or_else(|_| make(Path::new("/var/tmp")))
}

fn make(home: &Path) -> io::Result<Folder> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let name = format!("{PREFIX}{}-{:x}", std::process::id(), since.as_nanos());
    let (path, lock) = (home.join(&name), home.join(format!("{name}.lock")));
    // Each is new or refused: nobody else's file, folder or link is ever taken for ours.
    let held = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&lock)?;
    let made = held.lock().and_then(|()| DirBuilder::new().mode(0o700).create(&path));
    match made {
        Ok(()) => Ok(Folder { path, lock, _held: held }),
        Err(error) => {
            let _ = fs::remove_file(&lock);
            Err(error)
        }
    }
}

/// Removes the folders of gates that were killed, from a folder that is ours alone.
fn sweep(home: &Path) {
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        let lock = entry.path();
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if !ours || lock.extension().is_none_or(|extension| extension != "lock") {
            continue;
        }
        let free = File::open(&lock).is_ok_and(|file| file.try_lock().is_ok());
        if free {
            let _ = fs::remove_dir_all(lock.with_extension(""));
            let _ = fs::remove_file(&lock);
        }
    }
}
