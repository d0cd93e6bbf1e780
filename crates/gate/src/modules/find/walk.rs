//! Going through folders, level by level on the heap: a tree may be deeper than a thread's stack is.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::{Args, Context, Error, view::Meta};

/// Something in a folder.
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) meta: Meta,
}

/// A walk through one folder after the other.
pub(super) struct Walk<'a> {
    /// How many entries were seen.
    pub(super) examined: usize,
    /// What could not be looked at, and why.
    pub(super) skipped: Map<String, Value>,
    recurse: bool,
    follow: bool,
    hidden: bool,
    /// The deepest level that is listed.
    depth: Option<usize>,
    cx: &'a Context<'a>,
}

/// A folder that is yet to be looked in.
struct Level {
    path: PathBuf,
    depth: usize,
    /// The folders above it, so that a link back to one of them ends.
    above: Vec<(u64, u64)>,
}

/// What is told of each entry, and whether to go on.
type Look<'l> = &'l mut dyn FnMut(&Entry) -> Result<bool, Error>;

impl<'a> Walk<'a> {
    pub(super) fn new(args: &Args, cx: &'a Context<'a>) -> Self {
        let depth = args.opt_int("depth").filter(|depth| *depth != 0);
        Self {
            examined: 0,
            skipped: Map::new(),
            recurse: args.bool("recurse"),
            follow: args.bool("follow"),
            hidden: args.bool("hidden"),
            depth: depth.map(|depth| usize::try_from(depth).unwrap_or_default()),
            cx,
        }
    }

    /// Tells of everything in a folder, and then of what is in each folder in it. False if it is none.
    pub(super) fn folder(&mut self, path: &Path, look: Look<'_>) -> Result<bool, Error> {
        if !self.cx.fs().is_dir(path) {
            self.skip(path, format!("'{}' is not a directory", path.display()));
            return Ok(false);
        }
        let mut levels = vec![Level { path: path.to_owned(), depth: 1, above: Vec::new() }];
        while let Some(level) = levels.pop() {
            let Some(below) = self.level(level, look)? else { break };
            if self.recurse {
                levels.extend(below.into_iter().rev());
            }
        }
        Ok(true)
    }

    /// Tells of the entries of one folder, files before folders, each in the order of their names; returns the
    /// folders. None if that was enough.
    fn level(&mut self, level: Level, look: Look<'_>) -> Result<Option<Vec<Level>>, Error> {
        self.cx.alive()?;
        let (mut files, mut dirs) = (Vec::new(), Vec::new());
        let fs = self.cx.fs();
        let (meta, names) =
            match fs.metadata(&level.path).and_then(|meta| Ok((meta, fs.names(&level.path)?))) {
                Ok(found) => found,
                Err(error) => return self.refused(&level.path, error).map(|()| Some(Vec::new())),
            };
        let id = meta.id();
        if level.above.contains(&id) {
            return Ok(Some(Vec::new()));
        }
        for name in names {
            let path = level.path.join(name);
            if fs.is_dir(&path) { &mut dirs } else { &mut files }.push(path);
        }
        files.sort_unstable();
        dirs.sort_unstable();
        self.examined += files.len() + dirs.len();
        if self.depth.is_some_and(|depth| level.depth > depth) {
            return Ok(Some(Vec::new()));
        }
        for path in files.iter().chain(&dirs) {
            if !self.entry(path, look)? {
                return Ok(None);
            }
        }
        let above = [level.above, vec![id]].concat();
        let enter = |path: &PathBuf| self.follow || !fs.is_symlink(path);
        let below = dirs.into_iter().filter(enter);
        Ok(Some(below.map(|path| Level { path, depth: level.depth + 1, above: above.clone() }).collect()))
    }

    fn entry(&mut self, path: &Path, look: Look<'_>) -> Result<bool, Error> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') && !self.hidden {
            return Ok(true);
        }
        match self.cx.fs().symlink_metadata(path) {
            Ok(meta) => look(&Entry { path: path.to_owned(), name, meta }),
            Err(error) => {
                self.skip(path, error.to_string());
                Ok(true)
            }
        }
    }

    /// A folder that we may not look in is passed over; any other failure is one.
    fn refused(&mut self, path: &Path, error: io::Error) -> Result<(), Error> {
        use io::ErrorKind as K;
        if !matches!(error.kind(), K::PermissionDenied | K::NotFound) {
            return Err(Error::io("list", path)(error));
        }
        self.skip(path, error.to_string());
        Ok(())
    }

    fn skip(&mut self, path: &Path, why: String) {
        self.skipped.insert(path.to_string_lossy().into_owned(), why.into());
    }
}
