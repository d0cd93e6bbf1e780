//! `windlass schema`: the JSON schema of documents, for editors.

use clap::ValueEnum;

use crate::app::App;
use crate::compose;
use crate::error::Error;
use crate::exit::Exit;

/// Prints the JSON schema of a kind of document
///
/// Editors that know JSON schemas complete and check documents with it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass schema workflow > workflow.schema.json

  # then, as the first line of a workflow:
  # yaml-language-server: $schema=workflow.schema.json")]
pub(crate) struct Args {
    /// The kind of document
    kind: Kind,
}

/// A kind of document.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Workflows
    Workflow,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let schema = match self.kind {
            Kind::Workflow => compose::workflow_schema()?,
        };
        app.out.json(&schema)?;
        Ok(Exit::Done)
    }
}
