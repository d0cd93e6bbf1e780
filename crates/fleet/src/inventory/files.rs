//! The files that an inventory was read from.

use std::path::{Path, PathBuf};

use windlass_model::BlobId;

/// A file that an inventory stands on, or a program whose output it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// The path that it was read from.
    pub path: PathBuf,
    /// The hash of its content; for a program, of all that it printed.
    pub content: BlobId,
    /// Whether it is a program.
    pub is_program: bool,
}

/// The files that were read so far.
#[derive(Default)]
pub(super) struct Files(Vec<InputFile>);

impl Files {
    pub(super) fn add(&mut self, path: &Path, content: &[u8]) {
        self.0.push(InputFile { path: path.to_owned(), content: BlobId::of(content), is_program: false });
    }

    /// Adds what a program printed, to what it printed before if it did.
    pub(super) fn add_program(&mut self, path: &Path, output: &[u8]) {
        let content = BlobId::of(output);
        match self.0.last_mut().filter(|last| last.is_program && last.path == path) {
            Some(last) => last.content = BlobId::of(format!("{}{}", last.content, content).as_bytes()),
            None => self.0.push(InputFile { path: path.to_owned(), content, is_program: true }),
        }
    }

    /// All of them in the order of their paths, each once.
    pub(super) fn into_sorted(mut self) -> Vec<InputFile> {
        self.0.sort_by(|a, b| a.path.cmp(&b.path));
        self.0.dedup_by(|a, b| a.path == b.path);
        self.0
    }
}
