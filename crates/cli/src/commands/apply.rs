//! `windlass apply`: a saved plan becomes a run, once, where it still holds.

use std::path::PathBuf;

use windlass_engine::Document;
use windlass_engine::saved::{Caller, SavedPlan};

use super::hosts;
use crate::app::App;
use crate::drive::{self, InDoubt, Settings};
use crate::error::Error;
use crate::exit::Exit;

/// Runs a plan that `windlass plan -o` kept, if it still holds
///
/// Everything that the plan was made from is looked at again: the document, its variables, the environment and
/// the files that it names, and what its steps find on their hosts. Where something has changed, that is named,
/// and nothing is done. A plan is applied once; `windlass resume` goes on with a run that did not complete.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass plan workflow.yaml -o p.plan
  windlass show p.plan
  windlass apply p.plan
  windlass apply p.plan --document copy/workflow.yaml   where the document lies elsewhere now")]
pub(crate) struct Args {
    /// The file that `windlass plan -o` wrote
    #[arg(value_hint = clap::ValueHint::FilePath)]
    plan: PathBuf,

    /// The document, where it is no longer where it was
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    document: Option<PathBuf>,

    /// Show how texts and files change
    #[arg(long)]
    diff: bool,

    /// What to do with held steps of which it is not known whether they ran
    #[arg(long, value_name = "WHAT")]
    in_doubt: Option<InDoubt>,

    /// Keep how things were on other hosts, for `runs undo`; each step there takes one more question and answer
    #[arg(long)]
    keep: bool,

    /// The run's id, in place of a new one
    #[arg(long, value_name = "RUN")]
    id: Option<String>,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let saved = SavedPlan::read(&self.plan)?;
        saved.provenance.belongs(&app.scope())?;
        let settings = Settings {
            id: self.id.as_deref().map(super::run::run_id).transpose()?,
            in_doubt: self.in_doubt,
            keep: self.keep,
            diff: self.diff,
            ..Settings::default()
        };
        let caller = Caller {
            hosts: hosts::of_plan(&saved, self.document.as_deref(), app)?,
            document: self.document.map(Document::Path),
            env: app.env.clone(),
            diff: self.diff,
            invoker: app.invoker,
        };
        drive::apply(app, &saved, caller, settings)
    }
}
