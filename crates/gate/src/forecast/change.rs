//! What modules would change.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::Access,
    io::Errno,
    process::{getegid, geteuid},
};
use sha1::Digest;

use super::{
    Forecast,
    rights::{may_give, must_own},
    state::{Altered, Body, Held, LONGEST, Name, Node, State, now},
    walk::{Place, Thing},
};
use crate::{
    fsops::{mode::umask, sum},
    view::Time,
};

impl Forecast {
    pub(crate) fn create_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.change().create(path, Body::Dir, mode & !umask())
    }

    pub(crate) fn create_file(&self, path: &Path, mode: u32) -> io::Result<()> {
        let empty = Held { bytes: Some(Arc::new([])), ..Held::default() };
        self.change().create(path, Body::File(empty), mode & !umask())
    }

    /// A file that would be there with a content that nobody knows yet.
    pub(crate) fn create_unknown(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.change().create(path, Body::File(Held::default()), mode)
    }

    pub(crate) fn symlink(&self, target: &Path, path: &Path) -> io::Result<()> {
        self.change().create(path, Body::Link(target.to_owned()), 0o777)
    }

    /// Gives a new file its content.
    pub(crate) fn fill(&self, path: &Path, held: Held) -> io::Result<()> {
        let mut state = self.change();
        let (place, _) = state.find(path, false)?;
        let held = state.hold(held);
        let node = if let Thing::New(id) = place.thing { state.node_mut(id) } else { None };
        match node {
            Some(node) => node.body = Body::File(held),
            None => return Err(Errno::INVAL.into()),
        }
        Ok(())
    }

    pub(crate) fn hard_link(&self, from: &Path, path: &Path) -> io::Result<()> {
        let mut state = self.change();
        let (source, meta) = state.find(from, false)?;
        let (folder, place) = state.vacant(path)?;
        if meta.is_dir() {
            return Err(Errno::PERM.into());
        }
        let name = state.link_more(&source.thing);
        state.enter(&folder, place, name);
        Ok(())
    }

    pub(crate) fn rename(&self, from: &Path, path: &Path) -> io::Result<()> {
        let mut state = self.change();
        let (source, meta) = state.find(from, false)?;
        let place = state.walk(path, false)?;
        if meta.is_dir() || state.meta(&place.thing).is_some_and(|meta| meta.is_dir()) {
            return Err(Errno::ISDIR.into());
        }
        let (out, into) = (state.folder(from)?, state.folder(path)?);
        state.may_unname(&out, &source.thing)?;
        let name = state.link_more(&source.thing);
        state.unname(&into, &place)?;
        state.enter(&into, place.path, name);
        state.unname(&out, &source)
    }

    pub(crate) fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.change();
        let (place, meta) = state.find(path, false)?;
        if meta.is_dir() {
            return Err(Errno::ISDIR.into());
        }
        let folder = state.folder(path)?;
        state.unname(&folder, &place)
    }

    pub(crate) fn remove_dir(&self, path: &Path) -> io::Result<()> {
        if !self.names(path)?.is_empty() {
            return Err(Errno::NOTEMPTY.into());
        }
        let mut state = self.change();
        let (place, meta) = state.find(path, false)?;
        if !meta.is_dir() {
            return Err(Errno::NOTDIR.into());
        }
        let folder = state.folder(path)?;
        state.unname(&folder, &place)
    }

    pub(crate) fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut folders = vec![path.to_owned()];
        let mut empty = Vec::new();
        while let Some(folder) = folders.pop() {
            for name in self.names(&folder)? {
                let path = folder.join(name);
                match self.meta(&path, false)?.is_dir() {
                    true => folders.push(path),
                    false => self.remove_file(&path)?,
                }
            }
            empty.push(folder);
        }
        empty.iter().rev().try_for_each(|folder| self.remove_dir(folder))
    }

    pub(crate) fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        let mut state = self.change();
        let (place, meta) = state.find(path, true)?;
        state.may_alter(&place.thing)?;
        must_own(&meta)?;
        state.alter(&place.thing, |file| *file = Altered { mode: Some(mode), ..*file });
        Ok(())
    }

    pub(crate) fn set_owner(&self, path: &Path, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
        let mut state = self.change();
        let (place, meta) = state.find(path, false)?;
        state.may_alter(&place.thing)?;
        may_give(&meta, uid, gid)?;
        // A file that changes hands must not lend the rights of its new owner.
        let lent = if meta.mode & 0o010 != 0 { 0o6000 } else { 0o4000 };
        let mode = (meta.is_file() && meta.mode & lent != 0).then_some(meta.mode & 0o7777 & !lent);
        state.alter(&place.thing, |file| {
            (file.uid, file.gid, file.mode) = (uid.or(file.uid), gid.or(file.gid), mode.or(file.mode));
        });
        Ok(())
    }

    pub(crate) fn set_times(&self, path: &Path, accessed: Time, changed: Time) -> io::Result<()> {
        let mut state = self.change();
        let (place, meta) = state.find(path, false)?;
        state.may_alter(&place.thing)?;
        let (now, only_now) = (now(), [accessed, changed].iter().all(|time| *time == Time::Now));
        if !only_now || state.may(&place.thing, Access::WRITE_OK).is_err() {
            must_own(&meta)?;
        }
        let at = |time, old| match time {
            Time::Kept => old,
            Time::Now => Some(now),
            Time::At(seconds, nanos) => Some((seconds, nanos)),
        };
        state.alter(&place.thing, |file| {
            (file.accessed, file.changed) = (at(accessed, file.accessed), at(changed, file.changed));
        });
        Ok(())
    }
}

impl State {
    /// The folder that a path is in.
    fn folder(&self, path: &Path) -> io::Result<Place> {
        let place = self.walk(path, false)?;
        match place.path.parent() {
            Some(parent) => self.walk(parent, false),
            None => Err(Errno::BUSY.into()),
        }
    }

    /// A path where nothing is yet, and its folder.
    fn vacant(&self, path: &Path) -> io::Result<(Place, PathBuf)> {
        let place = self.walk(path, false)?;
        if !matches!(place.thing, Thing::Nothing) {
            return Err(Errno::EXIST.into());
        }
        let folder = self.folder(path)?;
        self.may_name(&folder)?;
        Ok((folder, place.path))
    }

    fn create(&mut self, path: &Path, body: Body, mode: u32) -> io::Result<()> {
        let (folder, path) = self.vacant(path)?;
        let node = self.made(&folder, body, mode);
        self.name(&folder, path, node);
        Ok(())
    }

    /// Something that we would make in a folder, which may pass its group on.
    fn made(&self, folder: &Place, body: Body, mut mode: u32) -> Node {
        let inherited = self.meta(&folder.thing).filter(|meta| meta.mode & 0o2000 != 0).map(|meta| meta.gid);
        if inherited.is_some() && matches!(body, Body::Dir) {
            mode |= 0o2000;
        }
        Node::new(body, mode, geteuid().as_raw(), inherited.unwrap_or_else(|| getegid().as_raw()))
    }

    fn name(&mut self, folder: &Place, path: PathBuf, node: Node) {
        let id = self.add(node);
        self.enter(folder, path, Name::New(id));
    }

    fn enter(&mut self, folder: &Place, path: PathBuf, name: Name) {
        self.set_name(path, Some(name));
        self.stir(&folder.thing);
    }

    /// Takes what is there from its name.
    fn unname(&mut self, folder: &Place, place: &Place) -> io::Result<()> {
        self.may_unname(folder, &place.thing)?;
        match &place.thing {
            Thing::Nothing => return Ok(()),
            Thing::New(id) => self.release(*id),
            Thing::Disk(_, meta) => self.altered_mut(meta.id()).links -= 1,
        }
        self.forget_below(&place.path);
        match &folder.thing {
            // In a new folder nothing needs to be hidden.
            Thing::New(_) => self.set_name(place.path.clone(), None),
            _ => self.set_name(place.path.clone(), Some(Name::Nothing)),
        }
        self.stir(&folder.thing);
        Ok(())
    }

    /// Another name for something.
    fn link_more(&mut self, thing: &Thing) -> Name {
        match thing {
            Thing::New(id) => {
                if let Some(node) = self.node_mut(*id) {
                    node.nlink += 1;
                }
                Name::New(*id)
            }
            Thing::Disk(path, meta) => {
                self.altered_mut(meta.id()).links += 1;
                Name::Disk(path.clone())
            }
            Thing::Nothing => Name::Nothing,
        }
    }

    /// What is in a folder changes, and so does its time.
    fn stir(&mut self, folder: &Thing) {
        let now = now();
        self.alter(folder, |folder| folder.changed = Some(now));
    }

    fn alter(&mut self, thing: &Thing, change: impl FnOnce(&mut Altered)) {
        let now = now();
        match thing {
            Thing::Nothing => {}
            Thing::Disk(_, meta) => {
                let altered = self.altered_mut(meta.id());
                change(altered);
                altered.noted = Some(now);
            }
            Thing::New(id) => {
                let Some(node) = self.node_mut(*id) else { return };
                let mut altered = Altered::default();
                change(&mut altered);
                node.take(&altered, now);
            }
        }
    }
}

impl Altered {
    /// Whether who may do what stays as it is.
    pub(super) fn keeps_rights(&self) -> bool {
        self.mode.is_none() && self.uid.is_none() && self.gid.is_none()
    }
}

impl Node {
    fn take(&mut self, altered: &Altered, now: (i64, i64)) {
        self.mode = altered.mode.unwrap_or(self.mode);
        self.uid = altered.uid.unwrap_or(self.uid);
        self.gid = altered.gid.unwrap_or(self.gid);
        self.accessed = altered.accessed.unwrap_or(self.accessed);
        self.changed = altered.changed.unwrap_or(self.changed);
        self.noted = now;
    }
}

impl Held {
    /// A content that is known by its SHA-1 and length alone.
    pub(crate) fn known(sum: &str, len: u64) -> Self {
        Self { bytes: None, len, sum: Some(sum.to_owned()) }
    }

    /// Reads a content for good, as far as it is not too long, and sums it up.
    pub(crate) fn read(content: &mut dyn Read) -> io::Result<(Self, String)> {
        read(content)
    }
}

fn read(content: &mut dyn Read) -> io::Result<(Held, String)> {
    let (mut bytes, mut digest, mut len) = (Some(Vec::new()), sha1::Sha1::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        digest.update(&buffer[..length]);
        len += length as u64;
        match &mut bytes {
            Some(kept) if kept.len() + length <= LONGEST => kept.extend_from_slice(&buffer[..length]),
            _ => bytes = None,
        }
    }
    let sum = sum::hex(&digest.finalize());
    let known = bytes.is_none().then(|| sum.clone());
    Ok((Held { bytes: bytes.map(Arc::from), len, sum: known }, sum))
}
