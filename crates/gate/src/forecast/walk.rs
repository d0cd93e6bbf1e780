//! Finding what a path leads to, as the system does: part by part, and through links.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

use rustix::io::Errno;

use super::state::{Body, Name, Node, State};
use crate::view::Meta;

/// The same limit as the system's own.
const LINKS: usize = 40;

/// Where a path leads.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The path without links in it.
    pub(super) path: PathBuf,
    pub(super) thing: Thing,
}

/// What lies at the end of a path, in a folder that is there.
#[derive(Debug, Clone)]
pub(super) enum Thing {
    Nothing,
    New(u64),
    /// On the disk, where it may have another name.
    Disk(PathBuf, Meta),
}

enum Part {
    Up,
    Name(OsString),
}

impl State {
    /// Goes along a path. That nothing is at its end is an answer; that nothing is on the way, an error.
    pub(super) fn walk(&self, path: &Path, follow: bool) -> io::Result<Place> {
        let path = if path.is_absolute() { path.to_owned() } else { std::env::current_dir()?.join(path) };
        // A slash at the end asks for a folder, and so follows a link.
        let folder = path.as_os_str().as_bytes().ends_with(b"/");
        let mut place = Place { path: PathBuf::from("/"), thing: self.thing(Path::new("/"))? };
        let mut left = parts(&path);
        let mut links = 0;
        while let Some(part) = left.pop_front() {
            self.must_be_folder(&place)?;
            let name = match part {
                Part::Up => {
                    place.path.pop();
                    place.thing = self.thing(&place.path)?;
                    continue;
                }
                Part::Name(name) => name,
            };
            let (last, child) = (left.is_empty(), place.path.join(name));
            let thing = self.child(&place, &child)?;
            let target = if last && !follow && !folder { None } else { self.target(&thing)? };
            if let Some(target) = target {
                links += 1;
                if links > LINKS {
                    return Err(Errno::LOOP.into());
                }
                let mut through = parts(&target);
                through.append(&mut left);
                left = through;
                if target.is_absolute() {
                    place = Place { path: PathBuf::from("/"), thing: self.thing(Path::new("/"))? };
                }
                continue;
            }
            if matches!(thing, Thing::Nothing) && !last {
                return Err(Errno::NOENT.into());
            }
            place = Place { path: child, thing };
        }
        if folder && !matches!(place.thing, Thing::Nothing) {
            self.must_be_folder(&place)?;
        }
        Ok(place)
    }

    /// The same where something has to be there.
    pub(super) fn find(&self, path: &Path, follow: bool) -> io::Result<(Place, Meta)> {
        let place = self.walk(path, follow)?;
        match self.meta(&place.thing) {
            Some(meta) => Ok((place, meta)),
            None => Err(Errno::NOENT.into()),
        }
    }

    pub(super) fn meta(&self, thing: &Thing) -> Option<Meta> {
        match thing {
            Thing::Nothing => None,
            Thing::New(id) => self.nodes.get(id).map(|node| node.meta(*id)),
            Thing::Disk(_, meta) => Some(match self.altered.get(&meta.id()) {
                Some(altered) => altered.apply(*meta),
                None => *meta,
            }),
        }
    }

    fn must_be_folder(&self, place: &Place) -> io::Result<()> {
        match self.meta(&place.thing) {
            Some(meta) if meta.is_dir() => Ok(()),
            _ => Err(Errno::NOTDIR.into()),
        }
    }

    /// What lies at a path without links, whose folders are all there.
    fn thing(&self, path: &Path) -> io::Result<Thing> {
        match self.names.get(path) {
            Some(name) => self.named(name),
            None => on_disk(path),
        }
    }

    fn child(&self, place: &Place, path: &Path) -> io::Result<Thing> {
        match (self.names.get(path), &place.thing) {
            (Some(name), _) => self.named(name),
            // Nothing of the disk shows in a new folder.
            (None, Thing::New(_)) => Ok(Thing::Nothing),
            (None, _) => on_disk(path),
        }
    }

    fn named(&self, name: &Name) -> io::Result<Thing> {
        match name {
            Name::Nothing => Ok(Thing::Nothing),
            Name::New(id) => Ok(Thing::New(*id)),
            Name::Disk(path) => on_disk(path),
        }
    }

    /// Where a link leads.
    pub(super) fn target(&self, thing: &Thing) -> io::Result<Option<PathBuf>> {
        match thing {
            Thing::New(id) => Ok(match self.nodes.get(id) {
                Some(Node { body: Body::Link(target), .. }) => Some(target.clone()),
                _ => None,
            }),
            Thing::Disk(path, meta) if meta.is_symlink() => fs::read_link(path).map(Some),
            _ => Ok(None),
        }
    }
}

fn on_disk(path: &Path) -> io::Result<Thing> {
    match fs::symlink_metadata(path) {
        Ok(meta) => Ok(Thing::Disk(path.to_owned(), meta.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Thing::Nothing),
        Err(error) => Err(error),
    }
}

fn parts(path: &Path) -> VecDeque<Part> {
    let part = |part| match part {
        Component::ParentDir => Some(Part::Up),
        Component::Normal(name) => Some(Part::Name(name.to_owned())),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    };
    path.components().filter_map(part).collect()
}
