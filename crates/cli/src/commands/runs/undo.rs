//! `windlass runs undo`: takes back what a finished run did.

use crate::app::App;
use crate::compose;
use crate::drive::{self, Settings};
use crate::error::Error;
use crate::exit::Exit;

/// Takes back what a finished run did, the last step first
///
/// Files get back their content, mode and owner, links lead where they led, and what was created is removed.
/// Where a step changed something that cannot be taken back, such as a command, it is named and nothing is
/// touched. A run that was taken back is aborted: it does not go on. An undo that is interrupted goes on with
/// `windlass resume`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass runs undo latest
  windlass runs undo 3fz --force         all but what cannot be taken back")]
pub(crate) struct Args {
    /// The run: its id, the beginning of one, or `latest`
    run: String,

    /// Take back the rest where some steps cannot be
    #[arg(long)]
    force: bool,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let (store, id) = app.find(&self.run)?;
        drive::undo(app, &compose::runtime(app, store)?, &id, self.force, Settings::default())
    }
}
