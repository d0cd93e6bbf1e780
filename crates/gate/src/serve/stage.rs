//! Contents laid out as files for a module, under the names that they had on the controller.
//!
//! A content that is on the host already, where the module is going to put it, need not come: the module finds
//! it in both places and sees that there is nothing to do.

use std::{
    fs::{self, DirBuilder, File},
    os::unix::fs::{DirBuilderExt, PermissionsExt, symlink},
    path::{Component, Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{guard::Guard, spool::Spool};
use crate::{
    Context, Error,
    fsops::sum::{self, Algorithm},
    wire::{Content, Entry, Stage, Task},
};

/// A laid-out stage; it goes away with this value.
pub(super) struct Laid(Option<PathBuf>);

impl Drop for Laid {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // The whole folder goes with the connection, whatever happens here.
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// The contents of a request that are not on the host.
pub(super) fn absent<'a>(task: &'a Task, cx: &Context<'_>) -> Vec<&'a str> {
    let Some(stage) = &task.stage else { return Vec::new() };
    let there = Near::of(task, stage, cx);
    let absent = |content: &&Content, path: Option<&str>| there.find(content, path).is_none();
    let contents: Vec<&Content> = match stage {
        Stage::Text { content, .. } | Stage::File { content, .. } => {
            Some(content).into_iter().filter(|content| absent(content, None)).collect()
        }
        Stage::Folder { entries, .. } => entries
            .iter()
            .filter_map(|entry| Some((entry.content.as_ref()?, &entry.path)))
            .filter(|(content, path)| absent(content, Some(path)))
            .map(|(content, _)| content)
            .collect(),
    };
    contents.into_iter().map(|content| content.sha256.as_str()).collect()
}

/// Lays a stage out and puts it into the parameters. Contents that are not on the host must have been asked for.
pub(super) fn lay(
    task: &Task,
    args: &mut Map<String, Value>,
    (spool, guard): (&Spool, &Guard),
    cx: &Context<'_>,
) -> Result<Laid, Error> {
    let Some(stage) = &task.stage else { return Ok(Laid(None)) };
    let there = Near::of(task, stage, cx);
    let source = |content: &Content, path: Option<&str>| match there.find(content, path) {
        Some(near) => Ok((near, true)),
        None => spool.wait(&content.sha256, cx).map(|path| (path, false)),
    };
    if let Stage::Text { param, content } = stage {
        let (path, _) = source(content, None)?;
        let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        args.insert(param.clone(), text.into());
        return Ok(Laid(None));
    }
    if let Some((param, path)) = there.already(stage) {
        args.insert(param.clone(), path.into());
        return Ok(Laid(None));
    }
    let laid = Laid(Some(spool.stage(guard)?));
    let base = laid.0.as_deref().expect("it was just put there");
    let (param, value) = match stage {
        Stage::Text { .. } => unreachable!("texts are done"),
        Stage::File { param, name, content, mode } => {
            let path = inside(base, name)?;
            let (from, near) = source(content, None)?;
            place(&from, &path, mode.as_deref(), near)?;
            (param, path.to_string_lossy().into_owned())
        }
        Stage::Folder { param, name, inside: only, entries } => {
            let root = inside(base, name)?;
            folder(&root)?;
            for item in entries {
                cx.alive()?;
                entry(item, &inside(&root, &item.path)?, |content| source(content, Some(&item.path)))?;
            }
            let slash = if *only { "/" } else { "" };
            (param, format!("{}{slash}", root.display()))
        }
    };
    args.insert(param.clone(), value.into());
    Ok(laid)
}

fn entry(
    entry: &Entry,
    path: &Path,
    source: impl FnOnce(&Content) -> Result<(PathBuf, bool), Error>,
) -> Result<(), Error> {
    match (&entry.content, &entry.link) {
        // A link to the file would be copied as one where links stay links.
        (Some(content), _) => place(&source(content)?.0, path, entry.mode.as_deref(), false),
        (None, Some(target)) => symlink(target, path).map_err(Error::io("make", path)),
        (None, None) => folder(path),
    }
}

/// Makes a content appear at a path: without copying it where its mode does not count.
fn place(from: &Path, path: &Path, mode: Option<&str>, may_link: bool) -> Result<(), Error> {
    let Some(mode) = mode else {
        let linked = if may_link { symlink(from, path) } else { fs::hard_link(from, path) };
        return linked.or_else(|_| fs::copy(from, path).map(drop)).map_err(Error::io("make", path));
    };
    let bits = u32::from_str_radix(mode, 8).ok().filter(|bits| *bits <= 0o7777);
    let bits =
        bits.ok_or_else(|| Error::Failed(format!("a staged file has a mode that is none: {mode:?}")))?;
    let copied = fs::copy(from, path);
    copied
        .and_then(|_| fs::set_permissions(path, fs::Permissions::from_mode(bits)))
        .map_err(Error::io("make", path))
}

fn folder(path: &Path) -> Result<(), Error> {
    DirBuilder::new().mode(0o700).recursive(true).create(path).map_err(Error::io("make", path))
}

/// A path that leads nowhere but into the folder.
fn inside(base: &Path, name: &str) -> Result<PathBuf, Error> {
    let normal = |part| matches!(part, Component::Normal(_));
    if !name.is_empty() && Path::new(name).components().all(normal) {
        return Ok(base.join(name));
    }
    Err(Error::Failed(format!("a staged path leads out of its folder: {name:?}")))
}

/// Where the module is going to put contents, for the modules of which that is known.
struct Near<'a> {
    dest: Option<PathBuf>,
    stage: &'a Stage,
    cx: &'a Context<'a>,
}

impl<'a> Near<'a> {
    fn of(task: &Task, stage: &'a Stage, cx: &'a Context<'a>) -> Self {
        let known = crate::find(&task.name).is_some_and(|it| matches!(it.spec().name, "copy" | "template"));
        let dest = task.args.get("dest").and_then(Value::as_str).filter(|dest| known && !dest.is_empty());
        Self { dest: dest.map(|dest| cx.path(dest)), stage, cx }
    }

    /// The parameter of a file and its path, where that is what the module is about to write and needs no other name:
    /// nothing has to be laid out then. What is forecast may have another idea of what lies there.
    fn already<'s>(&self, stage: &'s Stage) -> Option<(&'s String, String)> {
        let Stage::File { param, content, mode: None, .. } = stage else { return None };
        let path = self.cx.check.is_none().then(|| self.find(content, None)).flatten()?;
        let text = path.to_str().filter(|text| self.cx.path(text) == path)?;
        Some((param, text.to_owned()))
    }

    /// The file that has the content already.
    fn find(&self, content: &Content, path: Option<&str>) -> Option<PathBuf> {
        let dest = self.dest.as_ref()?;
        let place = match self.stage {
            Stage::File { name, .. } if dest.is_dir() => dest.join(name),
            Stage::Text { .. } | Stage::File { .. } => dest.clone(),
            Stage::Folder { inside: true, .. } => dest.join(path?),
            Stage::Folder { name, .. } => dest.join(name).join(path?),
        };
        // A pipe would be waited for.
        let regular = fs::metadata(&place).is_ok_and(|meta| meta.is_file());
        // What lies on the disk counts, whatever is forecast of it.
        let sum = |file: File| sum::open(&file, &place, Algorithm::Sha256, self.cx).ok();
        let same = || File::open(&place).ok().and_then(sum).is_some_and(|sum| sum == content.sha256);
        (regular && same()).then_some(place)
    }
}
