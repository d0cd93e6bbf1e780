//! Copying a folder and everything in it.

use std::path::{Path, PathBuf};

use crate::{
    Args, Context, Error, Reply,
    fsops::{
        attrs::Want,
        install::{Content, Install},
        path::{make_dirs, parent},
        replace::temp_name,
    },
};

/// Copies a folder into `dest`, or only what is in it.
pub(super) fn copy(
    args: &Args,
    src: &Path,
    inside: bool,
    install: &Install<'_>,
    cx: &Context<'_>,
) -> Result<Reply, Error> {
    let mut dest = cx.path(args.str("dest"));
    if !inside {
        dest.push(src.file_name().unwrap_or_default());
    }
    let dirs = Want { mode: Want::read(args, "directory_mode", cx)?.mode, ..install.want.clone() };
    let tree = Tree { dirs, install, links: !args.bool("local_follow"), cx };
    let mut changed = make_dirs(&dest, &tree.dirs, cx)?;
    changed |= tree.walk(src, dest.clone())?;
    Ok(Reply::changed(changed).with("src", src.to_string_lossy()).with("dest", dest.to_string_lossy()))
}

struct Tree<'a> {
    /// The attributes of folders.
    dirs: Want,
    /// How files are put in place.
    install: &'a Install<'a>,
    /// Links stay links.
    links: bool,
    cx: &'a Context<'a>,
}

/// A folder on the way down to where the copy is.
struct Level {
    id: (u64, u64),
    left: std::vec::IntoIter<PathBuf>,
    dest: PathBuf,
}

impl Tree<'_> {
    /// Copies what is in a folder, with the way down kept on the heap: a tree may be deeper than a thread's
    /// stack is.
    fn walk(&self, src: &Path, dest: PathBuf) -> Result<bool, Error> {
        let mut changed = false;
        let mut levels = vec![self.level(src, dest)?];
        while let Some(level) = levels.last_mut() {
            let Some(path) = level.left.next() else {
                levels.pop();
                continue;
            };
            self.cx.alive()?;
            let dest = level.dest.join(path.file_name().unwrap_or_default());
            if !self.is_folder(&path)? {
                changed |= self.entry(&path, &dest)?;
                continue;
            }
            changed |= self.folder(&dest)?;
            let next = self.level(&path, dest)?;
            // A link back to a folder on the way here would go round for ever.
            if levels.iter().all(|level| level.id != next.id) {
                levels.push(next);
            }
        }
        Ok(changed)
    }

    fn level(&self, src: &Path, dest: PathBuf) -> Result<Level, Error> {
        let meta = self.cx.fs().metadata(src).map_err(Error::io("read", src))?;
        Ok(Level { id: meta.id(), left: entries(src, self.cx)?.into_iter(), dest })
    }

    fn is_folder(&self, src: &Path) -> Result<bool, Error> {
        let fs = self.cx.fs();
        let meta = if self.links { fs.symlink_metadata(src) } else { fs.metadata(src) };
        meta.map(|meta| meta.is_dir()).map_err(Error::io("read", src))
    }

    fn folder(&self, dest: &Path) -> Result<bool, Error> {
        if make_dirs(dest, &self.dirs, self.cx)? {
            return Ok(true);
        }
        if self.dirs.is_empty() {
            return Ok(false);
        }
        let (now, then) = self.dirs.settle(dest, self.cx)?;
        Ok(now != then)
    }

    fn entry(&self, src: &Path, dest: &Path) -> Result<bool, Error> {
        match self.cx.fs().read_link(src) {
            Ok(target) if self.links => self.link(&target, dest),
            _ => Ok(self.install.put(Content::File(src), dest)?.changed),
        }
    }

    fn link(&self, target: &Path, dest: &Path) -> Result<bool, Error> {
        let fs = self.cx.fs();
        if fs.read_link(dest).is_ok_and(|now| now == target) {
            return Ok(false);
        }
        if fs.symlink_metadata(dest).is_ok_and(|meta| meta.is_dir()) {
            return Err(Error::Failed(format!("{} is a folder, refusing to replace it by a link", dest.display())));
        }
        let temp = temp_name(parent(dest));
        fs.symlink(target, &temp).map_err(Error::io("create", dest))?;
        fs.rename(&temp, dest).map_err(Error::io("replace", dest)).inspect_err(|_| drop(fs.remove_file(&temp)))?;
        Ok(true)
    }
}

/// What is in a folder, in the order of the names.
fn entries(dir: &Path, cx: &Context<'_>) -> Result<Vec<PathBuf>, Error> {
    let mut names = cx.fs().names(dir).map_err(Error::io("list", dir))?;
    names.sort_unstable();
    Ok(names.into_iter().map(|name| dir.join(name)).collect())
}
