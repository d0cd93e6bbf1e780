//! A run from its start to its end, as a person at the command line has it: watched, stopped, summed up.

use std::future::Future;
use std::sync::Arc;

use clap::ValueEnum;
use windlass_engine::{Command, Invoker, Mode, Observer, Request, Run, RunOptions, Runtime, Stop, Watch};
use windlass_model::projection::{RunMeta, RunView};
use windlass_model::{Record, RunId, RunState, Verdict};
use windlass_store::{Store, artifacts};

use crate::app::App;
use crate::args::Level;
use crate::compose;
use crate::error::Error;
use crate::exit::Exit;
use crate::live::{Events, Manner, Plain, View};
use crate::render::summary;
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
pub(crate) fn start(app: &App, request: &Request, settings: Settings) -> Result<Exit, Error> {
    // A run that changes nothing leaves nothing behind.
    let store = if request.check { Store::memory() } else { app.store()? };
    let runtime = compose::runtime(store)?;
    block_on(async {
        let signals = Signals::listen().map_err(Error::Threads)?;
        let compiled = compose::compile(&runtime, request)?;
        compiled.warnings.iter().for_each(|warning| app.ui.warn(warning));
        let mode = Mode { check: request.check, diff: request.diff };
        let sight = Sight::open(app, mode);
        let id = settings.id.clone();
        let mut options = options(app, &runtime, settings, mode, &sight);
        options.id = id;
        options.document = document(request);
        let run = runtime.start(compiled, options).inspect_err(|_| sight.close())?;
        watch(app, run, sight, signals, mode).await
    })
}

/// Goes on with a run.
pub(crate) fn resume(app: &App, runtime: &Runtime, id: &RunId, settings: Settings) -> Result<Exit, Error> {
    block_on(async {
        let signals = Signals::listen().map_err(Error::Threads)?;
        let mode = Mode { check: false, diff: settings.diff };
        let sight = Sight::open(app, mode);
        let options = options(app, runtime, settings, mode, &sight);
        let run = runtime.resume(id, options).inspect_err(|_| sight.close())?;
        watch(app, run, sight, signals, mode).await
    })
}

fn document(request: &Request) -> Option<String> {
    match request.document.as_ref()? {
        windlass_engine::Document::Path(path) => Some(path.display().to_string()),
        windlass_engine::Document::Text { source, .. } => Some(source.name.clone()),
    }
}

fn options(app: &App, runtime: &Runtime, settings: Settings, mode: Mode, sight: &Sight) -> RunOptions {
    let mut observers: Vec<Box<dyn Observer>> =
        vec![Box::new(Artifacts { store: runtime.store().clone(), writer: None, ui: app.ui.clone() })];
    if app.events {
        observers.push(Box::new(Events::new(app.out.clone())));
    }
    observers.extend(sight.observer(app, mode));
    RunOptions {
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
        run: String::new(),
    }
}

impl Sight {
    fn open(app: &App, mode: Mode) -> Self {
        match app.ui.volume {
            Volume::Quiet => Sight::None,
            _ if app.ui.draws && app.invoker == Invoker::Local => {
                Sight::Live(View::open(app.ui.screen.clone(), manner(app, mode, true), app.ui.asks))
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

    fn stopping(&self, waits: &'static str, ui: &Ui) {
        match self {
            Sight::Live(view) => view.stop(waits),
            Sight::Plain | Sight::None => ui.complain(waits),
        }
    }

    fn close(&self) {
        if let Sight::Live(view) = self {
            view.close();
        }
    }
}

/// Waits for the end of a run, or stops it when a signal asks for that.
async fn watch(app: &App, run: Run, sight: Sight, mut signals: Signals, mode: Mode) -> Result<Exit, Error> {
    app.ui.log(Level::Info, "run started", &[("run", run.id())]);
    sight.answers(&run, app.person());
    let mut count = 0;
    let finished = loop {
        tokio::select! {
            finished = run.wait() => break finished,
            signal = signals.next() => {
                count += 1;
                stop(&run, signal, count, &sight, &app.ui);
            }
        }
    };
    sight.close();
    let state = finished?.state;
    app.ui.log(Level::Info, "run ended", &[("run", run.id()), ("state", &state.status.word())]);
    report(app, &run, &state, mode)?;
    Ok(Exit::of(state.status))
}

/// The first signal stops at a safe point, the second ends what runs, the third ends the process.
fn stop(run: &Run, signal: &str, count: u32, sight: &Sight, ui: &Ui) {
    match count {
        1 => {
            run.stop(Stop::Drain, signal);
            sight.stopping("stopping: running steps may finish; a second signal (Ctrl-C) ends them", ui);
        }
        2 => {
            run.stop(Stop::Cancel, signal);
            sight.stopping("ending running steps; a third signal (Ctrl-C) ends the program at once", ui);
        }
        _ => {
            sight.close();
            std::process::exit(Exit::Stopped.status().into());
        }
    }
}

/// Says how it went: for programs as one document, for people as a summary.
fn report(app: &App, run: &Run, state: &RunState, mode: Mode) -> Result<(), Error> {
    if app.json {
        let meta = RunMeta::new(run.id().clone(), app.invoker.word(), run.plan().digest());
        app.out.json(&RunView { meta: &meta, state })?;
    }
    let data = !app.json && !app.events;
    let palette = if data { app.ui.data } else { app.ui.palette };
    let quiet = app.ui.volume == Volume::Quiet;
    let failures = quiet || state.steps.len() > SCROLLED;
    let text = summary(state, run.id().as_str(), mode.check, failures, palette);
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
        if let Some(writer) = &mut self.writer {
            let written = writer.records(state, records);
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
