//! Answers that are kept by the question: what was paid for once is not paid for again.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use windlass_model::BlobId;

use crate::{Result, files};

/// Answers, each under the hash of what was asked. They belong to no run: they go by [`crate::Store::prune`], the
/// oldest first, and one that is gone is only asked for again.
#[derive(Clone, Debug)]
pub struct Memos(Place);

#[derive(Clone, Debug)]
enum Place {
    /// `<folder>/ab/abcd…`.
    Folder(Arc<Path>),
    Memory(Arc<Mutex<HashMap<BlobId, Arc<[u8]>>>>),
}

impl Memos {
    pub(crate) fn folder(path: &Path) -> Self {
        Self(Place::Folder(path.into()))
    }

    pub(crate) fn memory() -> Self {
        Self(Place::Memory(Arc::default()))
    }

    /// Keeps an answer, over an earlier one; whole for whoever reads it, and durable when it returns.
    pub fn put(&self, question: &BlobId, answer: &[u8]) -> Result<()> {
        match &self.0 {
            Place::Folder(folder) => {
                let path = path_of(folder, question);
                files::durable_folder(folder)?;
                files::durable_folder(path.parent().expect("an answer lies in a folder"))?;
                files::replace(&path, answer, true)
            }
            Place::Memory(map) => {
                let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
                map.insert(question.clone(), answer.into());
                Ok(())
            }
        }
    }

    /// The answer, which counts as used from now on. One that cannot be read is none.
    pub fn get(&self, question: &BlobId) -> Option<Arc<[u8]>> {
        match &self.0 {
            Place::Folder(folder) => {
                let path = path_of(folder, question);
                let answer = fs::read(&path).ok()?;
                // Where the time cannot be set it goes a little earlier than it might.
                let touched = File::options().append(true).open(&path);
                let _ = touched.and_then(|file| file.set_modified(SystemTime::now()));
                Some(answer.into())
            }
            Place::Memory(map) => map.lock().unwrap_or_else(PoisonError::into_inner).get(question).cloned(),
        }
    }

    /// Removes what was not used for longer than `age`, and gives back how many bytes that were. With `dry`
    /// nothing is removed.
    pub(crate) fn sweep(&self, age: Duration, dry: bool) -> u64 {
        let Place::Folder(folder) = &self.0 else { return 0 };
        let folders = fs::read_dir(folder).into_iter().flatten().flatten();
        let all = folders.filter_map(|inner| fs::read_dir(inner.path()).ok()).flatten().flatten();
        let mut freed = 0;
        for file in all {
            let Ok(meta) = file.metadata() else { continue };
            let unused = meta.modified().ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
            if unused >= age && (dry || fs::remove_file(file.path()).is_ok()) {
                freed += meta.len();
            }
        }
        freed
    }
}

fn path_of(folder: &Path, id: &BlobId) -> PathBuf {
    folder.join(&id.as_str()[..2]).join(id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_stay_until_they_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        for memos in [Memos::folder(&dir.path().join("memos")), Memos::memory()] {
            let question = BlobId::of(b"what is it?");
            assert_eq!(memos.get(&question), None);
            memos.put(&question, b"this").unwrap();
            memos.put(&question, b"that").unwrap();
            assert_eq!(memos.get(&question).as_deref(), Some(&b"that"[..]));
            assert_eq!(memos.sweep(Duration::from_secs(3600), false), 0);
            assert!(memos.get(&question).is_some());
        }
        let memos = Memos::folder(&dir.path().join("memos"));
        assert_eq!(memos.sweep(Duration::ZERO, true), 4, "a dry sweep only tells");
        assert_eq!(memos.sweep(Duration::ZERO, false), 4);
        assert_eq!(memos.get(&BlobId::of(b"what is it?")), None);
    }
}
