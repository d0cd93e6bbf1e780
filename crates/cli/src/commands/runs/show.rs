//! `windlass runs show`: one run, with all its tasks and steps.

use windlass_model::RunState;
use windlass_model::projection::{self, RunMeta, RunView};

use crate::app::App;
use crate::compose;
use crate::error::Error;
use crate::exit::Exit;
use crate::render::{costs, counts, failure, steps, tame, tree};

/// Shows a run: its tasks and steps, their states, times and outputs, and what they used
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass runs show latest
  windlass runs show 3fz -v              failed steps with their last lines
  windlass runs show 3fz --json | jq .tasks.build.outputs")]
pub(crate) struct Args {
    /// The run: its id, the beginning of one, or `latest`
    run: String,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let (store, id) = app.find(&self.run)?;
        let (stored, state) = compose::runtime(app, store)?.load(&id)?;
        if app.json {
            let meta = RunMeta::new(id, stored.row.invoker, stored.row.digest);
            let view = RunView { meta: &meta, state: &state };
            if state.spent.is_empty() {
                app.out.json(&view)?;
            } else {
                app.out.json(&WithCosts { view, costs: projection::costs(&state) })?;
            }
            return Ok(Exit::Done);
        }
        let (palette, width) = (app.ui.data, app.ui.data_width());
        let mut text = tree(&state, id.as_str(), palette, width);
        text.push_str(&format!("\n{}\n", counts(&state).line(palette)));
        let used = costs(&projection::costs(&state), palette, width);
        if !used.is_empty() {
            text.push_str(&format!("\n{used}"));
        }
        if app.ui.volume == crate::ui::Volume::Verbose {
            text.push_str(&failures(&state, app));
        }
        if let Some(from) = stored.options.pointer("/imported/run").and_then(|run| run.as_str()) {
            text.push_str(&format!("imported: it was run {}\n", tame(from)));
        }
        app.out.text(&text)?;
        Ok(Exit::Done)
    }
}

/// A run's state with who of it used what.
#[derive(serde::Serialize)]
struct WithCosts<'a> {
    #[serde(flatten)]
    view: RunView<'a>,
    costs: projection::Costs,
}

fn failures(state: &RunState, app: &App) -> String {
    let steps = steps(state).filter(|(_, run)| run.status().is_some_and(|s| !s.is_success()));
    steps.filter_map(|(at, _)| failure(state, at, app.ui.data)).map(|text| format!("\n{text}")).collect()
}
