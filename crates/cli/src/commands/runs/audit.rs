//! `windlass runs audit`: who asked which model what, and for how much.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use windlass_model::projection::{Audit, RunMeta};
use windlass_model::{Plan, Record};
use windlass_store::{Store, StoredRun};

use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;
use crate::sink;

/// Writes who asked which language model what, with which context, and for how much
///
/// One line of JSON for every attempt that cost something or that a model was part of, out of the journal: the model
/// and its provider, what of the context was sent and what was left out, every request and every call of a tool,
/// tokens and money. A step that asks several times has a line for each request, reply and call of a tool on the way
/// (`noted`); what nobody lived to tell counts at its bound (`orphaned`). No amount is told twice: the sum over all
/// lines is what the run used. `request` is the hash of what was asked, `asked` names the content in the store that has it.
/// Secrets are in none of it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass runs audit latest
  windlass runs audit 3fz -o audit.jsonl
  windlass runs audit latest | jq -s 'map(.usage.cost.amount) | add'")]
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
        sink::write(self.output.as_deref(), app, |to| write(&store, &stored, plan, to))?;
        Ok(Exit::Done)
    }
}

fn write(store: &Store, stored: &StoredRun, plan: Plan, to: &mut dyn Write) -> Result<(), Error> {
    let row = &stored.row;
    let meta = RunMeta::new(row.id.clone(), &row.invoker, row.digest.clone());
    let mut audit = Audit::new(meta, Arc::new(plan));
    let mut written = Ok(());
    store.visit(&row.id, 1, &mut |records| {
        written = records.iter().try_for_each(|record| line(&mut audit, record, to));
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written
}

fn line(audit: &mut Audit, record: &Record, to: &mut dyn Write) -> Result<(), Error> {
    let lines = audit.lines(record).map_err(|illegal| {
        let message = format!("the journal contradicts itself: {illegal}");
        windlass_engine::Error::Panic(message)
    })?;
    lines.iter().try_for_each(|line| writeln!(to, "{line}").map_err(Error::Output))
}
