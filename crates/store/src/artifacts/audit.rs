//! `audit.jsonl`: who asked which language model what, and for how much. A file of runs that ask any.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;

use windlass_model::RunState;
use windlass_model::projection::{Audit, RunMeta, has_audit};

use crate::files::Draft;
use crate::{Error, Result, Store};

/// What the file is called. There is no name for the latest run's, for not every run has one.
const NAME: &str = "audit.jsonl";

/// Writes the file as the journal has it up to where `state` stands.
pub(super) fn write(store: &Store, folder: &Path, meta: &RunMeta, state: &RunState) -> Result<()> {
    if !has_audit(state) {
        return Ok(());
    }
    let target = folder.join(NAME);
    let mut file = Draft::beside(&target)?;
    let text = text(store, meta, state)?;
    file.write_all(&text).map_err(|e| Error::io("cannot write", &target, e))?;
    file.place(&target, true)
}

/// Whether the file has what the journal has.
pub(super) fn is_current(store: &Store, folder: &Path, meta: &RunMeta, state: &RunState) -> bool {
    let due = || text(store, meta, state).ok();
    !has_audit(state) || std::fs::read(folder.join(NAME)).is_ok_and(|there| due() == Some(there))
}

/// The lines. A model's attempts are few and their lines short, beside what was asked.
fn text(store: &Store, meta: &RunMeta, state: &RunState) -> Result<Vec<u8>> {
    let (mut audit, mut text) = (Audit::new(meta.clone(), state.plan().clone()), Vec::new());
    let mut written = Ok(());
    store.visit(&meta.run_id, 1, &mut |records| {
        let end = records.last().is_none_or(|record| record.seq >= state.seq);
        let mut known = records.iter().filter(|record| record.seq <= state.seq);
        written = known.try_for_each(|record| {
            let lines = audit.lines(record).map_err(io::Error::other)?;
            lines.into_iter().try_for_each(|line| writeln!(text, "{line}"))
        });
        if written.is_err() || end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    written.map_err(|error| Error::io("cannot write", Path::new(NAME), error))?;
    Ok(text)
}
