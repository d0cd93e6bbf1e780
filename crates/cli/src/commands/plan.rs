//! `windlass plan`: what would be done, without doing anything.

use std::path::PathBuf;

use windlass_model::projection::PlanView;

use super::request::Typed;
use crate::app::App;
use crate::compose;
use crate::error::Error;
use crate::exit::Exit;
use crate::render;

/// Shows what a document would do, and does nothing
///
/// The plan lists every task in order and what each of its steps will do. Its digest is the same for the same
/// document, variables and files, wherever and whenever it is made.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass plan workflow.yaml
  windlass plan workflow.yaml -e version=1.4.2 --tags deploy
  windlass plan workflow.yaml --json | jq -r .digest")]
pub(crate) struct Args {
    /// The workflow document (YAML or JSON)
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,

    #[command(flatten)]
    typed: Typed,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let request = windlass_engine::Request { dry_run: true, ..self.typed.mean(&self.file, app)? };
        let compiled = compose::plan(app, request)?;
        compiled.warnings.iter().for_each(|warning| app.ui.warn(warning));
        show(&compiled.plan, app)?;
        Ok(Exit::Done)
    }
}

/// Shows a plan.
pub(super) fn show(plan: &windlass_model::Plan, app: &App) -> Result<(), Error> {
    if app.json {
        return app.out.json(&PlanView { plan, digest: &plan.digest() });
    }
    app.out.text(&render::plan(plan, app.ui.data, app.ui.data_width()))
}
