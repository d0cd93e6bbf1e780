//! What lookups of expressions reach while a run goes on: what the plan stands on first, then this machine.

use std::io;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use windlass_expr::{Local, Lookup, OnUrl, Outside, Place, PlaceKind, Value};
use windlass_model::{BlobId, Inputs};

use crate::action::Blobs;

/// This machine, but for what was read while planning: that is as it was then, also after a resume.
#[derive(Debug)]
pub(crate) struct Planned {
    inputs: Inputs,
    contents: Contents,
    here: Local,
    /// Whether nothing may be written.
    check: bool,
}

/// What fetches addresses.
#[derive(Clone)]
pub(crate) struct Fetch(pub(crate) OnUrl);

impl std::fmt::Debug for Fetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fetch")
    }
}

struct Contents(Arc<dyn Blobs>);

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Contents")
    }
}

impl Planned {
    /// The machine as seen from the document's folder.
    pub(crate) fn new(inputs: Inputs, contents: Arc<dyn Blobs>, here: Local, check: bool) -> Self {
        Self { inputs, contents: Contents(contents), here, check }
    }

    fn kept(&self, path: &str) -> Option<&BlobId> {
        self.inputs.files.get(path)
    }
}

impl Outside for Planned {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        match self.kept(path) {
            Some(id) => match self.contents.0.read(id) {
                Ok(content) => Ok(content.to_vec()),
                Err(failure) => Err(io::Error::other(failure.message)),
            },
            None => self.here.read(path),
        }
    }

    fn look(&self, path: &str) -> io::Result<Place> {
        let place = self.here.look(path)?;
        // A file that has gone since is there all the same.
        let kind = if self.kept(path).is_some() { PlaceKind::File } else { place.kind };
        Ok(Place { kind, ..place })
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.here.list(folder)
    }

    fn keep(&self, path: &str, text: &str, replace: bool) -> io::Result<bool> {
        // What would be kept is taken as kept.
        if self.check { Ok(true) } else { self.here.keep(path, text, replace) }
    }

    fn env(&self, name: &str) -> io::Result<Option<String>> {
        match self.inputs.env.get(name) {
            Some(value) => Ok(value.clone()),
            None => self.here.env(name),
        }
    }

    fn pipe(&self, command: &str) -> io::Result<Vec<u8>> {
        self.here.pipe(command)
    }

    fn url(&self, url: &str, options: &Map<String, Json>) -> io::Result<Vec<u8>> {
        self.here.url(url, options)
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        self.here.random(bytes)
    }
}

/// A layer of variables without any, through which lookups reach what is outside.
#[derive(Debug)]
pub(crate) struct Door(pub(crate) Arc<dyn Outside>);

impl Lookup for Door {
    fn get(&self, _: &str) -> Option<Value> {
        None
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn outside(&self) -> Option<Arc<dyn Outside>> {
        Some(self.0.clone())
    }
}
