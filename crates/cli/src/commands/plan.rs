//! `windlass plan`: what would be done, without doing anything; and kept in a file, to be applied later.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Value, json};
use windlass_engine::saved::{Predicted, SavedPlan};
use windlass_engine::{Compiled, Request, Unchecked};
use windlass_model::PlanId;
use windlass_model::projection::PlanView;

use super::request::Typed;
use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;
use crate::{compose, drive, render};

/// Shows what a document would do, and does nothing
///
/// The plan lists every task in order and what each of its steps will do. Its digest is the same for the same
/// document, variables and files, wherever and whenever it is made. Below it stands what its expressions ask that only
/// a run knows: applying the plan later cannot compare that. With `--output` or `--detailed-exitcode` each
/// step is asked, in check mode, what it would change as things are now.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass plan workflow.yaml
  windlass plan workflow.yaml -e version=1.4.2 --tags deploy
  windlass plan workflow.yaml --json | jq -r .digest
  windlass plan workflow.yaml -o p.plan           keep it, to look at and to apply later
  windlass plan workflow.yaml --detailed-exitcode; echo $?

Exit status with --detailed-exitcode:
  0    there is nothing to do
  1    something failed: the message says what to do
  2    there is something to do, or only a run can tell
  130  stopped on the way (Ctrl-C, SIGTERM, SIGHUP)")]
pub(crate) struct Args {
    /// The workflow document (YAML or JSON)
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,

    #[command(flatten)]
    typed: Typed,

    /// Keep the plan in this file, for `windlass apply`
    #[arg(short, long, value_name = "PLAN", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,

    /// Say by the exit status whether there is something to do
    #[arg(long)]
    detailed_exitcode: bool,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let request = Request { dry_run: true, ..self.typed.mean(&self.file, app)? };
        if self.output.is_none() && !self.detailed_exitcode {
            let compiled = compose::plan(app, request)?;
            compiled.warnings.iter().for_each(|warning| app.ui.warn(warning));
            self.show(&compiled, None, app)?;
            return Ok(Exit::Done);
        }
        self.asked(request, app).map_err(|error| match error {
            Error::Stopped(signal) if self.detailed_exitcode => Error::Interrupted(signal),
            other => other,
        })
    }

    /// Makes a plan whose steps were asked, and keeps it where that was wanted.
    fn asked(&self, request: Request, app: &App) -> Result<Exit, Error> {
        let made = drive::plan(app, request)?;
        made.compiled.warnings.iter().for_each(|warning| app.ui.warn(warning));
        if let Some(path) = &self.output {
            made.saved.write(path)?;
        }
        self.show(&made.compiled, Some(&made.saved), app)?;
        if let Some(path) = &self.output {
            let path = path.display();
            app.ui.say(&format!("the plan is kept in {path}: `windlass apply {path}` runs it"));
        }
        let noop = made.saved.provenance.observed.is_noop();
        Ok(if self.detailed_exitcode && !noop { Exit::Pending } else { Exit::Done })
    }

    /// Shows the plan with what it does not stand on, and what its steps would do where they were asked.
    fn show(&self, compiled: &Compiled, saved: Option<&SavedPlan>, app: &App) -> Result<(), Error> {
        let observed = saved.map(|saved| &saved.provenance.observed);
        if !app.json {
            let (palette, width) = (app.ui.data, app.ui.data_width());
            let plan = render::plan(&compiled.plan, palette, width);
            let unchecked = render::unchecked(&compiled.unchecked, palette, width);
            let outlook = observed.map(|observed| format!("{}\n", render::outlook(observed, palette)));
            return app.out.text(&format!("{plan}{unchecked}{}", outlook.unwrap_or_default()));
        }
        app.out.json(&Shown {
            plan: PlanView { plan: &compiled.plan, digest: &compiled.plan.digest() },
            unchecked: &compiled.unchecked,
            predicted: observed.map(outlook),
            plan_id: saved.filter(|_| self.output.is_some()).map(|saved| &saved.plan_id),
        })
    }
}

/// A plan with what is known beside it, for programs.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    plan: PlanView<'a>,
    unchecked: &'a [Unchecked],
    #[serde(skip_serializing_if = "Option::is_none")]
    predicted: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan_id: Option<&'a PlanId>,
}

/// How many steps would do what, for programs.
pub(super) fn outlook(observed: &windlass_engine::saved::Observed) -> Value {
    let count = |predicted| observed.count(predicted);
    json!({
        "changed": count(Predicted::Changed),
        "ok": count(Predicted::Ok),
        "skipped": count(Predicted::Skipped),
        "unknown": count(Predicted::Unknown),
    })
}

/// Shows a plan.
pub(super) fn show(plan: &windlass_model::Plan, app: &App) -> Result<(), Error> {
    if app.json {
        return app.out.json(&PlanView { plan, digest: &plan.digest() });
    }
    app.out.text(&render::plan(plan, app.ui.data, app.ui.data_width()))
}
