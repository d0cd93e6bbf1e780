//! `windlass runs trace`: a run as a trace for Perfetto.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

use serde_json::Value;
use windlass_model::projection::{RunMeta, Trace};
use windlass_model::{Code, Plan};
use windlass_store::{Store, StoredRun};

use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;
use crate::sink;

/// Writes how a run spent its time, as a trace for Perfetto
///
/// <https://ui.perfetto.dev> shows it, and so does `chrome://tracing`. Each task has a track, for several hosts
/// one for each; on it lie the task, its loops, and every attempt at a step with what came of it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass runs trace latest -o trace.json
  windlass runs trace 3fz | jq '[.[] | select(.ph == \"B\")] | length'")]
pub(crate) struct Args {
    /// The run: its id, the beginning of one, or `latest`
    run: String,

    /// The file, in place of standard output
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let (store, id) = app.find(&self.run)?;
        let stored = store.run(&id)?;
        let plan = Plan::from_bytes(&stored.plan_bytes).map_err(windlass_engine::Error::from)?;
        let file = self.output.as_deref();
        if app.events && sink::is_stdout(file) {
            let message = "a trace cannot go to standard output beside events";
            return Err(Error::told(Code::BadArgument, message).hint("name a file with `-o`"));
        }
        let told = sink::write(file, app, |to| write(&store, &stored, &plan, to))?;
        if told.is_some() && !sink::is_stdout(file) {
            app.ui.say(&format!("wrote the trace of run {id}: open it at https://ui.perfetto.dev"));
        }
        Ok(Exit::Done)
    }
}

/// Writes a JSON array with one event on each line.
fn write(store: &Store, stored: &StoredRun, plan: &Plan, to: &mut dyn Write) -> Result<(), Error> {
    let row = &stored.row;
    let meta = RunMeta::new(row.id.clone(), &row.invoker, row.digest.clone());
    let mut trace = Trace::new(&meta, plan);
    let mut before = "[\n";
    let mut put = |events: Vec<Value>| -> Result<(), Error> {
        for event in events {
            write!(to, "{before}{event}").map_err(Error::Output)?;
            before = ",\n";
        }
        Ok(())
    };
    put(trace.take())?;
    let mut written = Ok(());
    store.visit(&row.id, 1, &mut |records| {
        records.iter().for_each(|record| trace.record(record));
        written = put(trace.take());
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written?;
    trace.end();
    put(trace.take())?;
    to.write_all(b"\n]\n").map_err(Error::Output)
}
