//! Making paths again what they were.

use std::{
    fs::{self, DirBuilder, Metadata, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, lchown, symlink},
    path::Path,
};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};

use super::{
    capture::{backups_of, is_absent},
    entry::{Before, Content, Entry, File, Owner, Was},
};
use crate::{
    Context, Error,
    fsops::{
        path::parent,
        replace::{Fresh, Perms, Replace, is_temp_name, sync_dir, temp_name},
    },
};

/// Gives the content of a name.
pub type Fetch<'a> = dyn FnMut(&str) -> Result<Vec<u8>, Error> + 'a;

/// Makes every path what it was, and says what is worth knowing of it. One that cannot be put back does not
/// stop the others; the error names all of them.
///
/// What was created is removed; of a folder only while it is empty, since what others put there is theirs.
pub fn restore(before: &Before, fetch: &mut Fetch<'_>, cx: &Context<'_>) -> Result<Vec<String>, Error> {
    let mut back = Back { fetch, cx, notes: Vec::new(), errors: Vec::new() };
    let entries = &before.entries;
    for entry in entries.iter().rev() {
        cx.alive()?;
        let done = back.remove(entry);
        back.heard(done);
    }
    for entry in entries {
        cx.alive()?;
        let done = back.put(entry);
        back.heard(done);
    }
    // A folder that may not be written in gets its mode once everything is in it.
    for entry in entries.iter().rev() {
        let done = back.close(entry);
        back.heard(done);
    }
    match back.errors.as_slice() {
        [] => Ok(back.notes),
        errors => Err(Error::Failed(errors.join("; "))),
    }
}

struct Back<'a> {
    fetch: &'a mut Fetch<'a>,
    cx: &'a Context<'a>,
    notes: Vec<String>,
    errors: Vec<String>,
}

impl Back<'_> {
    fn heard(&mut self, done: Result<(), Error>) {
        self.errors.extend(done.err().map(|error| error.to_string()));
    }

    /// Removes what was created.
    fn remove(&mut self, entry: &Entry) -> Result<(), Error> {
        self.remove_backups(entry)?;
        let Was::Absent { top } = &entry.was else { return Ok(()) };
        let path = &entry.path;
        match look(path)? {
            None => {}
            Some(meta) if meta.is_dir() => remove_folder(path)?,
            Some(_) => fs::remove_file(path).map_err(Error::io("remove", path))?,
        }
        let mut removed = path.as_path();
        while removed != top && removed.starts_with(top) {
            removed = parent(removed);
            // A folder on the way there is only in the way; who else uses it keeps it.
            if fs::remove_dir(removed).is_err() {
                break;
            }
        }
        sync_above(removed)
    }

    /// Removes the backups that were made of a file. One that holds anything but what the file held before is
    /// somebody else's.
    fn remove_backups(&mut self, entry: &Entry) -> Result<(), Error> {
        let Some(had) = &entry.backups else { return Ok(()) };
        let made: Vec<String> =
            backups_of(&entry.path)?.into_iter().filter(|name| !had.contains(name)).collect();
        if made.is_empty() {
            return Ok(());
        }
        let held = match &entry.was {
            Was::File(file) => self.content(file)?,
            // Of a link the backup has what it led to.
            Was::Link { target, .. } => fs::read(parent(&entry.path).join(target)).ok(),
            _ => None,
        };
        let Some(content) = held else { return Ok(()) };
        for name in made {
            let path = entry.path.with_file_name(name);
            if fs::read(&path).is_ok_and(|found| found == content) {
                fs::remove_file(&path).map_err(Error::io("remove", &path))?;
            }
        }
        Ok(())
    }

    fn put(&mut self, entry: &Entry) -> Result<(), Error> {
        let path = &entry.path;
        match &entry.was {
            Was::Absent { .. } => Ok(()),
            Was::Folder { .. } => open_folder(path),
            Was::Link { owner, target } => put_link(path, *owner, target),
            Was::Same { path: first } => put_name(path, first),
            Was::File(file) => self.put_file(path, file),
        }
    }

    fn put_file(&mut self, path: &Path, file: &File) -> Result<(), Error> {
        let now = look(path)?;
        let is_file = now.as_ref().is_some_and(Metadata::is_file);
        let same = now.as_ref().is_some_and(|now| (now.dev(), now.ino()) == file.id);
        let Some(content) = self.content(file)? else {
            return match is_file {
                true => settle_file(path, file),
                false => Err(Error::Failed(format!("{} is not a file any more", path.display()))),
            };
        };
        if is_file && same && holds(path, &content)? {
            return settle_file(path, file);
        }
        if now.is_some_and(|now| now.is_dir()) {
            remove_folder(path)?;
        }
        if file.names > 1 {
            self.notes.push(format!("{} had other names, and is a file of its own now", path.display()));
        }
        let perms =
            Perms { mode: file.mode, must: (Some(file.owner.0), Some(file.owner.1)), may: (None, None) };
        let accept = |temp: &Path| set_time(temp, file.changed);
        let replace = Replace { dest: path, perms, sync: true, accept: &accept };
        replace.run(Fresh::Read(&mut content.as_slice()), self.cx)?;
        Ok(())
    }

    /// What a file held, where that was kept.
    fn content(&mut self, file: &File) -> Result<Option<Vec<u8>>, Error> {
        match &file.content {
            Content::Unkept => Ok(None),
            Content::Empty => Ok(Some(Vec::new())),
            Content::Kept(name) => (self.fetch)(name).map(Some),
        }
    }

    fn close(&mut self, entry: &Entry) -> Result<(), Error> {
        let Was::Folder { owner, mode } = entry.was else { return Ok(()) };
        match look(&entry.path)? {
            Some(now) if now.is_dir() => {
                settle(&entry.path, &now, owner, mode)?;
                sync_dir(&entry.path)
            }
            // That it could not be made is told already.
            _ => Ok(()),
        }
    }
}

fn look(path: &Path) -> Result<Option<Metadata>, Error> {
    match fs::symlink_metadata(path) {
        Ok(meta) => Ok(Some(meta)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(Error::io("look at", path)(error)),
    }
}

/// Removes an empty folder. What a crash left of files that were being put in it goes too.
fn remove_folder(path: &Path) -> Result<(), Error> {
    let names = fs::read_dir(path).map_err(Error::io("list", path))?;
    for name in names.flatten().map(|entry| entry.file_name()) {
        if is_temp_name(&name) {
            // It is in the way only of what follows, which tells.
            let _ = fs::remove_file(path.join(name));
        }
    }
    match fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
            Err(Error::Failed(format!("{} is not empty, and stays", path.display())))
        }
        done => done.map_err(Error::io("remove", path)),
    }
}

/// Makes sure that there is a folder in which something can be put.
fn open_folder(path: &Path) -> Result<(), Error> {
    match look(path)? {
        Some(now) if now.is_dir() => {
            let mode = now.mode() & 0o7777;
            if mode & 0o700 == 0o700 {
                return Ok(());
            }
            fs::set_permissions(path, Permissions::from_mode(mode | 0o700))
                .map_err(Error::io("change the mode of", path))
        }
        now => {
            if now.is_some() {
                fs::remove_file(path).map_err(Error::io("remove", path))?;
            }
            // Whoever may get in gets in once everything is there.
            DirBuilder::new().mode(0o700).create(path).map_err(Error::io("create", path))?;
            sync_above(path)
        }
    }
}

fn put_link(path: &Path, owner: Owner, target: &Path) -> Result<(), Error> {
    let now = look(path)?;
    if !fs::read_link(path).is_ok_and(|now| now == target) {
        if now.is_some_and(|now| now.is_dir()) {
            remove_folder(path)?;
        }
        swap(path, &|at| symlink(target, at))?;
    }
    let now = fs::symlink_metadata(path).map_err(Error::io("look at", path))?;
    if (now.uid(), now.gid()) != owner {
        lchown(path, Some(owner.0), Some(owner.1)).map_err(Error::io("change the owner of", path))?;
    }
    Ok(())
}

/// Makes a path another name of a file that was put back before.
fn put_name(path: &Path, first: &Path) -> Result<(), Error> {
    let due = fs::symlink_metadata(first).map_err(Error::io("link to", first))?;
    match look(path)? {
        Some(now) if (now.dev(), now.ino()) == (due.dev(), due.ino()) => return Ok(()),
        Some(now) if now.is_dir() => remove_folder(path)?,
        _ => {}
    }
    swap(path, &|at| fs::hard_link(first, at))
}

/// Puts something in place in one step, whatever is there.
fn swap(path: &Path, make: &dyn Fn(&Path) -> io::Result<()>) -> Result<(), Error> {
    let temp = temp_name(parent(path));
    make(&temp).map_err(Error::io("create", path))?;
    fs::rename(&temp, path)
        .map_err(Error::io("replace", path))
        .inspect_err(|_| drop(fs::remove_file(&temp)))?;
    sync_above(path)
}

fn holds(path: &Path, content: &[u8]) -> Result<bool, Error> {
    let length = fs::metadata(path).map_err(Error::io("look at", path))?.len();
    if length != content.len() as u64 {
        return Ok(false);
    }
    Ok(fs::read(path).map_err(Error::io("read", path))? == content)
}

fn settle_file(path: &Path, file: &File) -> Result<(), Error> {
    let now = fs::symlink_metadata(path).map_err(Error::io("look at", path))?;
    settle(path, &now, file.owner, file.mode)?;
    if (now.mtime(), now.mtime_nsec()) != file.changed {
        set_time(path, file.changed)?;
    }
    // Only who may read it can sync it; its folder will do for the others.
    if let Ok(file) = fs::File::open(path) {
        let _ = file.sync_all();
    }
    Ok(())
}

fn settle(path: &Path, now: &Metadata, owner: Owner, mode: u32) -> Result<(), Error> {
    let moved = (now.uid(), now.gid()) != owner;
    if moved {
        let uid = (now.uid() != owner.0).then_some(owner.0);
        let gid = (now.gid() != owner.1).then_some(owner.1);
        chown(path, uid, gid).map_err(Error::io("change the owner of", path))?;
    }
    // A change of owner drops the set-id bits.
    if moved || now.mode() & 0o7777 != mode {
        fs::set_permissions(path, Permissions::from_mode(mode))
            .map_err(Error::io("change the mode of", path))?;
    }
    Ok(())
}

fn set_time(path: &Path, changed: (i64, i64)) -> Result<(), Error> {
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: changed.0, tv_nsec: changed.1 },
    };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|errno| Error::io("change the times of", path)(errno.into()))
}

/// Syncs the folder that a path is in, which may have gone since.
fn sync_above(path: &Path) -> Result<(), Error> {
    match sync_dir(parent(path)) {
        Err(Error::Io { source, .. }) if is_absent(&source) => Ok(()),
        done => done,
    }
}
