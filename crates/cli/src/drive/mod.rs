//! A run from its start to its end, as a person at the command line has it: watched, stopped, summed up.

mod artifacts;
mod reins;
mod replay;
mod report;
mod sight;

use std::future::Future;
use std::sync::Arc;

use clap::ValueEnum;
use windlass_engine::lifecycle::{self, Report};
use windlass_engine::saved::{self, Caller, Made, SavedPlan};
use windlass_engine::{
    CleanupReport, Command, Compiled, Mode, Observer, Request, Run, RunOptions, Runtime, Secrets, Watch,
};
use windlass_model::projection::RunMeta;
use windlass_model::{RunId, RunState, RunStatus, Scope, Verdict};
use windlass_store::Store;

use crate::app::App;
use crate::args::Level;
use crate::commands::hosts;
use crate::compose;
use crate::error::Error;
use crate::exit::Exit;
use crate::lines::{Looks, Speaker};
use crate::live::Events;
use crate::render::answers;
use crate::signals::Signals;

pub(crate) use self::replay::{Pace, replay};

use self::artifacts::Artifacts;
use self::reins::{Reins, watched};
use self::report::report;
use self::sight::Sight;

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
    /// Whether it is kept how things were on other hosts.
    pub(crate) keep: bool,
    /// What the run is told before anything else.
    pub(crate) commands: Vec<Command>,
    pub(crate) diff: bool,
    /// Whether what each host said is shown at the end.
    pub(crate) answers: bool,
}

/// Does asynchronous work to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Threads)?;
    threads.block_on(work)
}

/// What becomes a run.
enum What<'a> {
    /// A document, by what was asked about it.
    Request(Box<Request>),
    /// A saved plan.
    Saved(&'a SavedPlan, Caller),
}

/// Plans what was asked for, and runs it.
pub(crate) fn start(app: &App, request: Request, settings: Settings) -> Result<Exit, Error> {
    // A run that changes nothing leaves nothing behind.
    let store = if request.check { Store::memory() } else { app.store()? };
    let mode = Mode { check: request.check, diff: request.diff };
    go(app, store, mode, What::Request(Box::new(request)), settings)
}

/// Runs a saved plan, where it still holds.
pub(crate) fn apply(app: &App, plan: &SavedPlan, caller: Caller, settings: Settings) -> Result<Exit, Error> {
    let mode = Mode { check: false, diff: caller.diff };
    go(app, app.store()?, mode, What::Saved(plan, caller), settings)
}

/// Makes a plan that can be saved: its steps are asked what they find.
pub(crate) fn plan(app: &App, request: Request) -> Result<Made, Error> {
    let (runtime, scope) = (compose::runtime(app, Store::memory())?, app.scope());
    block_on(async {
        let mut signals = Signals::listen().map_err(Error::Threads)?;
        let work = saved::plan(&runtime, request, Some(&scope));
        let made = watched(app, work, &Reins::default(), &mut signals).await;
        app.leave().await;
        made
    })
}

fn go(app: &App, store: Store, mode: Mode, what: What<'_>, settings: Settings) -> Result<Exit, Error> {
    let runtime = compose::runtime(app, store)?;
    block_on(async {
        let mut signals = Signals::listen().map_err(Error::Threads)?;
        let reins = Reins::default();
        let answers = settings.answers;
        let store = runtime.store();
        let mut show = Show { app, store, mode, settings, answers, reins: reins.clone(), failed: None };
        let work = async {
            match what {
                What::Request(request) => lifecycle::run(&runtime, *request, &mut show).await,
                What::Saved(plan, caller) => saved::apply(&runtime, plan, caller, &mut show).await,
            }
        };
        let ended = watched(app, work, &reins, &mut signals).await;
        app.leave().await;
        let ended = ended?;
        if let Some(error) = show.failed {
            return Err(error);
        }
        Ok(ended.outcome?.map_or(Exit::Done, |finished| Exit::of(finished.state.status)))
    })
}

/// Goes on with a run.
pub(crate) fn resume(app: &App, runtime: &Runtime, id: &RunId, settings: Settings) -> Result<Exit, Error> {
    let state = take_up(app, runtime, id, settings, &|options| runtime.resume(id, options))?;
    Ok(Exit::of(state.status))
}

/// Takes back what a run did. Where all of it was, that is a success, though the run is aborted.
pub(crate) fn undo(
    app: &App,
    runtime: &Runtime,
    id: &RunId,
    force: bool,
    settings: Settings,
) -> Result<Exit, Error> {
    let state = take_up(app, runtime, id, settings, &|options| runtime.undo(id, force, options))?;
    let whole = state.status == RunStatus::Aborted && state.not_undoable(Scope::Global).is_empty();
    Ok(if whole { Exit::Done } else { Exit::of(state.status) })
}

/// Drives a stored run to its end, whatever is to be done with it.
fn take_up(
    app: &App,
    runtime: &Runtime,
    id: &RunId,
    settings: Settings,
    begin: &dyn Fn(RunOptions) -> Result<Run, windlass_engine::Error>,
) -> Result<Arc<RunState>, Error> {
    let (stored, state) = runtime.load(id)?;
    let secrets = Secrets::resolve(&state.plan().secrets, &app.env, &stored.root)?;
    let secrets = secrets.and(hosts::passwords(&stored.options, &stored.root, app)?);
    let meta = RunMeta::new(id.clone(), stored.row.invoker, stored.row.digest);
    let mode = Mode { check: false, diff: settings.diff };
    block_on(async {
        let mut signals = Signals::listen().map_err(Error::Threads)?;
        let reins = Reins::default();
        let sight = Sight::open(app, mode);
        let options = RunOptions {
            secrets: Arc::new(secrets),
            ..options(app, runtime.store(), settings, mode, &sight)
        };
        let run = begin(options).inspect_err(|_| sight.close())?;
        reins.take(app, run.clone(), sight);
        let finished = watched(app, run.wait(), &reins, &mut signals).await;
        reins.close();
        app.leave().await;
        let finished = finished?;
        report(app, &meta, &finished.state, mode)?;
        Ok(finished.state)
    })
}

/// What the command line says on a request's way through its phases.
struct Show<'a> {
    app: &'a App,
    store: &'a Store,
    mode: Mode,
    settings: Settings,
    answers: bool,
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
            let digest = run.plan().digest();
            let meta = RunMeta::new(run.id().clone(), self.app.invoker.word(), digest);
            if self.answers && !self.app.json && !self.app.events {
                self.failed = self.app.out.block(&answers(&finished.state, self.app.ui.data)).err();
            }
            self.failed = self.failed.take().or(report(self.app, &meta, &finished.state, self.mode).err());
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

fn options(app: &App, store: &Store, settings: Settings, mode: Mode, sight: &Sight) -> RunOptions {
    let mut observers: Vec<Box<dyn Observer>> = vec![Box::new(Artifacts::new(store.clone(), app.ui.clone()))];
    if app.events {
        observers.push(Box::new(Events::new(app.out.clone())));
    }
    observers.extend(sight.observer(app, mode));
    let speaker = Speaker::new(store.clone());
    observers.push(Box::new(speaker.clone()));
    let looks = sight.watch().into_iter().chain([Arc::new(speaker) as Arc<dyn Watch>]);
    RunOptions {
        id: settings.id,
        invoker: app.invoker,
        mode,
        environment: app.env.clone(),
        observers,
        watch: Some(Arc::new(Looks(looks.collect()))),
        in_doubt: settings.in_doubt.map(Into::into),
        keep: settings.keep,
        commands: settings.commands,
        ..RunOptions::default()
    }
}
