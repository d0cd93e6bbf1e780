//! What a person sees of a run while it goes on: a live view, plain lines, or only what waits for them.

use std::sync::Arc;

use windlass_engine::{Invoker, Mode, Observer, Run, Watch};

use crate::app::App;
use crate::live::{Clock, Manner, Plain, View};
use crate::signals;
use crate::ui::{Ui, Volume};

/// What a person sees of a run while it goes on.
pub(super) enum Sight {
    /// A region on a terminal.
    Live(View),
    /// Plain lines.
    Plain,
    /// Only what waits for an answer.
    Quiet,
}

fn manner(app: &App, mode: Mode, marks: bool) -> Manner {
    Manner {
        palette: app.ui.palette,
        marks,
        diff: mode.diff,
        output: app.ui.volume == Volume::Verbose,
        blocked: app.ui.volume == Volume::Verbose,
        asks: marks && app.ui.asks,
        run: String::new(),
    }
}

impl Sight {
    pub(super) fn open(app: &App, mode: Mode) -> Self {
        match app.ui.volume {
            Volume::Quiet => Sight::Quiet,
            _ if app.ui.draws && app.invoker == Invoker::Local => {
                Sight::Live(View::open(app.ui.screen.clone(), manner(app, mode, true)))
            }
            _ => Sight::Plain,
        }
    }

    /// What is seen of a run that is over, drawn only where `draws`. Nobody is asked: it has all answers.
    pub(super) fn replay(app: &App, mode: Mode, draws: bool, clock: Clock) -> Self {
        match app.ui.volume {
            Volume::Quiet => Sight::Quiet,
            _ if draws && app.ui.draws && app.invoker == Invoker::Local => {
                let manner = Manner { asks: false, ..manner(app, mode, true) };
                Sight::Live(View::by_clock(app.ui.screen.clone(), manner, clock))
            }
            _ => Sight::Plain,
        }
    }

    pub(super) fn observer(&self, app: &App, mode: Mode) -> Option<Box<dyn Observer>> {
        match self {
            Sight::Live(view) => Some(Box::new(view.clone())),
            Sight::Plain => Some(Box::new(Plain::new(app.ui.clone(), manner(app, mode, false)))),
            Sight::Quiet => Some(Box::new(Plain::questions(app.ui.clone(), manner(app, mode, false)))),
        }
    }

    pub(super) fn watch(&self) -> Option<Arc<dyn Watch>> {
        match self {
            Sight::Live(view) => Some(Arc::new(view.clone())),
            Sight::Plain | Sight::Quiet => None,
        }
    }

    /// Where the answers of the person at the terminal go.
    pub(super) fn answers(&self, run: &Run, by: String) {
        if let Sight::Live(view) = self {
            let run = run.clone();
            view.answer(Box::new(move |at, approved| run.answer(at, approved, &by, "")));
        }
    }

    /// Stops this process, with the terminal as it was, until somebody says to go on. A view says why it is gone.
    pub(super) fn pause(&self, ui: &Ui, said: &str) {
        let Sight::Live(view) = self else { return signals::pause() };
        view.pause();
        ui.complain(said);
        signals::pause();
        view.go_on();
    }

    pub(super) fn close(&self) {
        if let Sight::Live(view) = self {
            view.close();
        }
    }
}
