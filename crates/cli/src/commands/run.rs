//! `windlass run`: a document becomes a run, which is watched to its end.

use std::path::PathBuf;

use windlass_engine::Request;
use windlass_model::{Code, RunId};

use super::request::Typed;
use crate::app::App;
use crate::drive::{self, InDoubt, Settings};
use crate::error::Error;
use crate::exit::Exit;
use crate::{commands, compose};

/// Runs a document, and shows how it goes
///
/// Tasks run as soon as what they need is done. Every step is written down before and after it runs, so that a
/// run that failed, was stopped or was cut off goes on with `windlass resume`. Ctrl-C stops at a safe point, a
/// second one ends the running steps, a third one ends the program at once.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass run workflow.yaml
  windlass run workflow.yaml -e version=1.4.2 -e @production.yaml
  windlass run workflow.yaml --dry-run          show the plan, run nothing
  windlass run workflow.yaml --check --diff     say what would change, and how
  windlass run workflow.yaml --tags deploy --from config
  windlass run workflow.yaml --json > run.json  one JSON document: the run's state
  windlass run workflow.yaml --events           events as JSON lines, while they happen")]
pub(crate) struct Args {
    /// The workflow document (YAML or JSON)
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,

    #[command(flatten)]
    typed: Typed,

    /// Show the plan and stop
    #[arg(long, conflicts_with = "check")]
    dry_run: bool,

    /// Say what would change, and change nothing
    #[arg(long)]
    check: bool,

    /// Show how texts and files change
    #[arg(long)]
    diff: bool,

    /// End the run at the first failure
    #[arg(long)]
    fail_fast: bool,

    /// How many steps run at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_parallelism: Option<u32>,

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
        let request = self.mean(app)?;
        if request.dry_run {
            let compiled = compose::plan(app, request)?;
            compiled.warnings.iter().for_each(|warning| app.ui.warn(warning));
            commands::plan::show(&compiled.plan, app)?;
            return Ok(Exit::Done);
        }
        let settings = Settings {
            id: self.id.as_deref().map(run_id).transpose()?,
            in_doubt: self.in_doubt,
            keep: self.keep,
            diff: self.diff,
            ..Settings::default()
        };
        drive::start(app, request, settings)
    }

    fn mean(&self, app: &App) -> Result<Request, Error> {
        Ok(Request {
            dry_run: self.dry_run,
            check: self.check,
            diff: self.diff,
            fail_fast: self.fail_fast.then_some(true),
            max_parallelism: self.max_parallelism,
            ..self.typed.mean(&self.file, app)?
        })
    }
}

pub(super) fn run_id(text: &str) -> Result<RunId, Error> {
    let reserved = |id: RunId| {
        if id.as_str() == "latest" { Err("this word stands for the newest run".into()) } else { Ok(id) }
    };
    let id = RunId::new(text).map_err(|error| error.to_string()).and_then(reserved);
    id.map_err(|why: String| Error::told(Code::BadArgument, format!("{text:?} cannot be a run's id: {why}")))
}
