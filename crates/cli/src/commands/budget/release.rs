//! `windlass budget release`: counts what a run holds back that nobody goes on with.

use windlass_model::Usage;

use crate::app::App;
use crate::compose;
use crate::error::Error;
use crate::exit::Exit;

/// Counts what a run holds back that nobody goes on with
///
/// A run that died, or that was interrupted, holds back what its steps may have spent until it is resumed, because nobody
/// knows what they did spend. This counts it as spent: what the journal tells of it exactly, the rest at its bound. The
/// run can be resumed all the same, and asks the budgets anew then.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass budget release latest
  windlass budget release 3fz")]
pub(crate) struct Args {
    /// The run: its id, the beginning of one, or `latest`
    run: String,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let (store, id) = app.find(&self.run)?;
        let settled = compose::runtime(app, store)?.release(&id)?;
        let bound = settled.iter().filter(|used| used.bound).count();
        app.ui.say(&format!("run {id}: {} settled{}", steps(settled.len()), of_bound(&settled, bound)));
        super::show::Args.run(app)
    }
}

fn of_bound(settled: &[Usage], bound: usize) -> String {
    match bound {
        0 => String::new(),
        all if all == settled.len() => " at the bound".into(),
        some => format!(", {some} of them at the bound"),
    }
}

fn steps(count: usize) -> String {
    if count == 1 { "1 attempt".into() } else { format!("{count} attempts") }
}
