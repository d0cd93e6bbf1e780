//! Who takes back entries that are data, and who remembers them over a crash.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use windlass_model::{CleanupEntry, Failure};

use super::RemovePath;
use crate::Error;

/// What taking back gives: nothing, or why it could not be done.
pub type CleanupFuture<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// What the journal answers when a record is durable.
pub type JournalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Takes back entries of one kind by what their data say, in this process or in a later one.
///
/// Taking back what is already gone succeeds: after a crash it is not known how far the first try came.
pub trait CleanupHandler: Send + Sync + 'static {
    /// The kind of entries.
    fn kind(&self) -> &str;

    /// Takes one entry back. `cancel` belongs to the cleanup alone: it is cancelled when the entry's own time is
    /// over, never because the run was. It may block: it has a thread of its own.
    fn take_back<'a>(&'a self, data: &'a Value, cancel: CancellationToken) -> CleanupFuture<'a>;
}

/// The handlers of a program, by kind.
#[derive(Clone, Default)]
pub struct CleanupHandlers(BTreeMap<Arc<str>, Arc<dyn CleanupHandler>>);

impl CleanupHandlers {
    /// The handlers that every program has. Paths are removed below `state_dir` only; without one, none are.
    pub fn builtin(state_dir: Option<&Path>) -> Self {
        let mut all = Self::default();
        if let Some(dir) = state_dir {
            let paths = RemovePath::new(dir);
            all.0.insert(paths.kind().into(), Arc::new(paths));
        }
        all
    }

    /// Adds a handler. Two of one kind are a mistake of the program, told at once.
    pub fn add(&mut self, handler: Arc<dyn CleanupHandler>) -> Result<(), Error> {
        let kind: Arc<str> = handler.kind().into();
        match self.0.insert(kind.clone(), handler) {
            None => Ok(()),
            Some(_) => Err(Error::Duplicate { what: "cleanup handler", name: kind.to_string() }),
        }
    }

    /// The handler of a kind.
    pub fn get(&self, kind: &str) -> Option<&Arc<dyn CleanupHandler>> {
        self.0.get(kind)
    }
}

impl std::fmt::Debug for CleanupHandlers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Remembers entries over a crash: the run's journal.
pub trait CleanupJournal: Send + Sync {
    /// Writes down that there is something to take back, and returns its number when that is durable. Only then
    /// is the thing itself made.
    fn added<'a>(&'a self, entry: &'a CleanupEntry) -> JournalFuture<'a, Result<u64, Failure>>;

    /// Writes down that it was taken back, or why it could not be. It need not be durable when this returns:
    /// taking back twice does no harm.
    fn done<'a>(&'a self, id: u64, error: Option<String>) -> JournalFuture<'a, ()>;
}
