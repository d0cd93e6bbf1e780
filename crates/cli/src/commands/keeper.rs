//! `windlass keeper`: the process that keeps connections for later runs. Runs start it; nobody has to.

use std::path::PathBuf;

use windlass_model::Code;

use crate::drive;
use crate::error::Error;
use crate::exit::Exit;

/// Keeps connections for later runs (runs start it themselves)
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where runs meet it
    socket: PathBuf,
}

impl Args {
    pub(super) fn run(self) -> Result<Exit, Error> {
        drive::block_on(async {
            let served = windlass_ssh::keep::serve(&self.socket).await;
            served.map_err(|error| Error::told(Code::FileUnusable, error.to_string()))
        })?;
        Ok(Exit::Done)
    }
}
