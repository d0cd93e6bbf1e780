//! `windlass runs import`: takes in a run that was exported.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::json;
use windlass_store::Import;

use crate::app::App;
use crate::commands::run::run_id;
use crate::error::Error;
use crate::exit::Exit;
use crate::render::now;

/// Takes in a run that was exported, to show and replay it
///
/// The file is checked to its end before anything of it is kept. The run is marked as imported: what it stood on
/// is elsewhere, so nobody can go on with it here.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass runs import release.run
  windlass runs import release.run --as release-of-monday
  zcat release.run.gz | windlass runs import -")]
pub(crate) struct Args {
    /// The file that `windlass runs export` wrote; `-` is standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,

    /// The run's id here, in place of that in the file
    #[arg(long = "as", value_name = "RUN")]
    name: Option<String>,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let name = self.name.as_deref().map(run_id).transpose()?;
        let how = Import { name, now: now(), ..Import::default() };
        let taken = if self.file == Path::new("-") {
            app.store()?.import(&mut std::io::stdin().lock(), &how)?
        } else {
            let mut file = File::open(&self.file).map_err(Error::file(&self.file))?;
            app.store()?.import(&mut file, &how)?
        };
        if app.json {
            app.out.json(&json!({
                "run_id": taken.id,
                "was": taken.was,
                "state": taken.status.word(),
                "records": taken.records,
                "outputs": taken.outputs,
                "lost": taken.lost,
            }))?;
        } else {
            app.out.block(taken.id.as_str())?;
        }
        if taken.lost > 0 {
            app.ui.warn(&format!("{} outputs were lost before, or have no room here", taken.lost));
        }
        let (id, state) = (&taken.id, taken.status.word());
        app.ui.say(&format!("took in run {id}, which is {state}, with {} records", taken.records));
        Ok(Exit::Done)
    }
}
