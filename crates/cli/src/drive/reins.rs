//! The run that goes on, held by whoever hears the signals.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use windlass_engine::{Run, Stop};

use super::sight::Sight;
use crate::app::App;
use crate::args::Level;
use crate::error::Error;
use crate::exit::Exit;
use crate::signals::{self, Asked, Signals};
use crate::ui::Ui;

/// How long the third signal waits for the terminal.
const LEAVE: Duration = Duration::from_millis(300);

/// The run that goes on, and what is seen of it: shared by who started it and who hears the signals.
#[derive(Clone, Default)]
pub(super) struct Reins(Arc<Mutex<(Option<Run>, Option<Sight>)>>);

impl Reins {
    fn lock(&self) -> MutexGuard<'_, (Option<Run>, Option<Sight>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn see(&self, sight: Sight) {
        self.lock().1 = Some(sight);
    }

    pub(super) fn hold(&self, app: &App, run: Run) {
        app.ui.log(Level::Info, "run started", &[("run", run.id())]);
        let mut held = self.lock();
        if let Some(sight) = &held.1 {
            sight.answers(&run, app.person());
        }
        held.0 = Some(run);
    }

    pub(super) fn take(&self, app: &App, run: Run, sight: Sight) {
        self.see(sight);
        self.hold(app, run);
    }

    pub(super) fn run(&self) -> Option<Run> {
        self.lock().0.clone()
    }

    pub(super) fn close(&self) {
        if let Some(sight) = &self.lock().1 {
            sight.close();
        }
    }

    /// The first signal stops at a safe point, the second ends what runs, the third ends the process.
    fn stop(&self, run: &Run, signal: &str, count: u32, ui: &Ui) {
        let how = match count {
            1 => Stop::Drain,
            2 => Stop::Cancel,
            _ => self.leave(),
        };
        run.stop(how, signal);
        let waits = match how {
            Stop::Drain => "stopping: running steps may finish; a second signal (Ctrl-C) ends them",
            Stop::Cancel => "ending running steps; a third signal (Ctrl-C) ends the program at once",
        };
        match &self.lock().1 {
            Some(Sight::Live(view)) => view.stop(waits),
            _ => {
                // Whoever reads standard error may have stopped reading: the next signal must be heard.
                let ui = ui.clone();
                std::thread::spawn(move || ui.complain(waits));
            }
        }
    }

    /// Stops this process, with the terminal as it was, until somebody says to go on. What steps began goes on: their
    /// processes are no part of the terminal's job.
    fn pause(&self, ui: &Ui) {
        const SAID: &str = "stopped: running steps go on, nothing new begins; `fg` goes on with the run";
        match &self.lock().1 {
            Some(sight) => sight.pause(ui, SAID),
            None => signals::pause(),
        }
    }

    /// Ends the process at once, with the terminal as it was, unless that hangs too.
    fn leave(&self) -> ! {
        let reins = self.clone();
        let (tell, closed) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            reins.close();
            tell.send(())
        });
        let _ = closed.recv_timeout(LEAVE);
        std::process::exit(Exit::Stopped.status().into());
    }
}

/// Waits for the end of the work, and passes signals on to the run. Before there is a run a signal ends the
/// work: letting go of it takes back what it made so far.
pub(super) async fn watched<T>(
    app: &App,
    work: impl Future<Output = Result<T, windlass_engine::Error>>,
    reins: &Reins,
    signals: &mut Signals,
) -> Result<T, Error> {
    let mut work = std::pin::pin!(work);
    let mut count = 0;
    loop {
        tokio::select! {
            ended = &mut work => return Ok(ended?),
            signal = signals.next() => match (signal, reins.run()) {
                (Asked::Pause, _) => reins.pause(&app.ui),
                (Asked::End(signal), None) => return Err(Error::Stopped(signal)),
                (Asked::End(signal), Some(run)) => {
                    count += 1;
                    app.ui.log(Level::Info, "signal", &[("signal", &signal), ("count", &count)]);
                    reins.stop(&run, signal, count, &app.ui);
                }
            },
        }
    }
}
