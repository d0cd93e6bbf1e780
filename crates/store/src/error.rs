//! What can go wrong with the store, and what to do about each.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use windlass_model::{BlobId, Code, Failure, PlanId, RunId};

/// A result of the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder of the state cannot be used.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was tried, such as `cannot write`.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder for the state cannot be made, for what it would lie in cannot be written to.
    #[error("cannot keep state in {}: {source}", path.display())]
    ReadOnly {
        /// The state folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The disk is full.
    #[error("no space is left for {}", path.display())]
    Full {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// The database cannot be used.
    #[error("the store {} cannot be used: {source}", path.display())]
    Database {
        /// The database's file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// Other processes kept the database for themselves for too long.
    #[error("the store {} is held by another process", path.display())]
    Held {
        /// The database's file.
        path: PathBuf,
    },
    /// The file is a database, and not one of ours.
    #[error("{} is no store of Windlass", path.display())]
    Foreign {
        /// The database's file.
        path: PathBuf,
    },
    /// A later version of the program wrote it.
    #[error("the store {} has format {found}; this program reads up to {known}", path.display())]
    Newer {
        /// The database's file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The latest format that this program reads.
        known: u32,
    },
    /// What is stored contradicts itself.
    #[error("the records of run {run} cannot be read: {why}")]
    Corrupt {
        /// The run.
        run: RunId,
        /// What is wrong.
        why: String,
    },
    /// The id was taken before.
    #[error("there is already a run {0}")]
    RunExists(RunId),
    /// The saved plan was applied before.
    #[error("plan {plan} was applied before, by run {run}")]
    PlanApplied {
        /// The saved plan.
        plan: PlanId,
        /// The run that applied it.
        run: RunId,
    },
    /// No run has this id.
    #[error("there is no run {id}")]
    UnknownRun {
        /// What was asked for.
        id: String,
        /// Some runs that there are, the newest ones.
        known: Vec<String>,
    },
    /// Several runs' ids begin like this.
    #[error("{prefix} may be any of {}", candidates.join(", "))]
    AmbiguousRun {
        /// What was asked for.
        prefix: String,
        /// Some of those whose id begins so.
        candidates: Vec<String>,
    },
    /// Another driver works on the run.
    #[error("run {run} is driven by {}", pid.map_or("another process".into(), |p| format!("process {p}")))]
    Busy {
        /// The run.
        run: RunId,
        /// The driver's process, if it said so.
        pid: Option<u32>,
    },
    /// Records do not go on where the run's last one ended: two drivers, or a bug.
    #[error("run {run}: record {due} was due, not {got}")]
    OutOfOrder {
        /// The run.
        run: RunId,
        /// The number that was due.
        due: u64,
        /// The number that came.
        got: u64,
    },
    /// A content is not in the store, or is not what it was.
    #[error("content {} is not in the store", .0.as_str())]
    NoBlob(BlobId),
    /// A file is no exported run, or not a whole one.
    #[error("line {line} of the run's file: {why}")]
    NotPortable {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A later version of the program exported the run.
    #[error("the run's file has format {found}; this program reads up to {known}")]
    PortableNewer {
        /// The file's format.
        found: u32,
        /// The latest format that this program reads.
        known: u32,
    },
    /// An exported run is larger than what is taken in.
    #[error("{what} is above {limit}, which is the most that is taken in")]
    PortableTooBig {
        /// What is too large.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// The file that a run is exported to or imported from cannot be used.
    #[error("the run's file cannot be {what}: {source}")]
    Stream {
        /// What was tried: `read` or `written`.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The run came from another store.
    #[error("run {0} was imported: what it stood on is not here")]
    Imported(RunId),
    /// Something is where a backup would lie.
    #[error("there is already something at {}", path.display())]
    BackupTaken {
        /// Where.
        path: PathBuf,
    },
    /// The journal failed before; nothing can be written until it is opened again.
    #[error("the journal has failed: {0}")]
    Failed(#[source] Arc<Error>),
}

impl Error {
    pub(crate) fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return Error::Full { path: path.into() };
        }
        Error::Io { what, path: path.into(), source }
    }

    pub(crate) fn read(source: io::Error) -> Self {
        Error::Stream { what: "read", source }
    }

    pub(crate) fn written(source: io::Error) -> Self {
        Error::Stream { what: "written", source }
    }

    pub(crate) fn database(path: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull, NotADatabase};
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(DiskFull) => Error::Full { path },
            Some(DatabaseBusy | DatabaseLocked) => Error::Held { path },
            Some(NotADatabase) => Error::Foreign { path },
            _ => Error::Database { path, source },
        }
    }

    /// Its stable code.
    pub fn code(&self) -> Code {
        match self {
            Error::Io { .. } | Error::ReadOnly { .. } => Code::StateUnusable,
            Error::Full { .. } => Code::StoreFull,
            Error::Database { .. } | Error::Foreign { .. } => Code::StoreUnusable,
            Error::Held { .. } => Code::StoreHeld,
            Error::Newer { .. } => Code::StoreNewer,
            Error::Corrupt { .. } | Error::OutOfOrder { .. } => Code::StoreCorrupt,
            Error::RunExists(_) => Code::RunExists,
            Error::PlanApplied { .. } => Code::PlanApplied,
            Error::UnknownRun { .. } => Code::UnknownRun,
            Error::AmbiguousRun { .. } => Code::AmbiguousRun,
            Error::Busy { .. } => Code::RunBusy,
            Error::NoBlob(_) => Code::NoContent,
            Error::NotPortable { .. } => Code::NotPortable,
            Error::PortableNewer { .. } => Code::PortableNewer,
            Error::PortableTooBig { .. } => Code::PortableTooBig,
            Error::Stream { .. } => Code::FileUnusable,
            Error::Imported(_) => Code::RunImported,
            Error::BackupTaken { .. } => Code::BackupTaken,
            Error::Failed(cause) => cause.code(),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let fixed = match self {
            Error::Io { .. } => "check that the folder is yours and can be written to",
            Error::ReadOnly { .. } => {
                "set WINDLASS_HOME to a folder that can be written to, such as ~/.local/state/windlass"
            }
            Error::Full { .. } => "free some space (`windlass runs prune` helps), then `windlass resume`",
            Error::Database { .. } | Error::Corrupt { .. } | Error::OutOfOrder { .. } => {
                "`windlass doctor` looks for damage"
            }
            Error::Held { .. } => "wait for the other process, or end it if it hangs",
            Error::Foreign { .. } => "move the file away, or set WINDLASS_HOME to another folder",
            Error::Newer { .. } => "use the version of Windlass that wrote it, or a later one",
            Error::RunExists(_) => "choose another run id, or leave it out",
            Error::PlanApplied { .. } => "plan again: each planning gives a plan of its own",
            Error::UnknownRun { known, .. } if known.is_empty() => "there are no runs here yet",
            Error::UnknownRun { known, .. } => return Some(format!("the latest runs: {}", known.join(", "))),
            Error::AmbiguousRun { .. } => "give more of the id",
            Error::Busy { .. } => "wait for it, or stop it first",
            Error::NoBlob(_) => "plan again from the document",
            Error::NotPortable { .. } => "export the run again, and copy the file as it is",
            Error::PortableNewer { .. } => "use the version of Windlass that wrote it, or a later one",
            Error::PortableTooBig { .. } => "look at the run in the store that it came from",
            Error::Stream { .. } => return None,
            Error::Imported(_) => "go on with it where it was exported; here it can be shown and replayed",
            Error::BackupTaken { .. } => "name a folder that is not there yet",
            Error::Failed(cause) => return cause.hint(),
        };
        Some(fixed.into())
    }

    /// The error as data.
    pub fn failure(&self) -> Failure {
        let failure = Failure::new(self.code(), self.to_string());
        match self.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
