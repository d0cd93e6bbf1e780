//! `windlass show`: what a saved plan would do, what it was made from, and whether it can still be applied.

use std::path::PathBuf;

use serde_json::json;
use windlass_engine::saved::{Caller, Change, SavedPlan, changes};
use windlass_model::RunId;
use windlass_model::projection::plan_view;
use windlass_store::Store;

use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;
use crate::render::{self, Standing};
use crate::{compose, drive};

/// Shows a plan that `windlass plan -o` kept
///
/// It shows what the plan will do, what it was made from, whether it was applied, and what has changed since in
/// the document, its variables, the environment and its files. What steps find on their hosts is compared when the
/// plan is applied. A plan that was applied, or that no longer holds, is shown all the same.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass show p.plan
  windlass show p.plan --json | jq .stale")]
pub(crate) struct Args {
    /// The file that `windlass plan -o` wrote
    #[arg(value_hint = clap::ValueHint::FilePath)]
    plan: PathBuf,

    /// The document, where it is no longer where it was
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    document: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let saved = SavedPlan::read(&self.plan)?;
        let hosts = super::hosts::of_plan(&saved, self.document.as_deref(), app);
        let document = self.document.map(windlass_engine::Document::Path);
        let caller = |hosts| Caller { document, env: app.env.clone(), hosts, ..Caller::default() };
        let standing = Standing {
            applied: applied(&saved, app).map_err(|error| error.to_string()),
            changes: hosts
                .and_then(|hosts| changed(&saved, caller(hosts), app))
                .map_err(|error| error.to_string()),
        };
        if app.json {
            app.out.json(&view(&saved, &standing))?;
        } else {
            app.out.text(&render::saved(&saved, &standing, app.ui.data, app.ui.data_width()))?;
        }
        Ok(Exit::Done)
    }
}

/// The run that applied the plan.
fn applied(saved: &SavedPlan, app: &App) -> Result<Option<RunId>, Error> {
    saved.provenance.belongs(&app.scope())?;
    let Some(store) = app.existing_store()? else { return Ok(None) };
    Ok(store.claimed(&saved.plan_id)?)
}

/// What has changed since the plan was made.
fn changed(saved: &SavedPlan, caller: Caller, app: &App) -> Result<Vec<Change>, Error> {
    let runtime = compose::runtime(app, Store::memory())?;
    drive::block_on(async { Ok(changes(&runtime, saved, caller).await?) })
}

fn view(saved: &SavedPlan, standing: &Standing) -> serde_json::Value {
    let told = |changes: &Vec<Change>| changes.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "plan_id": saved.plan_id,
        "version": saved.version,
        "created_at": saved.created_at,
        "provenance": saved.provenance,
        "predicted": super::plan::outlook(&saved.provenance.observed),
        "applied_by": standing.applied.as_ref().ok(),
        "stale": standing.changes.as_ref().ok().map(told),
        "plan": plan_view(&saved.plan),
    })
}
