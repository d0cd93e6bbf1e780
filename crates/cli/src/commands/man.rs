//! `windlass man`: the manual's pages, for who packs the program.

use std::path::PathBuf;

use clap::CommandFactory;

use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;

/// Writes the manual's pages, one for each command
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(crate) struct Args {
    /// The folder that they are put into
    folder: PathBuf,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let folder = app.folder.join(&self.folder);
        clap_mangen::generate_to(crate::args::Args::command(), &folder).map_err(Error::file(folder))?;
        Ok(Exit::Done)
    }
}
