//! Copying a folder and everything in it.

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
};

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
    let dirs = Want { mode: Want::read(args, "directory_mode")?.mode, ..install.want.clone() };
    let tree = Tree { dirs, install, links: !args.bool("local_follow"), cx };
    let mut changed = make_dirs(&dest, &tree.dirs, cx)?;
    changed |= tree.folder(src, &dest, &mut Vec::new())?;
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

impl Tree<'_> {
    /// Copies what is in a folder. `above` are the folders on the way here, so that a link back to one of them
    /// ends instead of going round for ever.
    fn folder(&self, src: &Path, dest: &Path, above: &mut Vec<(u64, u64)>) -> Result<bool, Error> {
        let meta = fs::metadata(src).map_err(Error::io("read", src))?;
        let id = (meta.dev(), meta.ino());
        if above.contains(&id) {
            return Ok(false);
        }
        above.push(id);
        let mut changed = false;
        for path in entries(src)? {
            self.cx.alive()?;
            let dest = dest.join(path.file_name().unwrap_or_default());
            changed |= self.entry(&path, &dest, above)?;
        }
        above.pop();
        Ok(changed)
    }

    fn entry(&self, src: &Path, dest: &Path, above: &mut Vec<(u64, u64)>) -> Result<bool, Error> {
        if self.links && let Ok(target) = fs::read_link(src) {
            return self.link(&target, dest);
        }
        if fs::metadata(src).map_err(Error::io("read", src))?.is_dir() {
            let mut changed = make_dirs(dest, &self.dirs, self.cx)?;
            if !changed && !self.dirs.is_empty() {
                let (now, then) = self.dirs.settle(dest, self.cx)?;
                changed = now != then;
            }
            return Ok(changed | self.folder(src, dest, above)?);
        }
        Ok(self.install.put(Content::File(src), dest)?.changed)
    }

    fn link(&self, target: &Path, dest: &Path) -> Result<bool, Error> {
        if fs::read_link(dest).is_ok_and(|now| now == target) {
            return Ok(false);
        }
        if fs::symlink_metadata(dest).is_ok_and(|meta| meta.is_dir()) {
            return Err(Error::Failed(format!("{} is a folder, refusing to replace it by a link", dest.display())));
        }
        if !self.cx.check {
            let temp = temp_name(parent(dest));
            symlink(target, &temp).map_err(Error::io("create", dest))?;
            fs::rename(&temp, dest)
                .map_err(Error::io("replace", dest))
                .inspect_err(|_| drop(fs::remove_file(&temp)))?;
        }
        Ok(true)
    }
}

/// What is in a folder, in the order of the names.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let list = fs::read_dir(dir).map_err(Error::io("list", dir))?;
    let mut paths: Vec<PathBuf> =
        list.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(Error::io("list", dir))?;
    paths.sort_unstable();
    Ok(paths)
}
