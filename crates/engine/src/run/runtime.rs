//! The runtime: everything that is registered, and the runs that it starts, resumes and ends.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use windlass_expr::OnUrl;
use windlass_model::{
    At, BlobId, Code, Failure, Plan, RunId, RunState, RunStatus, Scope, Usage, projection::RunMeta,
};
use windlass_store::{Lease, NewRun, Store};

use super::Command;
use super::bank::Ledgers;
use super::clock::{now_ms, random};
use super::handle::Run;
use super::launch::Origin;
use super::options::{Limits, RunOptions};
use crate::action::{Action, Actions, Mode};
use crate::backend::{Backend, Backends, Compiled};
use crate::cleanup::{CleanupHandler, CleanupHandlers, CleanupStack};
use crate::compile::{StepCompiler, Words};
use crate::outside::Fetch;
use crate::{Error, builtin};

/// Everything that is registered, and a store. A clone is the same runtime. It has no terminal, no home folder
/// and no global state.
#[derive(Clone, Debug)]
pub struct Runtime(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    store: Store,
    actions: Actions,
    words: Arc<Words>,
    backends: Backends,
    cleanups: CleanupHandlers,
    pub(super) parallelism: usize,
    user_state: Option<PathBuf>,
    pub(super) limits: Limits,
    pub(super) url: Option<Fetch>,
}

/// Puts a runtime together.
#[derive(Default)]
pub struct RuntimeBuilder {
    store: Option<Store>,
    actions: Vec<Arc<dyn Action>>,
    words: Vec<Arc<dyn StepCompiler>>,
    backends: Vec<Arc<dyn Backend>>,
    shared_words: Option<Arc<Words>>,
    cleanups: Vec<Arc<dyn CleanupHandler>>,
    parallelism: Option<usize>,
    user_state: Option<PathBuf>,
    limits: Limits,
    url: Option<OnUrl>,
}

impl RuntimeBuilder {
    /// Where runs are remembered; by default in memory.
    #[must_use]
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// Adds something that steps can do.
    #[must_use]
    pub fn action(mut self, action: Arc<dyn Action>) -> Self {
        self.actions.push(action);
        self
    }

    /// Adds step words of documents.
    #[must_use]
    pub fn words(mut self, words: Arc<dyn StepCompiler>) -> Self {
        self.words.push(words);
        self
    }

    /// Takes step words that were gathered before, because backends share them.
    #[must_use]
    pub fn shared_words(mut self, words: Arc<Words>) -> Self {
        self.shared_words = Some(words);
        self
    }

    /// Adds a backend.
    #[must_use]
    pub fn backend(mut self, backend: Arc<dyn Backend>) -> Self {
        self.backends.push(backend);
        self
    }

    /// Adds who takes back entries of one kind, in this process or after a crash.
    #[must_use]
    pub fn cleanup_handler(mut self, handler: Arc<dyn CleanupHandler>) -> Self {
        self.cleanups.push(handler);
        self
    }

    /// What may be spent, beside what documents and ledgers say: all of it holds.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What fetches the addresses that expressions look up; without it, they are out of reach.
    #[must_use]
    pub fn on_url(mut self, fetch: OnUrl) -> Self {
        self.url = Some(fetch);
        self
    }

    /// How many steps of a run go on at once, where its policy does not say; by default four for each core.
    #[must_use]
    pub fn parallelism(mut self, steps: usize) -> Self {
        self.parallelism = Some(steps.max(1));
        self
    }

    /// The folder of the user's own state, where the budgets of keys, days and months are kept. Without it, and
    /// with a store in memory, there are none.
    #[must_use]
    pub fn user_state(mut self, folder: impl Into<PathBuf>) -> Self {
        self.user_state = Some(folder.into());
        self
    }

    /// The runtime. Two things of one name are an error.
    pub fn build(self) -> Result<Runtime, Error> {
        let (mut actions, mut backends) = (Actions::default(), Backends::default());
        for action in builtin::actions().into_iter().chain(self.actions) {
            actions.add(action)?;
        }
        for backend in self.backends {
            backends.add(backend)?;
        }
        let mut words = self.shared_words.map_or_else(Words::default, |words| (*words).clone());
        for compiler in self.words {
            words.add(compiler)?;
        }
        let store = self.store.unwrap_or_else(Store::memory);
        let mut cleanups = CleanupHandlers::builtin(store.state());
        for handler in self.cleanups {
            cleanups.add(handler)?;
        }
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Runtime(Arc::new(Inner {
            store,
            actions,
            words: Arc::new(words),
            backends,
            cleanups,
            parallelism: self.parallelism.unwrap_or(4 * cores),
            user_state: self.user_state,
            limits: self.limits,
            url: self.url.map(Fetch),
        })))
    }
}

impl Runtime {
    /// Puts a runtime together.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder::default()
    }

    /// Where runs are remembered.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// What steps can do.
    pub fn actions(&self) -> &Actions {
        &self.0.actions
    }

    /// The step words of documents.
    pub fn words(&self) -> &Arc<Words> {
        &self.0.words
    }

    /// Who turns documents into plans.
    pub fn backends(&self) -> &Backends {
        &self.0.backends
    }

    /// The same, with another store.
    pub(crate) fn over(&self, store: Store) -> Self {
        let Inner { actions, words, backends, cleanups, parallelism, user_state, limits, url, .. } = &*self.0;
        Self(Arc::new(Inner {
            store,
            actions: actions.clone(),
            words: words.clone(),
            backends: backends.clone(),
            cleanups: cleanups.clone(),
            parallelism: *parallelism,
            user_state: user_state.clone(),
            limits: limits.clone(),
            url: url.clone(),
        }))
    }

    /// A new stack for things to take back, served by the handlers that are registered.
    pub fn cleanup_stack(&self) -> CleanupStack {
        CleanupStack::new(self.0.cleanups.clone())
    }

    /// Writes a run down and begins it. When this returns the run is durable; its driver is a task of the
    /// surrounding tokio runtime.
    pub fn start(&self, compiled: Compiled, mut options: RunOptions) -> Result<Run, Error> {
        let Compiled { plan, root, blobs, .. } = compiled;
        let plan = Arc::new(plan);
        let id = options.id.clone().unwrap_or_else(new_id);
        let (mode, now) = (options.mode, now_ms());
        let (ready, text) = beside(
            || NewRun::of(id.clone(), &plan, &root, now),
            || {
                plan.check()?;
                self.check_actions(&plan)?;
                self.keep(&blobs)?;
                let state = RunState::new(plan.clone());
                Ok(self.ready(Origin { id: &id, root: &root, mode, undo: false }, state, &mut options))
            },
        )?;
        let lease = self.store().lease(&id)?;
        let run = NewRun {
            invoker: options.invoker.word().into(),
            document: options.document.clone(),
            options: noted(&options),
            ..text
        };
        match &options.plan_id {
            Some(plan) => self.store().claim(plan, &run)?,
            None => self.store().create(&run)?,
        }
        let meta = RunMeta::new(id, options.invoker.word(), run.digest);
        self.launch(ready, meta, lease, options)
    }

    /// Goes on with a run: what is finished stays finished, and nothing but the store is needed.
    pub fn resume(&self, id: &RunId, options: RunOptions) -> Result<Run, Error> {
        let lease = self.store().lease(id)?;
        let (stored, state) = self.load(id)?;
        stored.row.check_own()?;
        if !state.status.is_resumable() {
            return Err(Error::NotResumable { run: id.clone(), status: state.status.word() });
        }
        self.go_on(stored, state, lease, false, options)
    }

    /// Takes back what a run did that has ended, the last step first. Where a step changed something that
    /// cannot be taken back, nothing is touched, unless the rest is asked for by `force`.
    pub fn undo(&self, id: &RunId, force: bool, options: RunOptions) -> Result<Run, Error> {
        let lease = self.store().lease(id)?;
        let (stored, state) = self.load(id)?;
        stored.row.check_own()?;
        if !matches!(state.status, RunStatus::Completed | RunStatus::Failed) {
            let message = format!("run {id} is {}: only what has ended is undone", state.status.word());
            return Err(Error::Failed(Failure::new(Code::CannotUndo, message)));
        }
        let stuck = state.not_undoable(Scope::Global);
        if !force && !stuck.is_empty() {
            let plan = state.plan();
            let name = |at: &At| {
                let task = &plan.tasks[at.task as usize];
                format!("{}/{}", task.id, task.steps[at.step as usize].id)
            };
            let names: Vec<String> = stuck.iter().take(20).map(name).collect();
            let message =
                format!("these steps changed something and cannot be taken back: {}", names.join(", "));
            let failure = Failure::new(Code::CannotUndo, message)
                .hint("take back the rest with --force; of other hosts only `run --keep` and transactions keep how it was");
            return Err(Error::Failed(failure));
        }
        self.go_on(stored, state, lease, true, options)
    }

    /// Settles what a run holds back on the shared budgets and nobody drives: by what the journal says of it,
    /// otherwise at the bound. Gives what that was, for each attempt. The run can be resumed all the same.
    pub fn release(&self, id: &RunId) -> Result<Vec<Usage>, Error> {
        let _lease = self.store().lease(id)?;
        self.store().run(id)?.row.check_own()?;
        self.ledgers().reconcile(self.store(), id)
    }

    fn go_on(
        &self,
        stored: windlass_store::StoredRun,
        state: RunState,
        lease: Lease,
        undo: bool,
        options: RunOptions,
    ) -> Result<Run, Error> {
        let id = stored.row.id.clone();
        self.check_actions(state.plan())?;
        // Where processes cannot be looked for, there are none that can be found.
        crate::process::end_marked(&crate::process::scope_mark(self.store().state()), &id).ok();
        self.ledgers().reconcile(self.store(), &id)?;
        let flag = |name: &str| stored.options.get(name).and_then(serde_json::Value::as_bool) == Some(true);
        let mode = Mode { check: flag("check"), diff: flag("diff") || options.mode.diff };
        let mut options = RunOptions { keep: flag("keep"), ..options };
        let meta = RunMeta::new(id.clone(), &stored.row.invoker, stored.row.digest.clone());
        // An undo that was cut off goes on as one.
        let undo = undo || state.undoing.contains(&Scope::Global);
        let ready = self.ready(Origin { id: &id, root: &stored.root, mode, undo }, state, &mut options);
        self.launch(ready, meta, lease, options)
    }

    /// A run as the journal has it.
    pub fn load(&self, id: &RunId) -> Result<(windlass_store::StoredRun, RunState), Error> {
        let stored = self.store().run(id)?;
        let plan = Arc::new(Plan::from_bytes(&stored.plan_bytes)?);
        let mut state = RunState::new(plan);
        let mut refused = None;
        self.store().visit(id, 1, &mut |records| {
            for record in &records {
                if let Err(illegal) = state.apply(record) {
                    refused = Some(illegal);
                    return std::ops::ControlFlow::Break(());
                }
            }
            std::ops::ControlFlow::Continue(())
        })?;
        match refused {
            Some(illegal) => {
                Err(Error::Panic(format!("the journal of run {id} contradicts itself: {illegal}")))
            }
            None => Ok((stored, state)),
        }
    }

    /// Tells a run something, whichever process drives it. Where none does, it hears it when it is resumed.
    pub fn post(&self, id: &RunId, command: &Command) -> Result<(), Error> {
        self.store().run(id)?.row.check_own()?;
        let command = serde_json::to_value(command).map_err(|error| Error::Panic(error.to_string()))?;
        self.store().post(id, &command)?;
        Ok(())
    }

    pub(super) fn cleanup_handlers(&self) -> CleanupHandlers {
        self.0.cleanups.clone()
    }

    pub(super) fn ledgers(&self) -> Ledgers {
        Ledgers::of(self.store(), self.0.user_state.as_deref(), &self.0.limits.shared)
    }

    fn check_actions(&self, plan: &Plan) -> Result<(), Error> {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for task in &plan.tasks {
            for step in &task.steps {
                let action = &*step.action;
                if seen.insert(action)
                    && action != crate::dispatch::APPROVE
                    && self.actions().get(action).is_none()
                {
                    return Err(Error::UnknownAction {
                        step: format!("{}/{}", task.id, step.id),
                        action: action.to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Keeps what the plan stands on. A file that changed since it was planned is told.
    fn keep(&self, blobs: &BTreeMap<BlobId, PathBuf>) -> Result<(), Error> {
        for (id, path) in blobs {
            let content = std::fs::read(path).map_err(|source| Error::Io { path: path.clone(), source })?;
            if self.store().blobs().put(&content)? != *id {
                let message = format!("{} changed while the run was being planned", path.display());
                return Err(Error::Failed(Failure::new(Code::MissingSource, message).hint("run it again")));
            }
        }
        Ok(())
    }
}

/// Does two things at once and gives back what the second and the first made: to write a large plan as text takes as
/// long as to look through it.
fn beside<A: Send, B>(
    aside: impl FnOnce() -> A + Send,
    here: impl FnOnce() -> Result<B, Error>,
) -> Result<(B, A), Error> {
    std::thread::scope(|threads| {
        let aside = std::thread::Builder::new()
            .name("plan".into())
            .spawn_scoped(threads, aside)
            .map_err(|source| Error::Io { path: "thread".into(), source })?;
        let here = here();
        let aside = aside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((here?, aside))
    })
}

/// What a run was started with, for its resume and for who looks at it.
fn noted(options: &RunOptions) -> serde_json::Value {
    let mut noted = json!({ "check": options.mode.check, "diff": options.mode.diff });
    if options.keep {
        noted["keep"] = true.into();
    }
    if let Some((sources, limit)) = &options.inventory {
        noted["inventory"] = json!({ "sources": sources, "limit": limit });
    }
    if let Some(plan) = &options.plan_id {
        noted["plan_id"] = plan.as_str().into();
    }
    noted
}

/// A name for a run that no other has: twelve letters and digits, the first ones as different as the last, so
/// that a short beginning is enough to name it.
fn new_id() -> RunId {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
    let bits = random();
    let name: String = (0..12).map(|n| LETTERS[(bits >> (n * 5)) as usize & 31] as char).collect();
    RunId::new(name).expect("letters and digits are an id")
}
