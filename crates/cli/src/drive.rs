//! A run from its start to its end, as a person at the command line has it: watched, stopped, summed up.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::ValueEnum;
use windlass_engine::lifecycle::{self, Report};
use windlass_engine::{
    CleanupReport, Command, Compiled, Invoker, Mode, Observer, Request, Run, RunOptions, Runtime, Secrets,
    Stop, Watch,
};
use windlass_model::projection::{RunMeta, RunView};
use windlass_model::{Record, RunId, RunState, Verdict};
use windlass_store::{Store, artifacts};

use crate::app::App;
use crate::args::Level;
use crate::compose;
use crate::error::Error;
use crate::exit::Exit;
use crate::live::{Events, Manner, Plain, View};
use crate::render::{Ending, step_name, summary};
use crate::signals::Signals;
use crate::ui::{Ui, Volume};

/// What to do with held steps of which it is not known whether they ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InDoubt {
    /// Run them again
    Rerun,
    /// Take them as done
    Skip,
    /// Take them as failed
    Fail,
}

impl From<InDoubt> for Verdict {
    fn from(what: InDoubt) -> Self {
        match what {
            InDoubt::Rerun => Verdict::Rerun,
            InDoubt::Skip => Verdict::Skip,
            InDoubt::Fail => Verdict::Fail,
        }
    }
}

/// How a run is driven.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) id: Option<RunId>,
    pub(crate) in_doubt: Option<InDoubt>,
    /// What the run is told before anything else.
    pub(crate) commands: Vec<Command>,
    pub(crate) diff: bool,
}

/// Above so many steps a failure has scrolled away by the end, and is shown again.
const SCROLLED: usize = 25;

/// Does asynchronous work to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Threads)?;
    threads.block_on(work)
}

/// Plans what was asked for, and runs it.
pub(crate) fn start(app: &App, request: Request, settings: Settings) -> Result<Exit, Error> {
    // A run that changes nothing leaves nothing behind.
    let store = if request.check { Store::memory() } else { app.store()? };
    let runtime = compose::runtime(store)?;
    let mode = Mode { check: request.check, diff: request.diff };
    block_on(async {
        let mut signals = Signals::listen().map_err(Error::Threads)?;
        let reins = Reins::default();
        let mut show =
            Show { app, store: runtime.store(), mode, settings, reins: reins.clone(), failed: None };
        let work = lifecycle::run(&runtime, request, &mut show);
        let ended = watched(app, work, &reins, &mut signals).await?;
        if let Some(error) = show.failed {
            return Err(error);
        }
        Ok(ended.outcome?.map_or(Exit::Done, |finished| Exit::of(finished.state.status)))
    })
}

/// Goes on with a run.
pub(crate) fn resume(app: &App, runtime: &Runtime, id: &RunId, settings: Settings) -> Result<Exit, Error> {
    let (stored, state) = runtime.load(id)?;
    let secrets = Secrets::resolve(&state.plan().secrets, &app.env, &stored.root)?;
    let mode = Mode { check: false, diff: settings.diff };
    block_on(async {
        let mut signals = Signals::listen().map_err(Error::Threads)?;
        let reins = Reins::default();
        let sight = Sight::open(app, mode);
        let options = RunOptions {
            secrets: Arc::new(secrets),
            ..options(app, runtime.store(), settings, mode, &sight)
        };
        let run = runtime.resume(id, options).inspect_err(|_| sight.close())?;
        reins.take(app, run.clone(), sight);
        let finished = watched(app, run.wait(), &reins, &mut signals).await;
        reins.close();
        let finished = finished?;
        report(app, run.id(), &finished.state, mode)?;
        Ok(Exit::of(finished.state.status))
    })
}

/// What the command line says on a request's way through its phases.
struct Show<'a> {
    app: &'a App,
    store: &'a Store,
    mode: Mode,
    settings: Settings,
    reins: Reins,
    failed: Option<Error>,
}

impl lifecycle::Hooks for Show<'_> {
    fn planned(&mut self, compiled: &Compiled) {
        compiled.warnings.iter().for_each(|warning| self.app.ui.warn(warning));
        self.app.ui.log(Level::Info, "planned", &[("digest", &compiled.plan.digest().as_str())]);
    }

    fn options(&mut self, _: &Compiled) -> RunOptions {
        let settings = std::mem::take(&mut self.settings);
        let sight = Sight::open(self.app, self.mode);
        let options = options(self.app, self.store, settings, self.mode, &sight);
        self.reins.see(sight);
        options
    }

    fn started(&mut self, run: &Run) {
        self.reins.hold(self.app, run.clone());
    }

    fn report(&mut self, told: &Report<'_>) -> Result<(), windlass_engine::Error> {
        self.reins.close();
        if let (Some(run), Some(finished)) = (self.reins.run(), told.finished) {
            self.failed = report(self.app, run.id(), &finished.state, self.mode).err();
        }
        Ok(())
    }

    fn cleaned(&mut self, cleanup: &CleanupReport) {
        self.reins.close();
        if let Some(failure) = cleanup.failure() {
            self.app.ui.warn(&format!("{} [{}]", failure.message, failure.code));
        }
    }
}

/// The run that goes on, and what is seen of it: shared by who started it and who hears the signals.
#[derive(Clone, Default)]
struct Reins(Arc<Mutex<(Option<Run>, Option<Sight>)>>);

impl Reins {
    fn lock(&self) -> MutexGuard<'_, (Option<Run>, Option<Sight>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see(&self, sight: Sight) {
        self.lock().1 = Some(sight);
    }

    fn hold(&self, app: &App, run: Run) {
        app.ui.log(Level::Info, "run started", &[("run", run.id())]);
        let mut held = self.lock();
        if let Some(sight) = &held.1 {
            sight.answers(&run, app.person());
        }
        held.0 = Some(run);
    }

    fn take(&self, app: &App, run: Run, sight: Sight) {
        self.see(sight);
        self.hold(app, run);
    }

    fn run(&self) -> Option<Run> {
        self.lock().0.clone()
    }

    fn close(&self) {
        if let Some(sight) = &self.lock().1 {
            sight.close();
        }
    }

    /// The first signal stops at a safe point, the second ends what runs, the third ends the process.
    fn stop(&self, run: &Run, signal: &str, count: u32, ui: &Ui) {
        let how = if count == 1 { Stop::Drain } else { Stop::Cancel };
        if count > 2 {
            self.close();
            std::process::exit(Exit::Stopped.status().into());
        }
        run.stop(how, signal);
        let waits = match how {
            Stop::Drain => "stopping: running steps may finish; a second signal (Ctrl-C) ends them",
            Stop::Cancel => "ending running steps; a third signal (Ctrl-C) ends the program at once",
        };
        match &self.lock().1 {
            Some(Sight::Live(view)) => view.stop(waits),
            _ => ui.complain(waits),
        }
    }
}

/// Waits for the end of the work, and passes signals on to the run. Before there is a run a signal ends the
/// work: letting go of it takes back what it made so far.
async fn watched<T>(
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
            signal = signals.next() => match reins.run() {
                None => return Err(Error::Stopped(signal)),
                Some(run) => {
                    count += 1;
                    app.ui.log(Level::Info, "signal", &[("signal", &signal), ("count", &count)]);
                    reins.stop(&run, signal, count, &app.ui);
                }
            },
        }
    }
}

fn options(app: &App, store: &Store, settings: Settings, mode: Mode, sight: &Sight) -> RunOptions {
    let mut observers: Vec<Box<dyn Observer>> =
        vec![Box::new(Artifacts { store: store.clone(), writer: None, ui: app.ui.clone() })];
    if app.events {
        observers.push(Box::new(Events::new(app.out.clone())));
    }
    observers.extend(sight.observer(app, mode));
    RunOptions {
        id: settings.id,
        invoker: app.invoker,
        mode,
        observers,
        watch: sight.watch(),
        in_doubt: settings.in_doubt.map(Into::into),
        commands: settings.commands,
        ..RunOptions::default()
    }
}

/// What a person sees of a run while it goes on.
enum Sight {
    /// A region on a terminal.
    Live(View),
    /// Plain lines.
    Plain,
    /// Nothing.
    None,
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
    fn open(app: &App, mode: Mode) -> Self {
        match app.ui.volume {
            Volume::Quiet => Sight::None,
            _ if app.ui.draws && app.invoker == Invoker::Local => {
                Sight::Live(View::open(app.ui.screen.clone(), manner(app, mode, true)))
            }
            _ => Sight::Plain,
        }
    }

    fn observer(&self, app: &App, mode: Mode) -> Option<Box<dyn Observer>> {
        match self {
            Sight::Live(view) => Some(Box::new(view.clone())),
            Sight::Plain => Some(Box::new(Plain::new(app.ui.clone(), manner(app, mode, false)))),
            Sight::None => None,
        }
    }

    fn watch(&self) -> Option<Arc<dyn Watch>> {
        match self {
            Sight::Live(view) => Some(Arc::new(view.clone())),
            Sight::Plain | Sight::None => None,
        }
    }

    /// Where the answers of the person at the terminal go.
    fn answers(&self, run: &Run, by: String) {
        if let Sight::Live(view) = self {
            let run = run.clone();
            view.answer(Box::new(move |at, approved| run.answer(at, approved, &by, "")));
        }
    }

    fn close(&self) {
        if let Sight::Live(view) = self {
            view.close();
        }
    }
}

/// Says how it went: for programs as one document, for people as a summary.
fn report(app: &App, run: &RunId, state: &RunState, mode: Mode) -> Result<(), Error> {
    app.ui.log(Level::Info, "run ended", &[("run", run), ("state", &state.status.word())]);
    if app.json {
        let meta = RunMeta::new(run.clone(), app.invoker.word(), state.plan().digest());
        app.out.json(&RunView { meta: &meta, state })?;
    }
    let data = !app.json && !app.events;
    let palette = if data { app.ui.data } else { app.ui.palette };
    let quiet = app.ui.volume == Volume::Quiet;
    let failures = quiet || state.steps.len() > SCROLLED;
    let ending = Ending { id: run.as_str(), check: mode.check, failures, folder: &app.folder };
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

fn trace(ui: &Ui, state: &RunState, record: &Record) {
    let step = record.event.at().map(|at| step_name(state.plan(), at)).unwrap_or_default();
    ui.log(Level::Trace, record.event.word(), &[("seq", &record.seq), ("step", &step)]);
}

/// Keeps the artifacts of the run current.
struct Artifacts {
    store: Store,
    writer: Option<artifacts::Writer>,
    ui: Ui,
}

impl Artifacts {
    /// That an artifact cannot be written is not the run's failure.
    fn told(&self, written: windlass_store::Result<()>) {
        if let Err(error) = written {
            self.ui.warn(&format!("the run's files cannot be written: {error}"));
        }
    }
}

impl Observer for Artifacts {
    fn begin(&mut self, meta: &RunMeta, state: &RunState) {
        if let Some((writer, first)) = artifacts::Writer::open(&self.store, meta, state) {
            self.told(first);
            self.writer = Some(writer);
        }
    }

    fn records(&mut self, state: &RunState, records: &[Record]) {
        if self.ui.logs(Level::Trace) {
            records.iter().for_each(|record| trace(&self.ui, state, record));
        }
        if let Some(writer) = &mut self.writer {
            let written = writer.records(state, records);
            self.told(written);
        }
    }

    fn tick(&mut self, state: &RunState) {
        if let Some(writer) = &mut self.writer {
            let written = writer.tick(state);
            self.told(written);
        }
    }

    fn end(&mut self, state: &RunState) {
        if let Some(writer) = &mut self.writer {
            let written = writer.end(state);
            self.told(written);
        }
    }
}
