//! Writing tar archives.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
};

use tar::{Builder, EntryType, Header};

use super::{
    build::{Alive, ended},
    sources::Entry,
};
use crate::{Context, Error, fsops::ids, view::Fs};

pub(super) fn write<W: Write>(entries: &[Entry], sink: W, cx: &Context<'_>) -> Result<W, Error> {
    let mut builder = Builder::new(sink);
    let mut owners = Owners::default();
    for entry in entries {
        cx.alive()?;
        add(&mut builder, entry, &mut owners, cx)?;
    }
    builder.into_inner().map_err(Error::io("write", "the archive"))
}

fn add<W: Write>(
    builder: &mut Builder<W>,
    entry: &Entry,
    owners: &mut Owners,
    cx: &Context<'_>,
) -> Result<(), Error> {
    let mut header = header(entry, owners, cx.fs()).map_err(Error::io("pack", &entry.path))?;
    if entry.meta.is_symlink() {
        let target = cx.fs().read_link(&entry.path).map_err(Error::io("read", &entry.path))?;
        header.set_entry_type(EntryType::Symlink);
        return builder.append_link(&mut header, &entry.name, target).map_err(Error::io("pack", &entry.path));
    }
    if entry.meta.is_dir() {
        header.set_entry_type(EntryType::Directory);
        // By the slash at its end even the oldest readers know a folder.
        let name = entry.name.join("");
        return builder.append_data(&mut header, name, io::empty()).map_err(Error::io("pack", &entry.path));
    }
    let file = cx.fs().open(&entry.path).map_err(Error::io("read", &entry.path))?;
    header.set_size(entry.meta.len);
    // Its length stands before it, so that neither more nor less of it can follow.
    let content = Fixed { inner: Alive { inner: file, cx }, left: entry.meta.len };
    builder.append_data(&mut header, &entry.name, content).map_err(ended(cx, "pack", &entry.path))
}

fn header(entry: &Entry, owners: &mut Owners, fs: Fs<'_>) -> io::Result<Header> {
    let mut header = Header::new_gnu();
    let meta = &entry.meta;
    header.set_mode(meta.mode & 0o7777);
    header.set_uid(meta.uid.into());
    header.set_gid(meta.gid.into());
    header.set_mtime(u64::try_from(meta.changed.0).unwrap_or_default());
    header.set_size(0);
    header.set_entry_type(EntryType::Regular);
    if let Some(user) = owners.users.entry(meta.uid).or_insert_with(|| ids::user(meta.uid, fs)) {
        header.set_username(user)?;
    }
    if let Some(group) = owners.groups.entry(meta.gid).or_insert_with(|| ids::group(meta.gid, fs)) {
        header.set_groupname(group)?;
    }
    Ok(header)
}

/// Names of owners: an archive has few of them, and many members.
#[derive(Default)]
struct Owners {
    users: HashMap<u32, Option<String>>,
    groups: HashMap<u32, Option<String>>,
}

/// A content of known length.
struct Fixed<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Fixed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let length = self.inner.read(&mut buffer[..most])?;
        if length == 0 && most > 0 {
            return Err(io::Error::other("it became shorter while it was packed"));
        }
        self.left -= length as u64;
        Ok(length)
    }
}
