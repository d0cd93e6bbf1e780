//! How a run went: for programs as one document, for people as a summary.

use windlass_engine::Mode;
use windlass_model::RunState;
use windlass_model::projection::{RunMeta, RunView};

use crate::app::App;
use crate::args::Level;
use crate::error::Error;
use crate::exit::Exit;
use crate::render::{Ending, summary};
use crate::ui::Volume;

/// Above so many steps a failure has scrolled away by the end, and is shown again.
const SCROLLED: usize = 25;

/// Says how a run of this store went.
pub(super) fn report(app: &App, meta: &RunMeta, state: &RunState, mode: Mode) -> Result<(), Error> {
    report_of(app, meta, state, mode, false)
}

/// Says how it went: for programs as one document, for people as a summary.
pub(super) fn report_of(
    app: &App,
    meta: &RunMeta,
    state: &RunState,
    mode: Mode,
    imported: bool,
) -> Result<(), Error> {
    app.ui.log(Level::Info, "run ended", &[("run", &meta.run_id), ("state", &state.status.word())]);
    if app.json {
        app.out.json(&RunView { meta, state })?;
    }
    let data = !app.json && !app.events;
    let palette = if data { app.ui.data } else { app.ui.palette };
    let quiet = app.ui.volume == Volume::Quiet;
    let failures = quiet || state.steps.len() > SCROLLED;
    let ending =
        Ending { id: meta.run_id.as_str(), imported, check: mode.check, failures, folder: &app.folder };
    let text = summary(state, &ending, palette);
    match (quiet, Exit::of(state.status)) {
        (true, Exit::Done) => Ok(()),
        (true, _) => {
            app.ui.complain(&text);
            Ok(())
        }
        (false, _) if data => app.out.block(&text),
        (false, _) => {
            app.ui.say(&text);
            Ok(())
        }
    }
}
