//! `audit.jsonl`: who asked which language model what, and for how much. A file of runs that ask any.
//!
//! Its lines are made while the run goes on and written at its driver's end, so that the end need not read the
//! journal again.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;

use windlass_model::projection::{Audit, RunMeta, has_audit};
use windlass_model::{Record, RunState};

use crate::files::Draft;
use crate::{Error, Result, Store};

/// What the file is called. There is no name for the latest run's, for not every run has one.
const NAME: &str = "audit.jsonl";

/// The lines of one run as far as its driver has come. They are short beside what the run's state keeps.
#[derive(Debug)]
pub(super) struct AuditLog {
    audit: Audit,
    /// The number of the last record that is in them.
    last: u64,
    text: Vec<u8>,
}

impl AuditLog {
    /// Begins with what the journal has up to where `state` stands.
    pub(super) fn open(store: &Store, meta: &RunMeta, state: &RunState) -> Result<Self> {
        let audit = Audit::new(meta.clone(), state.plan().clone());
        let mut log = Self { audit, last: 0, text: Vec::new() };
        log.catch_up(store, meta, state)?;
        Ok(log)
    }

    /// Adds records that follow those before; others come from the journal in the end.
    pub(super) fn add(&mut self, records: &[Record]) -> Result<()> {
        records.iter().try_for_each(
            |record| {
                if record.seq == self.last + 1 { self.record(record) } else { Ok(()) }
            },
        )
    }

    fn catch_up(&mut self, store: &Store, meta: &RunMeta, state: &RunState) -> Result<()> {
        if self.last >= state.seq {
            return Ok(());
        }
        let mut added = Ok(());
        store.visit(&meta.run_id, self.last + 1, &mut |records| {
            let end = records.last().is_none_or(|record| record.seq >= state.seq);
            added = records.iter().filter(|record| record.seq <= state.seq).try_for_each(|r| self.record(r));
            if added.is_err() || end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        added
    }

    fn record(&mut self, record: &Record) -> Result<()> {
        let lines = self.audit.lines(record).map_err(|error| fault(io::Error::other(error)))?;
        self.last = record.seq;
        lines.into_iter().try_for_each(|line| writeln!(self.text, "{line}")).map_err(fault)
    }
}

/// Writes the file as the journal has it up to where `state` stands. `log` is what its driver has of it.
pub(super) fn write(
    store: &Store,
    folder: &Path,
    meta: &RunMeta,
    state: &RunState,
    log: Option<AuditLog>,
) -> Result<()> {
    if !has_audit(state) {
        return Ok(());
    }
    let text = text(store, meta, state, log)?;
    let target = folder.join(NAME);
    let mut file = Draft::beside(&target)?;
    file.write_all(&text).map_err(|e| Error::io("cannot write", &target, e))?;
    file.place(&target, true)
}

/// Whether the file has what the journal has.
pub(super) fn is_current(store: &Store, folder: &Path, meta: &RunMeta, state: &RunState) -> bool {
    let due = || text(store, meta, state, None).ok();
    !has_audit(state) || std::fs::read(folder.join(NAME)).is_ok_and(|there| due() == Some(there))
}

fn text(store: &Store, meta: &RunMeta, state: &RunState, log: Option<AuditLog>) -> Result<Vec<u8>> {
    let mut log = match log {
        Some(log) => log,
        None => return Ok(AuditLog::open(store, meta, state)?.text),
    };
    log.catch_up(store, meta, state)?;
    Ok(log.text)
}

fn fault(error: io::Error) -> Error {
    Error::io("cannot write", Path::new(NAME), error)
}
