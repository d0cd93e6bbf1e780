//! What modules ask about files.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Seek, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{fs::Access, io::Errno};

use super::{
    Forecast,
    state::{Body, Held, Name, Node},
    walk::Thing,
};
use crate::view::Meta;

/// Where the bytes of a file are.
enum Bytes {
    Here(Arc<[u8]>),
    Disk(PathBuf),
}

impl Forecast {
    pub(crate) fn meta(&self, path: &Path, follow: bool) -> io::Result<Meta> {
        self.look().find(path, follow).map(|(_, meta)| meta)
    }

    pub(crate) fn link(&self, path: &Path) -> io::Result<PathBuf> {
        let state = self.look();
        let (place, _) = state.find(path, false)?;
        state.target(&place.thing)?.ok_or_else(|| Errno::INVAL.into())
    }

    pub(crate) fn real(&self, path: &Path) -> io::Result<PathBuf> {
        self.look().find(path, true).map(|(place, _)| place.path)
    }

    pub(crate) fn names(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let state = self.look();
        let (place, meta) = state.find(path, true)?;
        if !meta.is_dir() {
            return Err(Errno::NOTDIR.into());
        }
        let mut names: Vec<OsString> = match &place.thing {
            Thing::Disk(path, _) => fs::read_dir(path)?
                .map(|entry| entry.map(|entry| entry.file_name()))
                .collect::<Result<_, _>>()?,
            Thing::New(_) | Thing::Nothing => Vec::new(),
        };
        names.retain(|name| !state.names.contains_key(&place.path.join(name)));
        let forecast = state.below(&place.path).filter(|(_, name)| **name != Name::Nothing);
        names.extend(forecast.filter_map(|(path, _)| path.file_name().map(OsString::from)));
        Ok(names)
    }

    pub(crate) fn open(&self, path: &Path) -> io::Result<File> {
        match self.bytes(path)? {
            Bytes::Disk(path) => File::open(path),
            Bytes::Here(bytes) => {
                let mut file = unnamed()?;
                file.write_all(&bytes)?;
                file.rewind()?;
                Ok(file)
            }
        }
    }

    pub(crate) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.bytes(path)? {
            Bytes::Disk(path) => fs::read(path),
            Bytes::Here(bytes) => Ok(bytes.to_vec()),
        }
    }

    /// The content of a new file, where it is known, without its bytes.
    pub(crate) fn sum(&self, path: &Path) -> Option<String> {
        let state = self.look();
        let (place, _) = state.find(path, true).ok()?;
        let Thing::New(id) = place.thing else { return None };
        match &state.nodes.get(&id)?.body {
            Body::File(Held { bytes: None, sum, .. }) => sum.clone(),
            _ => None,
        }
    }

    pub(crate) fn access(&self, path: &Path, right: Access) -> bool {
        let state = self.look();
        state.find(path, true).is_ok_and(|(place, _)| state.may(&place.thing, right).is_ok())
    }

    fn bytes(&self, path: &Path) -> io::Result<Bytes> {
        let state = self.look();
        let (place, _) = state.find(path, true)?;
        state.may(&place.thing, Access::READ_OK)?;
        match place.thing {
            Thing::Disk(path, _) => Ok(Bytes::Disk(path)),
            Thing::New(id) => match state.nodes.get(&id) {
                Some(Node { body: Body::File(held), .. }) => match &held.bytes {
                    Some(bytes) => Ok(Bytes::Here(bytes.clone())),
                    None => {
                        self.doubt_content(&place.path);
                        Err(io::Error::other("an earlier step would write it, and what is not known"))
                    }
                },
                _ => Err(Errno::ISDIR.into()),
            },
            Thing::Nothing => Err(Errno::NOENT.into()),
        }
    }
}

/// A file that is in memory, or on a system without such, in the folder for temporary files without a name.
fn unnamed() -> io::Result<File> {
    #[cfg(target_os = "linux")]
    if let Ok(file) = rustix::fs::memfd_create("forecast", rustix::fs::MemfdFlags::CLOEXEC) {
        return Ok(file.into());
    }
    crate::fsops::replace::nameless(&std::env::temp_dir()).map_err(io::Error::other)
}
