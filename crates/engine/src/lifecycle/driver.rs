//! The phases, each a type that only the next one can be made from.

use std::path::PathBuf;
use std::sync::Arc;

use windlass_model::{At, Diagnostics, Plan, Source, StepRun};
use windlass_yaml::Limits;

use super::check_keys;
use super::guard::{Guard, guarded};
use super::resume::secrets;
use crate::capability::{check_required, derive_required};
use crate::cleanup::{CleanupReport, CleanupStack, TOTAL_TIMEOUT};
use crate::{
    Backend, BackendKey, Compiled, Document, Error, Finished, Mode, Phase, Request, Run, RunOptions, Runtime,
    Secrets, Stop,
};

/// A request on its way through the phases; `P` is how far it has come.
///
/// Letting go of it, at whatever point, takes back everything that was registered.
#[derive(Debug)]
pub struct Lifecycle<P> {
    common: Common,
    phase: P,
}

/// What every phase has.
#[derive(Debug)]
struct Common {
    runtime: Runtime,
    request: Request,
    guard: Arc<Guard>,
}

/// Nothing has happened yet.
#[derive(Debug)]
pub struct New(());

/// The document is read.
#[derive(Debug)]
pub struct Loaded {
    source: Arc<Source>,
    root: PathBuf,
}

/// The backend is chosen.
#[derive(Debug)]
pub struct Resolved {
    text: Loaded,
    backend: Chosen,
}

/// All problems of the document were found, and there are none.
#[derive(Debug)]
pub struct Validated(Meant);

/// Sessions and credentials are ready.
#[derive(Debug)]
pub struct Prepared(Meant);

/// It is decided what will be done.
#[derive(Debug)]
pub struct Planned {
    key: BackendKey,
    document: String,
    compiled: Arc<Compiled>,
}

/// The engine runs the plan.
#[derive(Debug)]
pub struct Running {
    key: BackendKey,
    compiled: Arc<Compiled>,
    run: Reins,
}

/// The run has ended, or was not asked for.
#[derive(Debug)]
pub struct Executed {
    key: BackendKey,
    compiled: Arc<Compiled>,
    outcome: Result<Option<Finished>, Error>,
}

/// What came of it was told.
#[derive(Debug)]
pub struct Reported {
    compiled: Arc<Compiled>,
    outcome: Result<Option<Finished>, Error>,
}

/// A document with the backend that knows what it means.
struct Meant {
    document: String,
    backend: Chosen,
    loaded: crate::Loaded,
}

impl std::fmt::Debug for Meant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} by {}", self.document, self.backend.key)
    }
}

/// A backend with its key.
struct Chosen {
    key: BackendKey,
    backend: Arc<dyn Backend>,
}

impl std::fmt::Debug for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.key)
    }
}

/// Holds a run: whoever lets go of it before its end ends it, for its resources are about to be taken back.
#[derive(Debug)]
struct Reins(Run);

impl Drop for Reins {
    fn drop(&mut self) {
        // It does no harm after the run's end.
        self.0.stop(Stop::Cancel, "its caller went away");
    }
}

/// What a report tells of.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The plan with what it stands on.
    pub compiled: &'a Compiled,
    /// How the run ended; `None` where none was asked for, or the engine itself failed.
    pub finished: Option<&'a Finished>,
    /// Why the engine itself failed. A failed step is no such error: it is in the run's state.
    pub error: Option<&'a Error>,
}

impl<'a> Report<'a> {
    /// What came of a step on a host. Results are found by ids, never by their place in a list.
    pub fn step(&self, task: &str, step: &str, host: &str) -> Option<&'a StepRun> {
        let state = &self.finished?.state;
        let at = find(state.plan(), task, step, host)?;
        state.step(at)
    }
}

fn find(plan: &Plan, task: &str, step: &str, host: &str) -> Option<At> {
    let index = plan.task(task)?;
    let task = &plan.tasks[index as usize];
    let step = task.steps.iter().position(|other| other.id.as_str() == step)?;
    let host = plan.hosts_of(task).iter().position(|&other| &*plan.hosts[other as usize] == host)?;
    Some(At { task: index, step: step as u32, host: host as u32, item: None })
}

/// What is left when everything is over.
#[derive(Debug)]
pub struct Ended {
    /// The plan with what it stood on. It is kept whatever came of it.
    pub compiled: Arc<Compiled>,
    /// How the run ended; `None` where none was asked for. An error is one of the engine, not of a step.
    pub outcome: Result<Option<Finished>, Error>,
    /// What the cleanup did. Its failures never stand in for the outcome.
    pub cleanup: CleanupReport,
}

impl<P> Lifecycle<P> {
    /// The request, with its backend once that is chosen.
    pub fn request(&self) -> &Request {
        &self.common.request
    }

    /// Where to register what is to be taken back at the end.
    pub fn cleanup_stack(&self) -> &CleanupStack {
        &self.common.guard.0
    }

    /// Ends here, as `windlass validate` does after that phase: takes back what was registered so far.
    pub async fn end(self) -> CleanupReport {
        self.common.guard.0.run_all(TOTAL_TIMEOUT).await
    }

    pub(super) fn guard(&self) -> Arc<Guard> {
        self.common.guard.clone()
    }

    fn go<Q>(self, phase: impl FnOnce(P, &mut Common) -> Result<Q, Error>) -> Result<Lifecycle<Q>, Error> {
        let Self { mut common, phase: before } = self;
        let phase = phase(before, &mut common)?;
        Ok(Lifecycle { common, phase })
    }
}

impl Lifecycle<New> {
    /// Begins with a request.
    pub fn new(runtime: &Runtime, request: Request) -> Self {
        let guard = Arc::new(Guard(runtime.cleanup_stack()));
        Self { common: Common { runtime: runtime.clone(), request, guard }, phase: New(()) }
    }

    /// Reads the document.
    pub fn load(self) -> Result<Lifecycle<Loaded>, Error> {
        self.go(|_, common| guarded(Phase::Load, None, || read(common.request.document.as_ref())))
    }
}

fn read(document: Option<&Document>) -> Result<Loaded, Error> {
    let (source, root) = match document.ok_or(Error::NoDocument)? {
        Document::Text { source, root } => (source.clone(), root.clone()),
        Document::Path(path) => {
            let name = path.display().to_string();
            let source =
                windlass_yaml::read_file(path, &name, &Limits::default()).map_err(Diagnostics::from)?;
            (source, path.parent().map(PathBuf::from).unwrap_or_default())
        }
    };
    // A resume may be asked for from another folder: what the run stands on has to be found from there too.
    let root = if root.as_os_str().is_empty() { PathBuf::from(".") } else { root };
    let root = std::path::absolute(&root).map_err(|source| Error::Io { path: root, source })?;
    Ok(Loaded { source, root })
}

impl Lifecycle<Loaded> {
    /// Chooses the backend: the one that the request names, otherwise the one that recognises the document.
    pub fn resolve(self) -> Result<Lifecycle<Resolved>, Error> {
        self.go(|text, common| {
            let backend = guarded(Phase::Resolve, common.request.backend.as_ref(), || {
                let backends = common.runtime.backends();
                let backend = match &common.request.backend {
                    Some(key) => backends.resolve(key)?,
                    None => backends
                        .recognise(&text.source)
                        .ok_or_else(|| Error::Unrecognised { document: text.source.name.clone() })?,
                };
                Ok(Chosen { key: backend.key(), backend: backend.clone() })
            })?;
            common.request.backend = Some(backend.key.clone());
            Ok(Resolved { text, backend })
        })
    }
}

impl Lifecycle<Resolved> {
    /// Checks that the backend can do what is asked, then finds all problems of the document, and which of its
    /// secrets are not there. Touches nothing.
    pub fn validate(self) -> Result<Lifecycle<Validated>, Error> {
        self.go(|Resolved { text, backend }, common| {
            let loaded = guarded(Phase::Validate, Some(&backend.key), || {
                let needed = derive_required(&common.request);
                check_required(&backend.key, &backend.backend.capabilities(), &needed)?;
                let loaded = backend.backend.load(&text.source, &text.root, &common.request)?;
                backend.backend.validate(&loaded, &common.request)?;
                if !common.request.dry_run {
                    Secrets::look(&backend.backend.secrets(&loaded), &common.request.env, &text.root)?;
                }
                Ok(loaded)
            })?;
            Ok(Validated(Meant { document: text.source.name.clone(), backend, loaded }))
        })
    }
}

impl Lifecycle<Validated> {
    /// Makes sessions and credentials ready, each with its cleanup.
    pub fn prepare(self) -> Result<Lifecycle<Prepared>, Error> {
        self.go(|Validated(mut meant), common| {
            guarded(Phase::Prepare, Some(&meant.backend.key), || {
                meant.backend.backend.prepare(&mut meant.loaded, &common.request, &common.guard.0)
            })?;
            Ok(Prepared(meant))
        })
    }
}

impl Lifecycle<Prepared> {
    /// Decides what will be done. From here on the plan alone counts.
    pub fn plan(self) -> Result<Lifecycle<Planned>, Error> {
        self.go(|Prepared(meant), common| {
            let Meant { document, backend: Chosen { key, backend }, loaded } = meant;
            let compiled = guarded(Phase::Plan, Some(&key), || {
                let compiled = backend.plan(&loaded, &common.request)?;
                compiled.plan.check()?;
                check_keys(&compiled.plan)?;
                Ok(Arc::new(compiled))
            })?;
            Ok(Planned { key, document, compiled })
        })
    }
}

impl Lifecycle<Planned> {
    /// The plan with what it stands on: what a dry run shows.
    pub fn compiled(&self) -> &Arc<Compiled> {
        &self.phase.compiled
    }

    /// Runs the plan to its end; a dry run goes on to the report without a run.
    pub async fn execute(self, options: RunOptions) -> Result<Lifecycle<Executed>, Error> {
        if self.common.request.dry_run {
            return Ok(self.skip());
        }
        Ok(self.start(options).await?.wait().await)
    }

    /// Goes on to the report without a run.
    pub fn skip(self) -> Lifecycle<Executed> {
        let Self { common, phase: Planned { key, compiled, .. } } = self;
        Lifecycle { common, phase: Executed { key, compiled, outcome: Ok(None) } }
    }

    /// Begins the run: gets the plan's secrets unless the options have them all, then starts it. What the plan says is all that the engine
    /// gets; the backend has no part in it any more. The request of a dry run cannot be started.
    pub async fn start(self, mut options: RunOptions) -> Result<Lifecycle<Running>, Error> {
        let Self { common, phase: Planned { key, document, compiled } } = self;
        let request = &common.request;
        if request.dry_run {
            let refused = Error::Panic("a dry run was to be started".into());
            return Err(refused.during(Phase::Execute, Some(&key)));
        }
        let had = |name: &String| options.secrets.get(name).is_some();
        if !compiled.plan.secrets.keys().all(had) {
            options.secrets = Arc::new(secrets(&compiled.plan, &request.env, compiled.root.clone()).await?);
        }
        if let Some(hosts) = &request.hosts {
            let passwords = hosts.passwords();
            if !passwords.is_empty() {
                options.secrets = Arc::new(options.secrets.and(passwords));
                options.inventory = Some(hosts.sources());
            }
        }
        options.invoker = request.invoker;
        options.mode = Mode { check: request.check, diff: request.diff };
        options.document.get_or_insert(document);
        options.cleanup = Some(common.guard.0.for_run());
        let run = guarded(Phase::Execute, Some(&key), || {
            common.runtime.start(Compiled::clone(&compiled), options)
        })?;
        Ok(Lifecycle { common, phase: Running { key, compiled, run: Reins(run) } })
    }
}

impl Lifecycle<Running> {
    /// The run: to watch it, to stop it, to answer it.
    pub fn run(&self) -> &Run {
        &self.phase.run.0
    }

    /// The plan with what it stands on.
    pub fn compiled(&self) -> &Arc<Compiled> {
        &self.phase.compiled
    }

    /// Waits for the run's end. Even where the engine itself failed the plan is kept for the report.
    pub async fn wait(self) -> Lifecycle<Executed> {
        let Self { common, phase: Running { key, compiled, run } } = self;
        let outcome = run.0.wait().await.map(Some);
        let outcome = outcome.map_err(|error| error.during(Phase::Execute, Some(&key)));
        Lifecycle { common, phase: Executed { key, compiled, outcome } }
    }
}

impl Lifecycle<Executed> {
    /// Tells what came of it.
    pub fn report(
        self,
        tell: impl FnOnce(&Report<'_>) -> Result<(), Error>,
    ) -> Result<Lifecycle<Reported>, Error> {
        self.go(|Executed { key, compiled, outcome }, _| {
            let report = Report {
                compiled: &compiled,
                finished: outcome.as_ref().ok().and_then(Option::as_ref),
                error: outcome.as_ref().err(),
            };
            guarded(Phase::Report, Some(&key), || tell(&report))?;
            Ok(Reported { compiled, outcome })
        })
    }
}

impl Lifecycle<Reported> {
    /// Takes everything back.
    pub async fn cleanup(self) -> Ended {
        let cleanup = self.common.guard.0.run_all(TOTAL_TIMEOUT).await;
        let Reported { compiled, outcome } = self.phase;
        Ended { compiled, outcome, cleanup }
    }
}
