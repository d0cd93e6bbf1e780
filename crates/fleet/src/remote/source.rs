//! Where contents come from when a gate asks for them.

use std::path::PathBuf;
use std::sync::Arc;

use windlass_engine::Blobs;
use windlass_model::{BlobId, Failure};

use crate::failure;

/// Where a content is kept until a gate asks for it, which it may never do.
#[derive(Debug, Clone)]
pub enum Source {
    /// In a store.
    Blob(Arc<dyn Blobs>, BlobId),
    /// In memory.
    Bytes(Arc<[u8]>),
    /// In a file of this machine. One that changes meanwhile is refused by the gate.
    File(PathBuf),
}

impl Source {
    /// The whole content. It may block.
    pub(super) fn read(&self) -> Result<Arc<[u8]>, Failure> {
        match self {
            Self::Blob(blobs, id) => blobs.read(id),
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::File(path) => std::fs::read(path)
                .map(Arc::from)
                .map_err(|error| failure::source(&path.to_string_lossy(), &error)),
        }
    }
}
