//! Whether what is stored of each run adds up: its records, what lists say of it, its files, and what its driver
//! left behind.

use std::ops::ControlFlow;
use std::sync::Arc;

use windlass_model::projection::RunMeta;
use windlass_model::{Plan, RunId, RunState};

use crate::{Error, Filter, Findings, Leftover, Result, Store, StoredRun, artifacts};

impl Store {
    /// Adds up every run, and notes what is wrong with it.
    pub(crate) fn audit(&self, findings: &mut Findings) -> Result<()> {
        for row in self.runs(&Filter::default())? {
            let idle = !self.is_driven(&row.id);
            match self.fold(&row.id) {
                Ok((stored, state)) if idle => self.look(&stored, &state, findings),
                // It was forgotten since it was listed.
                Ok(_) | Err(Error::UnknownRun { .. }) => {}
                Err(error @ Error::Corrupt { .. }) => findings.damage.push(error.to_string()),
                Err(Error::Database { source, .. }) => {
                    findings.damage.push(format!("run {} cannot be read: {source}", row.id));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A run with the sum of its records.
    fn fold(&self, run: &RunId) -> Result<(StoredRun, RunState)> {
        let corrupt = |why: String| Error::Corrupt { run: run.clone(), why };
        let stored = self.run(run)?;
        let plan = Plan::from_bytes(&stored.plan_bytes).map_err(|e| corrupt(e.to_string()))?;
        let mut state = RunState::new(Arc::new(plan));
        let mut folded = Ok(());
        self.visit(run, 1, &mut |records| {
            folded = records.iter().try_for_each(|record| state.apply(record));
            if folded.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        folded.map_err(|e| corrupt(e.to_string()))?;
        Ok((stored, state))
    }

    /// Looks at a run that nobody drove a moment ago.
    fn look(&self, stored: &StoredRun, state: &RunState, findings: &mut Findings) {
        let row = &stored.row;
        let stale = artifacts::is_stale(self, &meta(stored), state);
        // Taken up meanwhile, it is its driver's to keep in order.
        if self.is_driven(&row.id) || state.seq != row.seq {
            return;
        }
        if state.status != row.status {
            let (listed, folded) = (row.status.word(), state.status.word());
            findings.damage.push(format!("run {} is listed as {listed}, and is {folded}", row.id));
        }
        if self.is_abandoned(&row.id) {
            findings.abandoned.push(row.id.clone());
        }
        if stale {
            findings.stale.push(row.id.clone());
        }
        if !row.imported && !state.cleanups.is_empty() {
            let labels = state.cleanups.values().map(|entry| entry.label.clone()).collect();
            findings.leftovers.push(Leftover { run: row.id.clone(), labels });
        }
    }

    /// Lets go of what dead drivers held, and writes the files of runs anew that are not what the journal has.
    pub(crate) fn tidy(&self, findings: &Findings) -> Result<()> {
        for run in findings.abandoned.iter().chain(&findings.stale) {
            let lease = match self.lease(run) {
                Ok(lease) => lease,
                Err(Error::Busy { .. }) => continue,
                Err(error) => return Err(error),
            };
            if findings.stale.contains(run) {
                match self.fold(run) {
                    Ok((stored, state)) => artifacts::restore(self, &meta(&stored), &state)?,
                    Err(Error::UnknownRun { .. } | Error::Corrupt { .. } | Error::Database { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            drop(lease);
        }
        Ok(())
    }
}

fn meta(stored: &StoredRun) -> RunMeta {
    RunMeta::new(stored.row.id.clone(), &stored.row.invoker, stored.row.digest.clone())
}
