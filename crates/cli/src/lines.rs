//! Live lines for other processes: who drives a run speaks on a socket in the run's folder, and `runs logs -f` hears.
//!
//! What is said there is kept by nobody: a step's whole output is in its result. Who hears too slowly misses lines.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use windlass_engine::{Observer, Stream, Watch};
use windlass_model::projection::RunMeta;
use windlass_model::{At, Record, RunId, RunState};
use windlass_store::Store;

/// The socket's name in the run's folder.
const NAME: &str = "live";

/// How many lines may wait for one who hears.
const WAITING: usize = 1024;

/// A line of a step's output, as it travels.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Whose.
    pub(crate) at: At,
    /// Whether it came from standard error.
    pub(crate) stderr: bool,
    /// The line, without its end.
    pub(crate) text: String,
}

/// The driver's end. Clones are the same.
#[derive(Clone)]
pub(crate) struct Speaker(Arc<Shared>);

struct Shared {
    store: Store,
    ears: Mutex<Vec<SyncSender<Arc<str>>>>,
    /// How many ears there are, for whoever only wants to know whether there are any.
    count: AtomicUsize,
    folder: Mutex<Option<PathBuf>>,
}

impl Speaker {
    /// Speaks of a run of this store, from its beginning to its end. It says nothing of one in memory.
    pub(crate) fn new(store: Store) -> Self {
        let (ears, folder) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Shared { store, ears, count: AtomicUsize::new(0), folder }))
    }

    /// Lets others listen. A run goes on though nobody can.
    fn open(&self, run: &RunId) -> io::Result<()> {
        let Some(folder) = self.0.store.run_folder(run) else { return Ok(()) };
        fs::create_dir_all(&folder)?;
        // That of a driver that died; there is one at a time, by the run's lease.
        fs::remove_file(folder.join(NAME)).ok();
        let listener = reached(&folder, |path| UnixListener::bind(path))?;
        fs::set_permissions(folder.join(NAME), fs::Permissions::from_mode(0o600))?;
        *lock(&self.0.folder) = Some(folder);
        let shared = self.0.clone();
        let hear = move || {
            for stream in listener.incoming() {
                if lock(&shared.folder).is_none() {
                    return;
                }
                if let Ok(stream) = stream {
                    shared.add(stream);
                }
            }
        };
        std::thread::Builder::new().name("live lines".into()).spawn(hear).map(drop)
    }

    fn close(&self) {
        let Some(folder) = lock(&self.0.folder).take() else { return };
        // Wakes who waits for the next one.
        reached(&folder, |path| UnixStream::connect(path)).ok();
        fs::remove_file(folder.join(NAME)).ok();
        lock(&self.0.ears).clear();
        self.0.count.store(0, Ordering::Relaxed);
    }
}

impl Shared {
    fn add(&self, mut stream: UnixStream) {
        let (tell, lines) = sync_channel::<Arc<str>>(WAITING);
        let write = move || {
            // Until the run is over, or nobody hears any more.
            let _ = lines.into_iter().try_for_each(|line| stream.write_all(line.as_bytes()));
        };
        if std::thread::Builder::new().name("live lines".into()).spawn(write).is_ok() {
            let mut ears = lock(&self.ears);
            ears.push(tell);
            self.count.store(ears.len(), Ordering::Relaxed);
        }
    }
}

impl Observer for Speaker {
    fn begin(&mut self, meta: &RunMeta, _: &RunState) {
        self.open(&meta.run_id).ok();
    }

    fn records(&mut self, _: &RunState, _: &[Record]) {}

    fn end(&mut self, _: &RunState) {
        self.close();
    }
}

impl Watch for Speaker {
    fn line(&self, at: At, stream: Stream, line: &str) {
        let line = Line { at, stderr: stream == Stream::Stderr, text: line.to_owned() };
        let mut text = serde_json::to_string(&line).expect("a line has string keys and no floats");
        text.push('\n');
        let text: Arc<str> = text.into();
        let mut ears = lock(&self.0.ears);
        // A step never waits for who hears: one that is slow misses the line, one that has gone is forgotten.
        let gone = |tell: &SyncSender<Arc<str>>| {
            matches!(tell.try_send(text.clone()), Err(std::sync::mpsc::TrySendError::Disconnected(_)))
        };
        ears.retain(|tell| !gone(tell));
        self.0.count.store(ears.len(), Ordering::Relaxed);
    }

    fn looks(&self) -> bool {
        self.0.count.load(Ordering::Relaxed) > 0
    }
}

/// Several who look, as one.
pub(crate) struct Looks(pub(crate) Vec<Arc<dyn Watch>>);

impl Watch for Looks {
    fn line(&self, at: At, stream: Stream, line: &str) {
        self.0.iter().filter(|watch| watch.looks()).for_each(|watch| watch.line(at, stream, line));
    }

    fn looks(&self) -> bool {
        self.0.iter().any(|watch| watch.looks())
    }
}

/// The end of who hears. Where nobody speaks it waits for somebody.
pub(crate) struct Ear {
    folder: Option<PathBuf>,
    lines: Option<Receiver<Line>>,
}

impl Ear {
    /// Hears of a run.
    pub(crate) fn new(store: &Store, run: &RunId) -> Self {
        Self { folder: store.run_folder(run), lines: None }
    }

    /// Hears for so long.
    pub(crate) fn hear(&mut self, wait: Duration, each: &mut dyn FnMut(Line)) {
        let end = Instant::now() + wait;
        if self.lines.is_none() {
            self.lines = self.folder.as_deref().and_then(|folder| listen(folder).ok());
        }
        while let Some(lines) = &self.lines {
            match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => each(line),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => self.lines = None,
            }
        }
        std::thread::sleep(end.saturating_duration_since(Instant::now()));
    }
}

fn listen(folder: &Path) -> io::Result<Receiver<Line>> {
    let stream = reached(folder, |path| UnixStream::connect(path))?;
    let (tell, lines) = sync_channel(WAITING);
    std::thread::Builder::new().name("live lines".into()).spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // A line of a later version says nothing to this one.
            let Ok(line) = serde_json::from_str(&line) else { continue };
            if tell.send(line).is_err() {
                return;
            }
        }
    })?;
    Ok(lines)
}

/// Does something with the socket of a folder. Its address has room for some hundred bytes only, and a folder may lie
/// deeper than that: then it is named by its descriptor.
fn reached<T>(folder: &Path, work: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    const ROOM: usize = 100;
    let path = folder.join(NAME);
    if path.as_os_str().len() <= ROOM {
        return work(&path);
    }
    let folder = File::open(folder)?;
    work(&PathBuf::from(format!("/proc/self/fd/{}/{NAME}", folder.as_raw_fd())))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_may_lie_deeper_than_an_address_is_long() {
        let top = tempfile::tempdir().expect("a folder");
        let deep = top.path().join("x".repeat(120));
        fs::create_dir(&deep).expect("made");
        let listener = reached(&deep, |path| UnixListener::bind(path)).expect("bound");
        reached(&deep, |path| UnixStream::connect(path)).expect("connected");
        listener.accept().expect("somebody is there");
    }
}
