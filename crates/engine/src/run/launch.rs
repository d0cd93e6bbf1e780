//! Begins the work on a run, a new one or one that goes on: puts its driver together and hands it to tokio.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::{mpsc, watch};
use windlass_expr::{Local, Lookup, Value};
use windlass_model::{BlobId, Code, Failure, Plan, RunId, RunState, projection::RunMeta};
use windlass_store::{Lease, Store};

use super::bank::Bank;
use super::cleanup::Cleanup;
use super::clock::{now_ms, random};
use super::driver::Driver;
use super::executor::Surroundings;
use super::publisher::Publisher;
use super::{Command, Run, RunOptions, Runtime};
use crate::Error;
use crate::action::{Blobs, Mode};
use crate::cleanup::CleanupStack;
use crate::dispatch::{Config, Dispatcher};
use crate::memory::RunMemory;
use crate::outside::{Fetch, Planned};
use crate::secret::Secrets;
use crate::state::Values;

/// What is different for a new run and one that goes on.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) id: &'a RunId,
    /// The folder of its document.
    pub(super) root: &'a Path,
    pub(super) mode: Mode,
    /// Whether what the run did is to be taken back.
    pub(super) undo: bool,
}

/// A run that is ready to begin. Nobody has heard of it: for a large plan this takes its time, and a new run is
/// written down meanwhile.
pub(super) struct Ready {
    dispatcher: Dispatcher,
    /// What was durable before, for observers.
    before: Option<RunState>,
    surroundings: Surroundings,
    leftovers: CleanupStack,
}

impl Runtime {
    /// Makes a run ready from what its journal adds up to.
    pub(super) fn ready(&self, origin: Origin<'_>, state: RunState, options: &mut RunOptions) -> Ready {
        let Origin { id, root, mode, undo } = origin;
        let plan = state.plan().clone();
        let before = (!options.observers.is_empty()).then(|| state.clone());
        let (values, redactor) = (Values::default(), Arc::new(options.secrets.redactor()));
        let blobs: Arc<dyn Blobs> = Arc::new(Kept { store: self.store().clone(), run: id.clone() });
        let mut env = std::mem::take(&mut options.environment);
        let scope_mark = crate::process::scope_mark(self.store().state());
        // Commands that expressions ask are found again after a crash, as those of steps are.
        env.insert(crate::process::SCOPE_MARK.into(), scope_mark.clone());
        env.insert(crate::process::RUN_MARK.into(), id.to_string());
        let outside =
            Arc::new(Planned::new(plan.inputs.clone(), blobs.clone(), self.local(root, env), mode.check));
        let config = Config {
            actions: self.actions().clone(),
            mode,
            parallelism: plan.policy.max_parallelism.map_or(self.0.parallelism, |n| n.max(1) as usize),
            specials: specials(&plan, id, options, mode),
            outside: Some(outside),
            redactor: redactor.clone(),
            secrets: options.secrets.clone(),
            in_doubt: options.in_doubt,
            keep: options.keep,
            seed: random(),
            pid: std::process::id(),
            values: values.clone(),
            undo,
            limit: self.0.limits.run.clone(),
            shared_budgets: !mode.check && !self.ledgers().is_empty(),
        };
        let leftovers = CleanupStack::restore(self.cleanup_handlers(), &state.cleanups);
        let surroundings = Surroundings {
            run: id.clone(),
            scope: scope_mark,
            plan,
            root: Arc::from(root),
            mode,
            watch: options.watch.clone(),
            redactor,
            cleanup: options.cleanup.take().unwrap_or_else(|| self.cleanup_stack()),
            blobs,
            values,
            memory: RunMemory::default(),
        };
        let dispatcher = Dispatcher::new(state, config, now_ms());
        Ready { dispatcher, before, surroundings, leftovers }
    }

    /// Hands a run that is written down to its driver.
    pub(super) fn launch(
        &self,
        ready: Ready,
        meta: RunMeta,
        lease: Lease,
        mut options: RunOptions,
    ) -> Result<Run, Error> {
        let Ready { mut dispatcher, before, surroundings, leftovers } = ready;
        let (id, plan) = (surroundings.run.clone(), surroundings.plan.clone());
        let observers = std::mem::take(&mut options.observers);
        let publisher = before.map(|state| Publisher::start(meta, state, observers, self.store().durable()));
        let publisher =
            publisher.transpose().map_err(|source| Error::Io { path: "thread".into(), source })?;
        let mut heard = 0;
        for posted in self.store().posted(&id, 0)? {
            heard = posted.id;
            options.commands.extend(serde_json::from_value::<Command>(posted.command));
        }
        for command in std::mem::take(&mut options.commands) {
            dispatcher.handle(now_ms(), command.into());
        }
        let (sender, inputs) = mpsc::unbounded_channel();
        let driver = Driver {
            bank: Bank::new(self.ledgers(), self.store(), id.clone(), sender.clone()),
            run: id.clone(),
            dispatcher,
            store: self.store().clone(),
            cleanup: Cleanup::new(surroundings.cleanup.clone(), leftovers),
            surroundings: Arc::new(surroundings),
            inputs,
            sender: sender.clone(),
            publisher,
            lease,
            heard,
        };
        let (tell, done) = watch::channel(None);
        tokio::spawn(async move {
            let outcome = driver.drive().await.map_err(Arc::new);
            tell.send_replace(Some(outcome));
        });
        Ok(Run { id, plan, inputs: sender, done })
    }

    /// This machine, as expressions reach it.
    fn local(&self, root: &Path, env: BTreeMap<String, String>) -> Local {
        let here = Local::new(root, env);
        match &self.0.url {
            Some(Fetch(fetch)) => here.on_url(fetch.clone()),
            None => here,
        }
    }
}

/// The contents that runs stand on, from the store.
#[derive(Debug)]
struct Kept {
    store: Store,
    run: RunId,
}

impl Blobs for Kept {
    fn read(&self, id: &BlobId) -> Result<Arc<[u8]>, Failure> {
        self.store
            .blobs()
            .get(id)
            .map_err(|error| Failure::new(Code::NoContent, error.to_string()).permanent())
    }

    fn keep(&self, content: &[u8]) -> Result<Option<BlobId>, Failure> {
        let kept = self.store.keep_output(&self.run, content);
        kept.map_err(|error| Failure::new(Code::StoreUnusable, error.to_string()))
    }

    fn recall(&self, question: &BlobId) -> Option<Arc<[u8]>> {
        self.store.memos().get(question)
    }

    fn remember(&self, question: &BlobId, answer: &[u8]) -> Result<(), Failure> {
        let kept = self.store.memos().put(question, answer);
        kept.map_err(|error| Failure::new(Code::StoreUnusable, error.to_string()))
    }
}

/// The names with a meaning of their own.
fn specials(plan: &Plan, id: &RunId, options: &RunOptions, mode: Mode) -> BTreeMap<String, Value> {
    let env = plan.inputs.env.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
    let env: BTreeMap<String, Value> = env.map(|(name, value)| (name, Value::from(value))).collect();
    let run = json!({
        "id": id.as_str(),
        "name": plan.name,
        "backend": plan.backend,
        "invoker": options.invoker.word(),
        "check": mode.check,
    });
    let secrets: Arc<dyn Lookup> = Arc::new(Shown(options.secrets.clone()));
    BTreeMap::from([
        ("env".into(), windlass_expr::Scope::builder().layer(Arc::new(env)).build()),
        ("run".into(), windlass_expr::from_json(&run)),
        ("secrets".into(), windlass_expr::Scope::builder().layer(secrets).build()),
        ("ansible_check_mode".into(), Value::from(mode.check)),
        ("ansible_diff_mode".into(), Value::from(mode.diff)),
        ("omit".into(), Value::from(windlass_expr::OMIT)),
    ])
}

/// Secrets as expressions see them: the only place where they are taken out of their type.
#[derive(Debug)]
struct Shown(Arc<Secrets>);

impl Lookup for Shown {
    fn get(&self, name: &str) -> Option<Value> {
        self.0.expose(name).map(Value::from)
    }

    fn names(&self) -> Vec<String> {
        self.0.names().map(str::to_owned).collect()
    }
}
