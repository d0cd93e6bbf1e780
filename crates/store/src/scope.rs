//! Where a project's state lies.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use windlass_model::BlobId;

use crate::{Error, Result, files};

/// The folder that a project's state belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The project: the nearest folder upward with `windlass.yaml` or `.git`, else the folder itself.
    pub project: PathBuf,
    /// Where its state lies.
    pub state: PathBuf,
}

impl Scope {
    /// Finds the scope of the folder `cwd`, an absolute path. `home` is what `WINDLASS_HOME` says; an empty
    /// one says nothing.
    pub fn find(cwd: &Path, home: Option<&Path>) -> Self {
        let marked = |folder: &&Path| folder.join("windlass.yaml").is_file() || folder.join(".git").exists();
        let project = cwd.ancestors().find(marked).unwrap_or(cwd).to_owned();
        let state = match home.filter(|home| !home.as_os_str().is_empty()) {
            Some(home) => home.join(scope_name(&project)),
            None => project.join(".windlass"),
        };
        Self { project, state }
    }

    /// Makes the state folder, for its owner only and unseen by Git, if it is not there.
    pub fn make(&self) -> Result<()> {
        make(&self.state)
    }
}

/// A name that a person recognises and that no two projects share: the folder's own, and some of its path's
/// hash.
fn scope_name(project: &Path) -> String {
    // Through symlinks, so that one project has one state whichever way it is reached.
    let real = project.canonicalize().unwrap_or_else(|_| project.into());
    let hash = BlobId::of(real.as_os_str().as_encoded_bytes());
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String =
        real.file_name().unwrap_or_default().to_string_lossy().chars().take(40).map(plain).collect();
    let name = name.trim_start_matches(['.', '-']);
    format!("{}-{}", if name.is_empty() { "root" } else { name }, &hash.as_str()[..12])
}

pub(crate) fn make(state: &Path) -> Result<()> {
    files::durable_folder(state).map_err(|e| refused(state, e))?;
    let ignore = state.join(".gitignore");
    if ignore.exists() {
        return Ok(());
    }
    files::replace(&ignore, b"*\n", false).map_err(|e| refused(state, e))
}

/// Says what to do where the place itself does not allow it.
fn refused(state: &Path, error: Error) -> Error {
    use io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    match error {
        Error::Io { source, .. }
            if matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem | NotADirectory) =>
        {
            Error::ReadOnly { path: state.into(), source }
        }
        // Something that is no folder stands where it should be.
        Error::Io { source, .. } if fs::metadata(state).is_ok_and(|m| !m.is_dir()) => {
            Error::ReadOnly { path: state.into(), source }
        }
        other => other,
    }
}
