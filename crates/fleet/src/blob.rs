//! Contents of the store laid out as files under their own names, for modules that read files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use windlass_engine::Blobs;
use windlass_model::{BlobId, Code, Failure};

use crate::failure;

/// A temporary folder, private to this user, that goes away with this value. The system's folder for such
/// things is the right place: the names in it show nothing, and what is in it is in the plan anyway.
pub(crate) struct Stage {
    dir: TempDir,
}

impl Stage {
    /// An empty one.
    pub(crate) fn new() -> Result<Self, Failure> {
        TempDir::with_prefix("windlass-")
            .map(|dir| Self { dir })
            .map_err(|error| io("a temporary folder", &error))
    }

    /// Where something of this name lies, or shall lie.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Puts a content of the store under a name, with a mode.
    pub(crate) fn put(&self, blobs: &dyn Blobs, id: &BlobId, name: &str, mode: u32) -> Result<(), Failure> {
        self.write(&blobs.read(id)?, name, mode)
    }

    /// Puts a content under a name, with a mode.
    pub(crate) fn write(&self, content: &[u8], name: &str, mode: u32) -> Result<(), Failure> {
        let path = self.path(name);
        let done = fs::write(&path, content).and_then(|()| permit(&path, mode));
        done.map_err(|error| io(name, &error))
    }

    /// Makes a folder.
    pub(crate) fn folder(&self, name: &str) -> Result<(), Failure> {
        fs::create_dir_all(self.path(name)).map_err(|error| io(name, &error))
    }

    /// Makes a link that leads wherever the original led.
    pub(crate) fn link(&self, name: &str, target: &str) -> Result<(), Failure> {
        symlink(target, self.path(name)).map_err(|error| io(name, &error))
    }
}

/// The content's name out of a parameter of the plan.
pub(crate) fn id(value: &Value) -> Result<BlobId, Failure> {
    value.as_str().and_then(BlobId::new).ok_or_else(|| {
        Failure::new(Code::MissingSource, "the plan names a file's content by something that is no hash")
            .permanent()
    })
}

fn permit(path: &Path, mode: u32) -> std::io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn io(name: &str, error: &std::io::Error) -> Failure {
    failure::source(name, error)
}
