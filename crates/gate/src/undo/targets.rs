//! What a run of a module would touch, found by asking it in check mode.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{Before, Keep, Reach, capture::Taker};
use crate::{
    Args, Context, Error, Forecast, Module, Reply,
    fsops::path::{parent, resolve},
    view::Fs,
};

/// The modules whose work can be taken back.
const MODULES: [&str; 11] = [
    "archive",
    "assemble",
    "blockinfile",
    "copy",
    "file",
    "get_url",
    "lineinfile",
    "replace",
    "tempfile",
    "template",
    "unarchive",
];

/// Whether what a module does can be taken back.
pub fn undoes(module: &str) -> bool {
    MODULES.contains(&module)
}

/// How everything is that a run of a module with these parameters would touch; none where it would change
/// nothing. Contents that are kept go through `keep`.
pub fn before(
    module: &dyn Module,
    args: &Args,
    cx: &Context<'_>,
    keep: &mut Keep<'_>,
) -> Result<Option<Before>, Error> {
    let name = module.spec().name;
    if !undoes(name) {
        return Ok(None);
    }
    let forecast = Forecast::new();
    let reply = match module.run(args, &Context { check: Some(&forecast), diff: false, ..*cx }) {
        Ok(reply) if !reply.changed && !reply.failed && !reply.skipped => return Ok(None),
        Err(error @ (Error::Cancelled | Error::Deadline)) => return Err(error),
        reply => reply,
    };
    // What is there is asked for by those who change nothing, and see nothing of what the run would do.
    let cx = &Context { check: None, diff: false, ..*cx };
    let mut taker = Taker::new(keep, cx);
    let taken = match name {
        "file" => file(args, &mut taker, cx),
        "copy" => copy(args, reply.as_ref().ok(), &mut taker, cx),
        "template" => single(args, reply.as_ref().ok(), args.bool("follow"), &mut taker, cx),
        "assemble" => single(args, reply.as_ref().ok(), false, &mut taker, cx),
        "archive" => archive(args, &mut taker, cx),
        "unarchive" => unarchive(args, &mut taker, cx),
        "tempfile" => made(reply.as_ref().ok(), &mut taker),
        "get_url" => fetched(args, reply.as_ref().ok(), &mut taker, cx),
        // Editors of files follow links always.
        _ => single(args, reply.as_ref().ok(), true, &mut taker, cx),
    };
    match (taken, reply) {
        (Ok(()), _) => Ok(Some(taker.before()).filter(|before| !before.is_empty())),
        // It will fail like this, before it has done anything.
        (Err(_), Err(_)) => Ok(None),
        (Err(error), Ok(_)) => Err(error),
    }
}

/// A module that writes one file.
fn single(
    args: &Args,
    reply: Option<&Reply>,
    follow: bool,
    taker: &mut Taker<'_>,
    cx: &Context<'_>,
) -> Result<(), Error> {
    let dest = match reply.and_then(|reply| reply.fields.get("dest")).and_then(Value::as_str) {
        Some(dest) => PathBuf::from(dest),
        None => {
            let name = if args.has("dest") { "dest" } else { "path" };
            cx.path(args.str(name))
        }
    };
    let dest = if follow { resolve(&dest, Fs::DISK)? } else { dest };
    taker.take(&dest, Reach::Itself)?;
    if args.bool("backup") {
        taker.backups(&dest)?;
    }
    Ok(())
}

/// A file that is fetched, and what it points to where it is a link, whose mode may change.
fn fetched(args: &Args, reply: Option<&Reply>, taker: &mut Taker<'_>, cx: &Context<'_>) -> Result<(), Error> {
    single(args, reply, false, taker, cx)?;
    single(args, reply, true, taker, cx)
}

/// What is made under a name that is known beforehand.
fn made(reply: Option<&Reply>, taker: &mut Taker<'_>) -> Result<(), Error> {
    match reply.and_then(|reply| reply.fields.get("path")).and_then(Value::as_str) {
        Some(path) => taker.take(Path::new(path), Reach::Itself),
        None => Ok(()),
    }
}

/// The archive, and what is packed where that is removed then.
fn archive(args: &Args, taker: &mut Taker<'_>, cx: &Context<'_>) -> Result<(), Error> {
    let (dest, packed) = crate::modules::archived(args, cx)?;
    if let Some(dest) = dest {
        taker.take(&dest, Reach::Itself)?;
    }
    for path in packed.iter().filter(|_| args.bool("remove")) {
        let path: PathBuf = path.components().collect();
        taker.take(&path, Reach::Whole)?;
    }
    Ok(())
}

/// What has the name of a member.
fn unarchive(args: &Args, taker: &mut Taker<'_>, cx: &Context<'_>) -> Result<(), Error> {
    for path in crate::modules::unarchived(args, cx)? {
        taker.take(&path, Reach::Itself)?;
    }
    Ok(())
}

/// A file, or a folder with everything that is copied out of it.
fn copy(args: &Args, reply: Option<&Reply>, taker: &mut Taker<'_>, cx: &Context<'_>) -> Result<(), Error> {
    let src = args.path("src").map(|src| cx.path(src));
    let Some(src) = src.filter(|src| src.is_dir()) else {
        return single(args, reply, args.bool("follow"), taker, cx);
    };
    let mut dest = cx.path(args.str("dest"));
    if !args.str("src").ends_with('/') {
        dest.push(src.file_name().unwrap_or_default());
    }
    let take = |dest: &Path, taker: &mut Taker<'_>| {
        let dest =
            if args.bool("follow") && !dest.is_dir() { resolve(dest, Fs::DISK)? } else { dest.to_owned() };
        taker.take(&dest, Reach::Itself)?;
        if args.bool("backup") { taker.backups(&dest) } else { Ok(()) }
    };
    take(&dest, taker)?;
    let mut seen = HashSet::new();
    let mut folders = vec![(src, dest)];
    while let Some((src, dest)) = folders.pop() {
        let mut names = fs::read_dir(&src)
            .and_then(|names| {
                names.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>()
            })
            .map_err(Error::io("list", &src))?;
        names.sort_unstable();
        for name in names {
            let (from, to) = (src.join(&name), dest.join(&name));
            take(&to, taker)?;
            let links = !args.bool("local_follow");
            let meta = if links { fs::symlink_metadata(&from) } else { fs::metadata(&from) };
            let is_folder = meta.map_err(Error::io("read", &from))?.is_dir();
            // A folder that is reached twice over links is copied to two places; one that is in itself is not.
            let circle = from.ancestors().skip(1).any(|above| same(above, &from));
            if is_folder && !circle && seen.insert(to.clone()) {
                folders.push((from, to));
            }
        }
    }
    Ok(())
}

fn same(a: &Path, b: &Path) -> bool {
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

fn file(args: &Args, taker: &mut Taker<'_>, cx: &Context<'_>) -> Result<(), Error> {
    let mut path: PathBuf = cx.path(args.str("path"));
    let src = args.path("src");
    let state = args.opt_str("state");
    if let (Some(name), true) = (src.and_then(|src| Path::new(src).file_name()), path.is_dir())
        && !matches!(state, Some("link" | "absent"))
    {
        path.push(name);
    }
    // As the module itself does, so that a slash at the end follows no link.
    path = path.components().collect();
    let follow = args.bool("follow");
    let is_link = path.is_symlink();
    match state {
        Some("absent") => taker.take(&path, Reach::Whole),
        Some("link") => link(&path, src, follow, taker, cx),
        None if is_link => link(&path, src, follow, taker, cx),
        Some("hard") => {
            taker.take(&path, Reach::Itself)?;
            let src = src.map(|src| cx.path(src)).unwrap_or_else(|| path.clone());
            // All names of a file have its attributes.
            taker.take(&resolve(&src, Fs::DISK)?, Reach::Attributes)
        }
        _ => {
            let subject = if follow { resolve(&path, Fs::DISK)? } else { path };
            taker.take(&subject, Reach::Attributes)?;
            if args.bool("recurse") { below(&subject, follow, taker) } else { Ok(()) }
        }
    }
}

fn link(
    path: &Path,
    src: Option<&str>,
    follow: bool,
    taker: &mut Taker<'_>,
    cx: &Context<'_>,
) -> Result<(), Error> {
    taker.take(path, Reach::Itself)?;
    let target = match src {
        Some(src) => parent(path).join(cx.expand(src)),
        None => path.to_owned(),
    };
    match resolve(&target, Fs::DISK)? {
        target if follow && fs::symlink_metadata(&target).is_ok() => taker.take(&target, Reach::Attributes),
        _ => Ok(()),
    }
}

/// The attributes of everything in a folder, and of what links in it lead to where they are followed.
fn below(top: &Path, follow: bool, taker: &mut Taker<'_>) -> Result<(), Error> {
    let mut seen = HashSet::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(meta) = fs::metadata(&folder) else { continue };
        if !meta.is_dir() || !seen.insert((meta.dev(), meta.ino())) {
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(Error::io("list", &folder))? {
            let path = entry.map_err(Error::io("list", &folder))?.path();
            taker.take(&path, Reach::Attributes)?;
            let meta = fs::symlink_metadata(&path).map_err(Error::io("look at", &path))?;
            if meta.is_dir() {
                folders.push(path);
            } else if meta.is_symlink() && follow {
                let target = resolve(&path, Fs::DISK)?;
                if fs::symlink_metadata(&target).is_ok() {
                    taker.take(&target, Reach::Attributes)?;
                    folders.push(target);
                }
            }
        }
    }
    Ok(())
}
