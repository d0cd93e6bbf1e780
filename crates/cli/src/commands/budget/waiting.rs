//! Runs that hold something back on shared budgets though nobody drives them: whose they are, and what settles it.

use std::path::{Path, PathBuf};

use windlass_model::Usage;
use windlass_store::{Holding, Ledger, Pot, Store};

use super::sum_text;
use crate::app::App;
use crate::compose;
use crate::error::Error;

/// Such a run.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) holding: Holding,
    /// Where it belongs, if not to the project in whose folder the command is given.
    pub(crate) elsewhere: Option<PathBuf>,
}

/// All of them on the project's and the user's ledgers. What the journal is gone of is settled first.
pub(crate) fn all(app: &App) -> Result<Vec<Waiting>, Error> {
    let mut all: Vec<Holding> = Vec::new();
    for pot in [Pot::Project, Pot::Day] {
        let Ok(path) = app.ledger(&pot) else { continue };
        let Some(ledger) = Ledger::existing(&path)? else { continue };
        ledger.settle_lost()?;
        all.extend(ledger.holdings()?.into_iter().filter(|holding| !holding.driven));
    }
    // A run holds the same back on both.
    all.sort_by(|a, b| (&a.run, &a.lease).cmp(&(&b.run, &b.lease)));
    all.dedup_by(|a, b| a.lease == b.lease);
    let own = app.scope().state;
    let waiting =
        all.into_iter().map(|holding| Waiting { elsewhere: elsewhere(&holding, &own), holding }).collect();
    Ok(waiting)
}

/// The folder of a run's project, or what is known of it, where that is another one.
fn elsewhere(holding: &Holding, own: &Path) -> Option<PathBuf> {
    let state = holding.state();
    if state == own || matches!((state.canonicalize(), own.canonicalize()), (Ok(a), Ok(b)) if a == b) {
        return None;
    }
    let root = Store::open(state).and_then(|store| Ok(store.run(&holding.run)?.root));
    Some(root.unwrap_or_else(|_| state.into()))
}

impl Waiting {
    /// Whether a command in the run's own folder could still be given.
    pub(crate) fn has_home(&self) -> bool {
        self.elsewhere.as_ref().is_none_or(|folder| folder.is_dir())
    }

    /// What it holds, and for how many steps.
    pub(crate) fn told(&self) -> String {
        let Holding { run, steps, most, .. } = &self.holding;
        let place = self.elsewhere.as_ref().map(|folder| format!(" in {}", folder.display()));
        let steps = if *steps == 1 { "1 step".to_owned() } else { format!("{steps} steps") };
        format!(
            "run {run}{} is not running and holds {} back for {steps}",
            place.unwrap_or_default(),
            sum_text(most)
        )
    }

    /// What a person can do about it.
    pub(crate) fn advice(&self) -> String {
        let run = &self.holding.run;
        let there = if self.elsewhere.is_some() { "there " } else { "" };
        format!(
            "{there}`windlass resume {run}` goes on with it, `windlass budget release {run}` counts that as spent"
        )
    }

    /// Counts what it holds: what the journal tells of it exactly, the rest at its bound.
    pub(crate) fn settle(&self, app: &App) -> Result<Vec<Usage>, Error> {
        let store = Store::open(self.holding.state())?;
        Ok(compose::runtime(app, store)?.release(&self.holding.run)?)
    }
}

/// How many attempts were settled, and how many of them at the bound.
pub(crate) fn settled(used: &[Usage]) -> String {
    let bound = used.iter().filter(|used| used.bound).count();
    let attempts = if used.len() == 1 { "1 attempt".into() } else { format!("{} attempts", used.len()) };
    match bound {
        0 => format!("{attempts} settled"),
        all if all == used.len() => format!("{attempts} settled at the bound"),
        some => format!("{attempts} settled, {some} of them at the bound"),
    }
}
