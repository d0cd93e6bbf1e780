//! The store: the journal, and what lies beside it.

use std::io::Write;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use windlass_model::{BlobId, PlanId, Record, RunId};

use crate::lease::{LEASE, Leases};
use crate::memory::Memory;
use crate::relay::Relay;
use crate::sqlite::Sqlite;
use crate::{BlobDraft, Blobs, Error, Journal, Lease, Memos, NewRun, Position, Result, files, scope};

/// How many bytes the kept outputs of all runs may have together, unless [`Store::with_quota`] says otherwise.
pub const OUTPUT_QUOTA: u64 = 1 << 30;

/// Where runs are remembered: a [`Journal`] (to which it derefs), contents by hash, leases, and each run's
/// folder. A clone is the same store.
#[derive(Clone)]
pub struct Store {
    journal: Arc<dyn Journal>,
    blobs: Blobs,
    memos: Memos,
    leases: Leases,
    state: Option<Arc<Path>>,
    quota: u64,
    /// How many bytes kept outputs have, once that was asked. Other processes' are counted when it is.
    kept: Arc<Mutex<Option<u64>>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Deref for Store {
    type Target = dyn Journal;

    fn deref(&self) -> &Self::Target {
        &*self.journal
    }
}

impl Store {
    /// Opens the store in the folder `state`, or makes both.
    pub fn open(state: &Path) -> Result<Self> {
        scope::make(state)?;
        let runs = state.join("runs");
        files::private_folder(&runs)?;
        Ok(Self {
            journal: Arc::new(Sqlite::open(&state.join("store.db"))?),
            blobs: Blobs::folder(&state.join("blobs")),
            memos: Memos::folder(&state.join("memos")),
            leases: Leases::Folder(runs.into()),
            state: Some(state.into()),
            quota: OUTPUT_QUOTA,
            kept: Arc::default(),
        })
    }

    /// A store in memory, gone with its last clone. It has no folders, so nobody writes artifacts for it.
    pub fn memory() -> Self {
        Self {
            journal: Arc::new(Memory::default()),
            blobs: Blobs::memory(),
            memos: Memos::memory(),
            leases: Leases::Memory(Arc::default()),
            state: None,
            quota: OUTPUT_QUOTA,
            kept: Arc::default(),
        }
    }

    /// Puts a function before all that is appended: it is given the journal, and hands on to it what it lets
    /// through. By this a store fails on purpose.
    #[must_use]
    pub fn on_append<F>(self, append: F) -> Self
    where
        F: Fn(&dyn Journal, &RunId, Vec<Record>) -> Result<Position> + Send + Sync + 'static,
    {
        let journal = Arc::new(Relay { inner: self.journal, append });
        Self { journal, ..self }
    }

    /// Another bound on the kept outputs of all runs together, in bytes.
    #[must_use]
    pub fn with_quota(self, quota: u64) -> Self {
        Self { quota, ..self }
    }

    /// The journal.
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.journal
    }

    /// Contents by their hash.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Answers by the question.
    pub fn memos(&self) -> &Memos {
        &self.memos
    }

    /// The state folder; none in memory.
    pub fn state(&self) -> Option<&Path> {
        self.state.as_deref()
    }

    /// The folder of a run's artifacts; none in memory. It may not be there yet.
    pub fn run_folder(&self, run: &RunId) -> Option<PathBuf> {
        Some(self.state()?.join("runs").join(run.as_str()))
    }

    /// Writes the run down, once all that it stands on is in the store; durable when it returns.
    pub fn create(&self, run: &NewRun) -> Result<()> {
        let _held = if run.blobs.is_empty() { None } else { Some(self.blobs.hold(&run.blobs)?) };
        self.journal.create(run)
    }

    /// Writes the run down as the one that applies a saved plan, once all that it stands on is in the store;
    /// durable when it returns. Of several that try, in whichever process, one succeeds.
    pub fn claim(&self, plan: &PlanId, run: &NewRun) -> Result<()> {
        let _held = if run.blobs.is_empty() { None } else { Some(self.blobs.hold(&run.blobs)?) };
        self.journal.claim(plan, run)
    }

    /// Claims the run for this process, until the lease is dropped or the process ends. A driver takes it
    /// before it creates or resumes the run.
    pub fn lease(&self, run: &RunId) -> Result<Lease> {
        self.leases.take(run)
    }

    /// The file that a run's driver has locked while it lives, by one name whichever way the store was reached;
    /// none in memory.
    pub fn lease_file(&self, run: &RunId) -> Option<PathBuf> {
        let state = self.state()?;
        let state = state.canonicalize().unwrap_or_else(|_| state.into());
        Some(state.join("runs").join(run.as_str()).join(LEASE))
    }

    /// Whether some driver holds the run. One that is `running` and not driven was cut off.
    pub fn is_driven(&self, run: &RunId) -> bool {
        self.leases.is_held(run)
    }

    pub(crate) fn is_abandoned(&self, run: &RunId) -> bool {
        self.leases.is_abandoned(run)
    }

    /// Keeps a whole output for as long as the run is kept. None where the quota has no room for it: then
    /// only what the step's result quotes of it remains.
    pub fn keep_output(&self, run: &RunId, content: &[u8]) -> Result<Option<BlobId>> {
        if !self.has_room(content.len() as u64)? {
            return Ok(None);
        }
        let mut draft = self.blobs.draft()?;
        draft.write_all(content).map_err(|e| Error::io("cannot write to", Path::new("blobs"), e))?;
        self.keep_draft(run, draft)
    }

    /// Keeps an output that came in pieces, as [`Store::keep_output`] does.
    pub fn keep_draft(&self, run: &RunId, draft: BlobDraft) -> Result<Option<BlobId>> {
        if !self.has_room(draft.bytes())? {
            return Ok(None);
        }
        let (id, bytes) = draft.keep()?;
        self.journal.refer(run, &id, bytes)?;
        if let Some(kept) = &mut *self.kept() {
            *kept += bytes;
        }
        Ok(Some(id))
    }

    pub(crate) fn has_room(&self, bytes: u64) -> Result<bool> {
        let mut kept = self.kept();
        let sum = match *kept {
            Some(sum) => sum,
            None => *kept.insert(self.journal.output_bytes()?),
        };
        Ok(sum.saturating_add(bytes) <= self.quota)
    }

    fn kept(&self) -> MutexGuard<'_, Option<u64>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts kept outputs anew when it is asked next.
    pub(crate) fn recount(&self) {
        *self.kept() = None;
    }
}
