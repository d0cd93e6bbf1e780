//! `windlass runs backup`: copies all runs while others go on.

use std::path::PathBuf;

use serde_json::json;

use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;

/// Copies all runs into a new folder, while others go on
///
/// The copy is what was durable at one moment: every run with its plan, events and kept outputs, and what the project's
/// budget may spend and has spent (those of keys, days and months belong to the user, and are not in it). It is a state
/// folder itself: to restore it, move it to where `windlass doctor` says that the state lies.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass runs backup /backup/windlass-monday")]
pub(crate) struct Args {
    /// The folder, which must not be there yet
    #[arg(value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let made = app.store()?.backup(&app.folder.join(&self.folder))?;
        if app.json {
            app.out.json(&json!({
                "folder": self.folder,
                "runs": made.runs,
                "contents": made.contents,
                "lost": made.lost,
                "bytes": made.bytes,
            }))?;
        }
        if made.lost > 0 {
            app.ui.warn(&format!("{} contents are not in the store any more", made.lost));
        }
        let place = self.folder.display();
        app.ui.say(&format!("copied {} runs to {place}, {} bytes", made.runs, made.bytes));
        Ok(Exit::Done)
    }
}
