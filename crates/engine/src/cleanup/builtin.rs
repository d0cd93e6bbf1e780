//! The handler that every program has: removing paths of its own.

use std::io;
use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use windlass_model::CleanupEntry;

use super::{CleanupFuture, CleanupHandler};

/// The kind of entries that [`RemovePath`] takes back.
pub const REMOVE_PATH: &str = "remove_path";

/// Removes a file or a folder of the program's own, below its state folder and nowhere else: an entry comes
/// out of a journal, and a journal must not be able to remove what is not the program's.
#[derive(Debug)]
pub struct RemovePath {
    state_dir: PathBuf,
}

impl RemovePath {
    /// Removes paths below this folder.
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        Self { state_dir: state_dir.into() }
    }

    /// The entry for a path, relative to the state folder.
    pub fn entry(label: impl Into<String>, path: &str) -> CleanupEntry {
        CleanupEntry { kind: REMOVE_PATH.to_owned(), label: label.into(), data: json!({ "path": path }) }
    }

    fn remove(&self, path: &Path) -> Result<(), String> {
        let path = self.inside(path)?;
        let failed = |error: io::Error| format!("cannot remove {}: {error}", path.display());
        let result = match std::fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(&path),
            Ok(_) => std::fs::remove_file(&path),
            Err(error) => Err(error),
        };
        match result {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }

    /// The whole path, where it lies below the state folder and no link leads out of it on the way. What lies
    /// at its end may be a link: the link itself is removed.
    fn inside(&self, path: &Path) -> Result<PathBuf, String> {
        let refused = |why: &str| Err(format!("{} is not removed: {why}", path.display()));
        let relative = if path.is_absolute() {
            match path.strip_prefix(&self.state_dir) {
                Ok(relative) => relative,
                Err(_) => return refused("it lies outside of the state folder"),
            }
        } else {
            path
        };
        let mut whole = self.state_dir.clone();
        let mut components = relative.components().peekable();
        if components.peek().is_none() {
            return refused("it is the state folder itself");
        }
        while let Some(component) = components.next() {
            let Component::Normal(name) = component else {
                return refused("it may lead out of the state folder");
            };
            whole.push(name);
            let link = std::fs::symlink_metadata(&whole).is_ok_and(|meta| meta.is_symlink());
            if link && components.peek().is_some() {
                return refused("a link may lead out of the state folder");
            }
        }
        Ok(whole)
    }
}

impl CleanupHandler for RemovePath {
    fn kind(&self) -> &str {
        REMOVE_PATH
    }

    fn take_back<'a>(&'a self, data: &'a Value, _cancel: CancellationToken) -> CleanupFuture<'a> {
        Box::pin(async move {
            let path = data.get("path").and_then(Value::as_str).ok_or("the entry names no path")?;
            self.remove(Path::new(path))
        })
    }
}
