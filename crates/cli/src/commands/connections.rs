//! `windlass connections`: what is kept open between runs, and an end to it.

use windlass_model::Code;
use windlass_ssh::keep::{self, Connection};

use crate::app::App;
use crate::drive;
use crate::error::Error;
use crate::exit::Exit;
use crate::keeping;
use crate::render::{Grid, Tone, tame};

/// Shows the connections to hosts that are kept for later runs, or ends them
///
/// With `ssh: { persist: 10m }` in the project's `windlass.yaml`, or WINDLASS_SSH_PERSIST=10m, a small process of the
/// user's own keeps connections to hosts for so long after their last use, and a gate on each that is ready for the
/// next run. Another run with the same user, keys and configuration takes them. The process ends with the last of
/// them.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass connections                 what is there, and for how long
  windlass connections --close         end all of them
  windlass connections --close web1    end those to this address")]
pub(crate) struct Args {
    /// End them; what still runs on them loses its host
    #[arg(long)]
    close: bool,

    /// Only these: an address, or `user@address:port`
    #[arg(value_name = "HOST", requires = "close")]
    hosts: Vec<String>,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let Some(folder) = keeping::folder(app) else { return self.show(&[], app) };
        let failed = |error: windlass_ssh::Error| Error::told(Code::FileUnusable, error.to_string());
        if !self.close {
            let list = drive::block_on(async { keep::connections(&folder).await.map_err(failed) })?;
            return self.show(&list, app);
        }
        let ended = drive::block_on(async { keep::end(&folder, &self.hosts).await.map_err(failed) })?;
        match app.json {
            true => app.out.json(&serde_json::json!({ "closed": ended }))?,
            false => app.out.text(&format!("{ended} closed\n"))?,
        }
        Ok(Exit::Done)
    }

    fn show(&self, list: &[Connection], app: &App) -> Result<Exit, Error> {
        if app.json {
            app.out.json(&list)?;
            return Ok(Exit::Done);
        }
        let palette = app.ui.data;
        let mut grid = Grid::new(&["CONNECTION", "USED", "AGE", "ENDS"]);
        for one in list {
            let ends = match one.left_s {
                Some(left) => format!("in {left} s"),
                None => palette.paint(Tone::Good, "in use"),
            };
            grid.row([tame(&one.to), one.uses.to_string(), format!("{} s", one.age_s), ends]);
        }
        app.out.block(&grid.show(palette, app.ui.data_width()))?;
        Ok(Exit::Done)
    }
}
