//! Keeping how a path is.

use std::{
    collections::HashMap,
    fs::{self, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::entry::{Before, Content, Entry, File, Was};
use crate::{Context, Error, fsops::path::parent};

/// The most paths that are kept for one step: what has to be put back in a minute, and fits into one record.
pub const MAX_ENTRIES: usize = 10_000;

/// The most content that is kept for one step, in bytes; a file of it is in memory while it is kept.
pub const MAX_BYTES: u64 = 64 << 20;

/// Keeps a content, and gives a name for it; none where there is no room.
pub type Keep<'a> = dyn FnMut(&[u8]) -> Option<String> + 'a;

/// How much of a path is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// What lies there; of a folder, nothing that is in it.
    Itself,
    /// The same, without the content of a file: nobody is to change that.
    Attributes,
    /// A folder with everything in it.
    Whole,
}

/// Keeps how a path is, which must be absolute. What cannot be kept (too much, a device, a name that is no
/// text) is an error.
pub fn capture(path: &Path, reach: Reach, keep: &mut Keep<'_>, cx: &Context<'_>) -> Result<Before, Error> {
    let mut taker = Taker::new(keep, cx);
    taker.take(path, reach)?;
    Ok(taker.before())
}

/// Takes several paths for one step.
pub(super) struct Taker<'a> {
    keep: &'a mut Keep<'a>,
    cx: &'a Context<'a>,
    bytes: u64,
    entries: Vec<Entry>,
    /// Where each path is in the list.
    known: HashMap<PathBuf, usize>,
    /// Files with several names, by device and number.
    linked: HashMap<(u64, u64), PathBuf>,
}

impl<'a> Taker<'a> {
    pub(super) fn new(keep: &'a mut Keep<'_>, cx: &'a Context<'a>) -> Self {
        Self { keep, cx, bytes: 0, entries: Vec::new(), known: HashMap::new(), linked: HashMap::new() }
    }

    pub(super) fn before(self) -> Before {
        Before { entries: self.entries }
    }

    pub(super) fn take(&mut self, path: &Path, reach: Reach) -> Result<(), Error> {
        let mut left = vec![exact(path)];
        while let Some(path) = left.pop() {
            self.cx.alive()?;
            let folder = self.one(&path, reach)?;
            if folder && reach == Reach::Whole {
                left.extend(listed(&path)?);
            }
        }
        Ok(())
    }

    /// Notes which backups of a path are there already.
    pub(super) fn backups(&mut self, path: &Path) -> Result<(), Error> {
        let path = exact(path);
        let names = backups_of(&path)?;
        if let Some(entry) = self.known.get(&path).and_then(|at| self.entries.get_mut(*at)) {
            entry.backups = Some(names);
        }
        Ok(())
    }

    /// Keeps one path, and says whether it is a folder.
    fn one(&mut self, path: &Path, reach: Reach) -> Result<bool, Error> {
        if self.known.contains_key(path) {
            return Ok(false);
        }
        if path.to_str().is_none() {
            return Err(cannot(path, "its name is no text"));
        }
        let was = match fs::symlink_metadata(path) {
            Ok(meta) => self.look(path, &meta, reach)?,
            Err(error) if is_absent(&error) => Was::Absent { top: top(path)? },
            Err(error) => return Err(Error::io("look at", path)(error)),
        };
        if self.entries.len() >= MAX_ENTRIES {
            return Err(cannot(path, &format!("there are more than {MAX_ENTRIES} paths")));
        }
        let folder = matches!(was, Was::Folder { .. });
        self.known.insert(path.to_owned(), self.entries.len());
        self.entries.push(Entry { path: path.to_owned(), was, backups: None });
        Ok(folder)
    }

    fn look(&mut self, path: &Path, meta: &Metadata, reach: Reach) -> Result<Was, Error> {
        let (owner, mode) = ((meta.uid(), meta.gid()), meta.mode() & 0o7777);
        if meta.is_symlink() {
            let target = fs::read_link(path).map_err(Error::io("read", path))?;
            return match target.to_str() {
                Some(_) => Ok(Was::Link { owner, target }),
                None => Err(cannot(path, "where it leads is no text")),
            };
        }
        if meta.is_dir() {
            return Ok(Was::Folder { owner, mode });
        }
        if !meta.is_file() {
            return Err(cannot(path, "it is neither a file, a folder nor a link"));
        }
        let id = (meta.dev(), meta.ino());
        if meta.nlink() > 1 && reach == Reach::Whole {
            if let Some(first) = self.linked.get(&id) {
                return Ok(Was::Same { path: first.clone() });
            }
            self.linked.insert(id, path.to_owned());
        }
        let content = if reach == Reach::Attributes { Content::Unkept } else { self.content(path)? };
        let changed = (meta.mtime(), meta.mtime_nsec());
        Ok(Was::File(File { owner, mode, changed, id, names: meta.nlink(), content }))
    }

    fn content(&mut self, path: &Path) -> Result<Content, Error> {
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(Error::io("read", path))?;
        // One byte more than there is room for tells that it is too much, even of a file that grows.
        let room = MAX_BYTES - self.bytes;
        file.take(room + 1).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
        if bytes.is_empty() {
            return Ok(Content::Empty);
        }
        self.bytes += bytes.len() as u64;
        if self.bytes > MAX_BYTES {
            return Err(cannot(path, &format!("it is more than {} MiB", MAX_BYTES >> 20)));
        }
        let name = (self.keep)(&bytes);
        name.map(Content::Kept)
            .ok_or_else(|| cannot(path, "there is no room for its content, or none is kept"))
    }
}

/// A path that goes through no link: the step itself may replace one on the way.
fn exact(path: &Path) -> PathBuf {
    match (path.file_name(), fs::canonicalize(parent(path))) {
        (Some(name), Ok(folder)) => folder.join(name),
        _ => path.to_owned(),
    }
}

pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What is in a folder, the first name last: they are taken from the end.
fn listed(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let names = fs::read_dir(dir).map_err(Error::io("list", dir))?;
    let paths = names.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<io::Result<_>>().map_err(Error::io("list", dir))?;
    paths.sort_unstable_by(|a, b| b.cmp(a));
    Ok(paths)
}

/// The highest folder on the way to a path that is missing, or the path itself.
fn top(path: &Path) -> Result<PathBuf, Error> {
    let mut top = path;
    for above in path.ancestors().skip(1) {
        match fs::symlink_metadata(above) {
            Ok(_) => break,
            Err(error) if is_absent(&error) => top = above,
            Err(error) => return Err(Error::io("look at", above)(error)),
        }
    }
    Ok(top.to_owned())
}

/// The backups that lie beside a file, as modules name them: `NAME.PID.2024-02-29@12:00:00~`.
pub(super) fn backups_of(path: &Path) -> Result<Vec<String>, Error> {
    let (dir, name) = (parent(path), path.file_name().unwrap_or_default().to_string_lossy());
    let names = match fs::read_dir(dir) {
        Ok(names) => names,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", dir)(error)),
    };
    let mut found = Vec::new();
    for entry in names {
        let entry = entry.map_err(Error::io("list", dir))?.file_name();
        let rest = entry.to_str().and_then(|entry| entry.strip_prefix(&*name)?.strip_prefix('.'));
        let middle = rest.and_then(|rest| rest.strip_suffix('~')).and_then(|rest| rest.split_once('.'));
        let is_backup = |(pid, time): (&str, &str)| {
            let is_pid = !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
            is_pid
                && time.contains('@')
                && time.bytes().all(|byte| byte.is_ascii_digit() || b"-@:".contains(&byte))
        };
        if middle.is_some_and(is_backup) {
            found.extend(entry.to_str().map(str::to_owned));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn cannot(path: &Path, why: &str) -> Error {
    Error::Failed(format!("{} cannot be kept: {why}", path.display()))
}
