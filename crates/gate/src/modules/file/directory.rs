//! `state: directory`: a folder, the folders above it, and with `recurse` everything in it.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use super::{Done, Task};
use crate::{
    Error,
    fsops::path::{make_dirs, resolve, state_of},
};

pub(super) fn ensure(task: &Task<'_>) -> Result<Done, Error> {
    let path = task.subject()?;
    let found = state_of(&path, task.cx.fs())?;
    let mut done = Done::new(task, "path", &path);
    match found {
        "absent" => {
            make_dirs(&path, &task.want, task.cx)?;
            done.changed = true;
        }
        "directory" => {
            task.settle(&path, &mut done)?;
            if task.recurse {
                walk(task, &path, &mut done)?;
            }
        }
        other => return Err(Error::Failed(format!("{} already exists as a {other}", path.display()))),
    }
    Ok(done)
}

/// Gives the attributes to everything below a folder. Links are followed where the task follows them, each
/// folder once, so that circles end.
fn walk(task: &Task<'_>, top: &Path, done: &mut Done) -> Result<(), Error> {
    let mut seen = HashSet::new();
    let mut dirs = vec![top.to_owned()];
    while let Some(dir) = dirs.pop() {
        let meta = task.cx.fs().metadata(&dir).map_err(Error::io("look at", &dir))?;
        if !seen.insert(meta.id()) {
            continue;
        }
        for name in task.cx.fs().names(&dir).map_err(Error::io("list", &dir))? {
            task.cx.alive()?;
            visit(task, dir.join(name), &mut dirs, done)?;
        }
    }
    Ok(())
}

fn visit(task: &Task<'_>, path: PathBuf, dirs: &mut Vec<PathBuf>, done: &mut Done) -> Result<(), Error> {
    // What is in the folder is not part of the difference, which would grow with it.
    let mut below = Done::new(task, "path", &path);
    task.settle(&path, &mut below)?;
    let meta = task.cx.fs().symlink_metadata(&path).map_err(Error::io("look at", &path))?;
    if meta.is_dir() {
        dirs.push(path);
    } else if meta.is_symlink() && task.follow {
        let target = resolve(&path, task.cx.fs())?;
        if let Ok(meta) = task.cx.fs().symlink_metadata(&target) {
            task.settle(&target, &mut below)?;
            dirs.extend(meta.is_dir().then_some(target));
        }
    }
    done.changed |= below.changed;
    Ok(())
}
