//! `windlass runs export`: writes a run to one file.

use std::path::PathBuf;

use serde_json::json;
use windlass_model::Code;

use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;
use crate::render::now;
use crate::sink;

/// Writes a run to one file, to look at it elsewhere
///
/// The file has the plan, every event and the outputs that were kept, from which secrets were taken when they
/// were captured, and a checksum over all of it. It has neither the files that the run stood on nor what an undo
/// would put back. A run that goes on is written as it is now.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass runs export latest -o release.run
  windlass runs export 3fz | ssh ops windlass runs import -")]
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
        let file = self.output.as_deref();
        if (app.json || app.events) && sink::is_stdout(file) {
            let message = "the run's file cannot go to standard output beside anything else";
            return Err(Error::told(Code::BadArgument, message).hint("name a file with `-o`"));
        }
        let Some(told) = sink::write(file, app, |to| Ok(store.export(&id, now(), to)?))? else {
            return Ok(Exit::Done);
        };
        if app.json {
            app.out.json(&json!({
                "run_id": id,
                "file": file,
                "state": told.status.word(),
                "records": told.records,
                "outputs": told.outputs,
                "lost": told.lost,
                "bytes": told.bytes,
            }))?;
        }
        if told.lost > 0 {
            app.ui.warn(&format!("{} outputs are not in the store any more", told.lost));
        }
        let (records, outputs, bytes) = (told.records, told.outputs, told.bytes);
        app.ui.say(&format!("wrote run {id}: {records} records, {outputs} outputs, {bytes} bytes"));
        Ok(Exit::Done)
    }
}
