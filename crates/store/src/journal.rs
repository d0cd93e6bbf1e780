//! The journal's contract: plain data, and what each method promises about crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;
use windlass_model::{BlobId, Event, Plan, PlanId, Record, RunId, RunStatus, Scope, TaskEnd};

use crate::{Error, Result};

/// A place in the order in which one journal was written to by this process. Later appends have greater ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub u64);

/// How far the journal is safe from a crash.
#[derive(Clone, Debug, Default)]
pub struct Durable {
    /// Everything up to here survives a crash and a power cut.
    pub position: Position,
    /// Why nothing after it will: once set it stays, and every later append is refused. What was appended
    /// after `position` is in no file; opening the store again finds all that was durable, without a gap.
    pub failed: Option<Arc<Error>>,
}

/// A run to be written down.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Its id, unique in the store.
    pub id: RunId,
    /// The workflow's name.
    pub name: String,
    /// The backend that made its plan, as `mode/name`.
    pub backend: String,
    /// Who started it: `ci`, `local` or `api`.
    pub invoker: String,
    /// The plan's canonical bytes.
    pub plan_bytes: Arc<Vec<u8>>,
    /// The plan's digest.
    pub digest: BlobId,
    /// The folder of the document: relative paths and local commands stand on it.
    pub root: PathBuf,
    /// The document's name, where it was a file.
    pub document: Option<String>,
    /// What it was started with, for a later resume: check mode, tags, …. Never a secret.
    pub options: Value,
    /// When it was written down, in milliseconds since 1970.
    pub created_at: u64,
    /// How many tasks the plan has.
    pub tasks: u32,
    /// The contents that it stands on; they stay in the store as long as it does.
    pub blobs: BTreeSet<BlobId>,
}

impl NewRun {
    /// A run of `plan`, with no document and no options.
    pub fn of(id: RunId, plan: &Plan, root: impl Into<PathBuf>, created_at: u64) -> Self {
        let plan_bytes = Arc::new(plan.to_bytes());
        Self {
            id,
            name: plan.name.clone(),
            backend: plan.backend.clone(),
            invoker: "local".into(),
            digest: BlobId::of(&plan_bytes),
            plan_bytes,
            root: root.into(),
            document: None,
            options: Value::Null,
            created_at,
            tasks: plan.tasks.len() as u32,
            blobs: plan.inputs.files.values().cloned().collect(),
        }
    }
}

/// The option that marks a run as imported, and says where from.
pub(crate) const IMPORTED: &str = "imported";

/// How many tasks of a run ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// All of them.
    pub total: u32,
    /// Those that completed.
    pub completed: u32,
    /// Those that failed.
    pub failed: u32,
    /// Those that their own condition skipped.
    pub skipped: u32,
    /// Those that did not run because of something upstream.
    pub blocked: u32,
    /// Those that were taken back.
    pub undone: u32,
}

/// One run in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// The workflow's name.
    pub name: String,
    /// The backend, as `mode/name`.
    pub backend: String,
    /// Who started it.
    pub invoker: String,
    /// The plan's digest.
    pub digest: BlobId,
    /// Where it stood at its last record. A run that is `running` and that nobody drives was cut off.
    pub status: RunStatus,
    /// When it was written down, in milliseconds since 1970.
    pub created_at: u64,
    /// When its first driver began.
    pub started_at: Option<u64>,
    /// When it ended or was interrupted.
    pub finished_at: Option<u64>,
    /// The number of its last record.
    pub seq: u64,
    /// How its tasks ended.
    pub tasks: Tally,
    /// Whether it came from another store: it can be looked at, and nobody goes on with it.
    pub imported: bool,
}

impl RunRow {
    pub(crate) fn new(run: &NewRun) -> Self {
        Self {
            id: run.id.clone(),
            name: run.name.clone(),
            backend: run.backend.clone(),
            invoker: run.invoker.clone(),
            digest: run.digest.clone(),
            status: RunStatus::Pending,
            created_at: run.created_at,
            started_at: None,
            finished_at: None,
            seq: 0,
            tasks: Tally { total: run.tasks, ..Tally::default() },
            imported: run.options.get(IMPORTED).is_some(),
        }
    }

    /// Refuses a run that was imported to whoever would go on with it.
    pub fn check_own(&self) -> Result<()> {
        if self.imported { Err(Error::Imported(self.id.clone())) } else { Ok(()) }
    }

    /// Takes over what a record says about the run as a whole. The small sibling of `RunState::apply`: lists
    /// of runs must not fold whole journals.
    pub(crate) fn note(&mut self, record: &Record) {
        self.seq = record.seq;
        match &record.event {
            Event::RunStarted { .. } => {
                self.status = RunStatus::Running;
                self.started_at.get_or_insert(record.time);
                self.finished_at = None;
                // A resume opens again what failed, what was blocked by it, and what was taken back.
                self.tasks.failed = 0;
                self.tasks.blocked = 0;
                self.tasks.undone = 0;
            }
            Event::UndoStarted { scope: Scope::Global } => {
                self.status = RunStatus::Running;
                self.finished_at = None;
            }
            Event::UndoFinished { scope: Scope::Global, error: None } => {
                let tasks = &mut self.tasks;
                tasks.undone += std::mem::take(&mut tasks.completed) + std::mem::take(&mut tasks.failed);
            }
            Event::RunInterrupted { .. } => {
                self.status = RunStatus::Interrupted;
                self.finished_at = Some(record.time);
            }
            Event::RunFinished { status, .. } => {
                self.status = *status;
                self.finished_at = Some(record.time);
            }
            Event::TaskFinished { end, .. } => {
                let count = match end {
                    TaskEnd::Completed => &mut self.tasks.completed,
                    TaskEnd::Failed => &mut self.tasks.failed,
                    TaskEnd::Skipped => &mut self.tasks.skipped,
                    TaskEnd::Blocked => &mut self.tasks.blocked,
                    TaskEnd::Undone => &mut self.tasks.undone,
                };
                *count += 1;
            }
            _ => {}
        }
    }
}

/// A run with all that a resume needs besides its records.
#[derive(Clone, Debug)]
pub struct StoredRun {
    /// What lists show.
    pub row: RunRow,
    /// The plan's canonical bytes.
    pub plan_bytes: Arc<Vec<u8>>,
    /// The folder of the document.
    pub root: PathBuf,
    /// The document's name.
    pub document: Option<String>,
    /// What it was started with.
    pub options: Value,
}

/// Which runs to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those that stand like one of these; any where it is empty.
    pub status: Vec<RunStatus>,
    /// Only those of this workflow.
    pub name: Option<String>,
    /// At most so many, the newest ones.
    pub limit: Option<usize>,
}

/// A command that some process left for a run's driver.
#[derive(Clone, Debug, PartialEq)]
pub struct Posted {
    /// Its number in the store; later ones have greater ones.
    pub id: u64,
    /// What to do, in the words of whoever drives the run.
    pub command: Value,
}

/// Where a fold of records is kept. Implementations pass the same contract tests.
pub trait Journal: Send + Sync + 'static {
    /// Writes the run down; durable when it returns.
    fn create(&self, run: &NewRun) -> Result<()>;

    /// Writes down a run that came from elsewhere, with all its records and what it holds on to with how many
    /// bytes each has: all of it, durable when it returns, or nothing.
    fn adopt(&self, run: &NewRun, records: Vec<Record>, outputs: &BTreeMap<BlobId, u64>) -> Result<()>;

    /// Fixes the order of `records` behind all that was appended before, and returns their position. They
    /// must go on where the run's last record ended. Does not wait for the disk: [`Journal::durable`] tells
    /// when it has them. Blocks only while the queue is full.
    fn append(&self, run: &RunId, records: Vec<Record>) -> Result<Position>;

    /// Appends for a caller who has nothing to do before that is durable: where nobody else writes, it is when this
    /// returns, or the journal has failed, and no other thread had to be waited for.
    fn append_now(&self, run: &RunId, records: Vec<Record>) -> Result<Position> {
        self.append(run, records)
    }

    /// What is durable, now and from now on.
    fn durable(&self) -> watch::Receiver<Durable>;

    /// Waits until all that was appended is durable.
    fn flush(&self) -> Result<()>;

    /// Calls `visit` with the run's durable records from number `from_seq` on, in order, some thousand at a
    /// time, until it breaks. Holds nothing open between two calls.
    fn visit(
        &self,
        run: &RunId,
        from_seq: u64,
        visit: &mut dyn FnMut(Vec<Record>) -> ControlFlow<()>,
    ) -> Result<()>;

    /// The run's durable records from number `from_seq` on.
    fn scan(&self, run: &RunId, from_seq: u64) -> Result<Vec<Record>> {
        let mut all = Vec::new();
        self.visit(run, from_seq, &mut |records| {
            if all.is_empty() {
                all = records;
            } else {
                all.extend(records);
            }
            ControlFlow::Continue(())
        })?;
        Ok(all)
    }

    /// The runs, newest first.
    fn runs(&self, filter: &Filter) -> Result<Vec<RunRow>>;

    /// One run with its plan.
    fn run(&self, run: &RunId) -> Result<StoredRun>;

    /// The one run whose id is `prefix` or begins with it.
    fn find(&self, prefix: &str) -> Result<RunId>;

    /// Writes the run down as the one that applies a saved plan: both are durable when it returns, or nothing
    /// is. A plan is applied once, by whichever process comes first, also after its run was forgotten.
    fn claim(&self, plan: &PlanId, run: &NewRun) -> Result<()>;

    /// The run that applied a saved plan, where one did. It may have been forgotten since.
    fn claimed(&self, plan: &PlanId) -> Result<Option<RunId>>;

    /// Leaves a command for the run's driver, whichever process that is; durable when it returns.
    fn post(&self, run: &RunId, command: &Value) -> Result<u64>;

    /// The commands with a number above `after` that nobody has settled, oldest first. They stay until
    /// [`Journal::settle`], so that a crash between hearing a command and writing down its effect loses none.
    fn posted(&self, run: &RunId, after: u64) -> Result<Vec<Posted>>;

    /// Removes the commands up to number `through`: their effects are durable.
    fn settle(&self, run: &RunId, through: u64) -> Result<()>;

    /// The commands that are there, removed at once: for drivers to whom a command lost in a crash is no loss.
    fn take(&self, run: &RunId) -> Result<Vec<Posted>> {
        let posted = self.posted(run, 0)?;
        if let Some(last) = posted.last() {
            self.settle(run, last.id)?;
        }
        Ok(posted)
    }

    /// Notes that `run` holds on to a kept output. Ordered like an append: durable no later than what is
    /// appended after it.
    fn refer(&self, run: &RunId, blob: &BlobId, bytes: u64) -> Result<()>;

    /// The outputs that the run holds on to, with their bytes.
    fn outputs(&self, run: &RunId) -> Result<BTreeMap<BlobId, u64>>;

    /// Every content that some run holds on to.
    fn referred(&self) -> Result<BTreeSet<BlobId>>;

    /// How many bytes the kept outputs of all runs have together; an output that two runs hold counts once.
    fn output_bytes(&self) -> Result<u64>;

    /// How many bytes the run has in the journal, its outputs included.
    fn size(&self, run: &RunId) -> Result<u64>;

    /// Removes the run and all its records; durable when it returns.
    fn delete(&self, run: &RunId) -> Result<()>;

    /// Gives the space of what was deleted back to the disk.
    fn compact(&self) -> Result<()>;

    /// Looks for damage; each finding is one sentence. None is good.
    fn verify(&self) -> Result<Vec<String>>;
}

/// Finds the one id that `prefix` stands for among `ids`, newest first.
pub(crate) fn unique_prefix(prefix: &str, ids: Vec<RunId>) -> Result<RunId> {
    /// How many ids an error names: enough to pick from, few enough to read.
    const SHOWN: usize = 8;
    if let Some(exact) = ids.iter().find(|id| id.as_str() == prefix) {
        return Ok(exact.clone());
    }
    let mut like: Vec<&RunId> = ids.iter().filter(|id| id.as_str().starts_with(prefix)).collect();
    if prefix.is_empty() {
        like.clear();
    }
    let names = |ids: &[&RunId]| ids.iter().take(SHOWN).map(|id| id.to_string()).collect::<Vec<_>>();
    match like.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let known: Vec<&RunId> = ids.iter().collect();
            Err(Error::UnknownRun { id: prefix.into(), known: names(&known) })
        }
        several => Err(Error::AmbiguousRun { prefix: prefix.into(), candidates: names(several) }),
    }
}
