//! What the loading of an inventory needs to know beside its sources.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the loading of an inventory needs to know beside its sources.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that relative paths are taken from, and that programs are started in.
    pub folder: PathBuf,
    /// A further folder with `group_vars/` and `host_vars/`: that of the document that uses the inventory.
    /// What lies there wins over what lies beside the inventory.
    pub beside: Option<PathBuf>,
    /// How long all calls of one program that gives an inventory may take together.
    pub program_time: Duration,
}

impl Options {
    /// Paths are taken from `folder`; a program has a minute.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), beside: None, program_time: Duration::from_secs(60) }
    }

    /// The sources in the value of `ANSIBLE_INVENTORY`: paths with commas between them, or one list of hosts.
    pub fn sources(&self, named: &str) -> Vec<String> {
        let parts: Vec<&str> = named.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        match parts.iter().any(|part| self.folder.join(part).exists()) {
            true => parts.into_iter().map(str::to_owned).collect(),
            false if parts.is_empty() => Vec::new(),
            false => vec![named.to_owned()],
        }
    }

    /// A path as messages have it: from the folder, if it lies there.
    pub(super) fn shown(&self, path: &Path) -> String {
        let inner = path.strip_prefix(&self.folder).ok().filter(|inner| !inner.as_os_str().is_empty());
        inner.unwrap_or(path).to_string_lossy().into_owned()
    }
}
