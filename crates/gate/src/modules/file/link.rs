//! `state: link` and `state: hard`: names for what is elsewhere.

use std::path::{Path, PathBuf};

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
    let old = (task.prev == "link").then(|| task.cx.fs().read_link(path)).transpose().map_err(Error::io("read", path))?;
    let src = match (task.src, &old) {
        (Some(src), _) => PathBuf::from(task.cx.expand(src)),
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
        put(task, &|at| task.cx.fs().symlink(&src, at))?;
    }
    let subject = task.subject()?;
    if state_of(&subject, task.cx.fs())? != "absent" {
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
        if !task.cx.fs().exists(&target) {
            return refuse(format!("{} does not exist; `force: true` links to it all the same", target.display()));
        }
    }
    match task.prev {
        "directory" | "file" | "hard" if !task.force => {
            refuse(format!("{shown} is a {}; `force: true` replaces it by a link", task.prev))
        }
        "directory" if !task.cx.fs().names(&task.path).map_err(Error::io("list", &task.path))?.is_empty() => {
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
    let fs = task.cx.fs();
    let src = if task.follow { resolve(&src, fs)? } else { src };
    let target = fs.symlink_metadata(&src).map_err(Error::io("link to", &src))?;
    done.src = Some(src.to_string_lossy().into());
    let same = fs.symlink_metadata(path).is_ok_and(|meta| meta.id() == target.id());
    if !same {
        if task.prev == "directory" {
            return Err(Error::Failed(format!("{} is a directory, refusing to replace it", path.display())));
        }
        if !matches!(task.prev, "absent" | "link") && !task.force {
            let path = path.display();
            return Err(Error::Failed(format!("{path} is another file; `force: true` replaces it by a link")));
        }
        done.changed = true;
        put(task, &|at| fs.hard_link(&src, at))?;
    }
    task.settle(path, &mut done)?;
    Ok(done)
}

/// Puts a link in place in one step, whatever is there.
fn put(task: &Task<'_>, make: &dyn Fn(&Path) -> std::io::Result<()>) -> Result<(), Error> {
    let (path, fs) = (&task.path, task.cx.fs());
    if task.prev == "absent" {
        return make(path).map_err(Error::io("create", path));
    }
    let temp = temp_name(parent(path));
    make(&temp).map_err(Error::io("create", path))?;
    if task.prev == "directory" {
        fs.remove_dir(path).map_err(Error::io("replace", path)).inspect_err(|_| drop(fs.remove_file(&temp)))?;
    }
    fs.rename(&temp, path).map_err(Error::io("replace", path)).inspect_err(|_| drop(fs.remove_file(&temp)))?;
    if task.cx.checks() { Ok(()) } else { sync_dir(parent(path)) }
}
