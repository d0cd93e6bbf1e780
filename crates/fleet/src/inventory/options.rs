//! What the loading of an inventory needs to know beside its sources.

use std::path::PathBuf;
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
}
