//! `state: link` and `state: hard`: names for what is elsewhere.

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
};

use super::{Done, Task};
use crate::{
    Error,
    fsops::{
        path::{parent, resolve, state_of},
        replace::{sync_dir, temp_name},
    },
};

pub(super) fn symbolic(task: &Task<'_>) -> Result<Done, Error> {
    let path = &task.path;
    let old = (task.prev == "link").then(|| fs::read_link(path)).transpose().map_err(Error::io("read", path))?;
    let src = match (task.src, &old) {
        (Some(src), _) => PathBuf::from(crate::expand::path(src, task.cx.env)),
        (None, Some(old)) => old.clone(),
        (None, None) => return Err(Error::Failed("`src` is needed to make a new link".into())),
    };
    allow(task, &src)?;
    let mut done = Done::new(task, "dest", path);
    done.src = Some(src.to_string_lossy().into());
    if old.as_ref() != Some(&src) {
        done.changed = true;
        if let Some(old) = old {
            done.before.insert("src".into(), old.to_string_lossy().into());
            done.after.insert("src".into(), src.to_string_lossy().into());
        }
        if !task.cx.check {
            put(task, &|at| symlink(&src, at))?;
        }
    }
    // In check mode the link is not there to be followed, but what it would point to is.
    let subject = match (task.follow, done.changed && task.cx.check) {
        (true, true) => resolve(&parent(path).join(&src))?,
        (true, false) => resolve(path)?,
        (false, true) => return Ok(done),
        (false, false) => path.clone(),
    };
    if state_of(&subject)? != "absent" {
        task.settle(&subject, &mut done)?;
    }
    Ok(done)
}

/// Whether a link to `src` may be put here.
fn allow(task: &Task<'_>, src: &Path) -> Result<(), Error> {
    let shown = task.path.display();
    let refuse = |why: String| Err(Error::Failed(why));
    if task.src.is_some() && !task.force {
        let target = parent(&task.path).join(src);
        if fs::metadata(&target).is_err() {
            return refuse(format!("{} does not exist; `force: true` links to it all the same", target.display()));
        }
    }
    match task.prev {
        "directory" | "file" | "hard" if !task.force => {
            refuse(format!("{shown} is a {}; `force: true` replaces it by a link", task.prev))
        }
        "directory" if fs::read_dir(&task.path).map_err(Error::io("list", &task.path))?.next().is_some() => {
            refuse(format!("the folder {shown} is not empty, refusing to replace it by a link"))
        }
        _ => Ok(()),
    }
}

pub(super) fn hard(task: &Task<'_>) -> Result<Done, Error> {
    let path = &task.path;
    let mut done = Done::new(task, "dest", path);
    let Some(src) = task.src else {
        if task.prev != "hard" {
            return Err(Error::Failed("`src` is needed to make a new hard link".into()));
        }
        task.settle(path, &mut done)?;
        return Ok(done);
    };
    let src = task.cx.path(src);
    let src = if task.follow { resolve(&src)? } else { src };
    let target = fs::symlink_metadata(&src).map_err(Error::io("link to", &src))?;
    done.src = Some(src.to_string_lossy().into());
    let same = fs::symlink_metadata(path).is_ok_and(|meta| (meta.dev(), meta.ino()) == (target.dev(), target.ino()));
    if !same {
        if task.prev == "directory" {
            return Err(Error::Failed(format!("{} is a directory, refusing to replace it", path.display())));
        }
        if !matches!(task.prev, "absent" | "link") && !task.force {
            let path = path.display();
            return Err(Error::Failed(format!("{path} is another file; `force: true` replaces it by a link")));
        }
        done.changed = true;
        if !task.cx.check {
            put(task, &|at| fs::hard_link(&src, at))?;
        }
    }
    // Both names have the same attributes, so that in check mode those of the source tell.
    task.settle(if task.cx.check { &src } else { path }, &mut done)?;
    Ok(done)
}

/// Puts a link in place in one step, whatever is there.
fn put(task: &Task<'_>, make: &dyn Fn(&Path) -> std::io::Result<()>) -> Result<(), Error> {
    let path = &task.path;
    if task.prev == "absent" {
        return make(path).map_err(Error::io("create", path));
    }
    let temp = temp_name(parent(path));
    make(&temp).map_err(Error::io("create", path))?;
    if task.prev == "directory" {
        fs::remove_dir(path).map_err(Error::io("replace", path)).inspect_err(|_| drop(fs::remove_file(&temp)))?;
    }
    fs::rename(&temp, path).map_err(Error::io("replace", path)).inspect_err(|_| drop(fs::remove_file(&temp)))?;
    sync_dir(parent(path))
}
