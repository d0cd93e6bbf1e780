//! `windlass runs abort`: ends a run for good.

use std::time::{Duration, Instant};

use serde_json::json;
use windlass_engine::{Command, RunOptions};
use windlass_model::{Code, RunId, RunStatus};
use windlass_store::Store;

use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;
use crate::{compose, drive};

/// How long the end of a run that another process drives is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// Ends a run for good: it cannot be resumed
///
/// Running steps are ended, what always runs is run, and what was registered for cleanup is taken back.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass runs abort latest
  windlass runs abort 3fz")]
pub(crate) struct Args {
    /// The run: its id, the beginning of one, or `latest`
    run: String,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let (store, id) = app.find(&self.run)?;
        match store.run(&id)?.row.status {
            RunStatus::Aborted => {}
            RunStatus::Completed => {
                let message = format!("run {id} is completed: there is nothing to abort");
                return Err(Error::told(Code::RunOver, message));
            }
            _ if store.is_driven(&id) => tell(&store, &id, app)?,
            _ => end(store, &id, app)?,
        }
        if app.json {
            app.out.json(&json!({ "run_id": id, "state": "aborted" }))?;
        } else {
            app.ui.say(&format!("run {id} is aborted"));
        }
        Ok(Exit::Done)
    }
}

/// Another process drives it: that one is told, and its end is waited for.
fn tell(store: &Store, id: &RunId, app: &App) -> Result<(), Error> {
    compose::runtime(app, store.clone())?.post(id, &Command::Abort { by: app.person() })?;
    let until = Instant::now() + PATIENCE;
    while store.is_driven(id) {
        if Instant::now() > until {
            let message = format!("run {id} was told to end, and has not ended yet");
            return Err(
                Error::told(Code::RunBusy, message).hint(format!("look with `windlass runs show {id}`"))
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Nobody drives it: it is taken up only to be ended.
fn end(store: Store, id: &RunId, app: &App) -> Result<(), Error> {
    let runtime = compose::runtime(app, store)?;
    drive::block_on(async {
        let options =
            RunOptions { commands: vec![Command::Abort { by: app.person() }], ..RunOptions::default() };
        runtime.resume(id, options)?.wait().await?;
        Ok(())
    })
}
