//! `windlass budget release`: counts what a run holds back that nobody goes on with.

use super::waiting;
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
        app.ui.say(&format!("run {id}: {}", waiting::settled(&settled)));
        super::show::Args.run(app)
    }
}
