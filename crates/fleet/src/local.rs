//! Runs modules on this machine: in this process, on threads where they may block, and never too many at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use windlass_gate::{Args, Cancel, Context, Module, Progress, Reply, Silent, find};
use windlass_model::{Code, Failure};

use crate::{Foresight, failure};

/// How many modules of one runner work at once; the others wait in the order in which they came.
///
/// A module waits for a child or a disk most of its time, so there are many more threads than cores. Each
/// holds a stack and a handful of descriptors (a child's three pipes, a cancel token's two): 64 of them stay
/// well below the usual limit of 1024 descriptors, with room for the store and the terminal.
pub const THREADS: usize = 64;

/// How much of each output stream a result keeps, in bytes. A result goes through the journal and into the
/// variables of later steps: what is past this is counted (`stdout_truncated_bytes`) and left out.
pub const CAPTURE: usize = 1 << 20;

/// Runs modules on this machine. Clones share the bound on threads.
#[derive(Clone, Debug)]
pub struct LocalRunner {
    slots: Arc<Semaphore>,
}

/// What a module is run under: the owned twin of [`Context`].
#[derive(Clone)]
pub struct Surroundings {
    /// Say what would happen, and change nothing.
    pub check: bool,
    /// What was foreseen so far in check mode: modules that share it see what those before would have made.
    pub foresight: Arc<Foresight>,
    /// Report differences.
    pub diff: bool,
    /// Relative paths are relative to this, and commands start in it.
    pub root: Arc<Path>,
    /// Added to the environment of children.
    pub environment: BTreeMap<String, String>,
    /// Ends the run early.
    pub cancel: CancellationToken,
    /// When the run ends whether it is done or not.
    pub deadline: Option<Instant>,
    /// How much of each output stream the reply keeps, in bytes.
    pub capture: usize,
    /// Hears live output, on the module's own thread.
    pub listener: Arc<dyn Progress + Send + Sync>,
}

impl Surroundings {
    /// Those of a run in a folder that nobody watches and that has all the time it wants.
    pub fn new(root: impl Into<Arc<Path>>) -> Self {
        Self {
            check: false,
            foresight: Arc::default(),
            diff: false,
            root: root.into(),
            environment: BTreeMap::new(),
            cancel: CancellationToken::new(),
            deadline: None,
            capture: CAPTURE,
            listener: Arc::new(Silent),
        }
    }

    fn context<'a>(&'a self, cancel: &'a Cancel) -> Context<'a> {
        Context {
            check: self.check.then(|| self.foresight.here()),
            diff: self.diff,
            cwd: &self.root,
            env: &self.environment,
            cancel,
            deadline: self.deadline,
            progress: &*self.listener,
            capture_limit: self.capture,
        }
    }
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment may hold secrets: its names alone.
        f.debug_struct("Surroundings")
            .field("check", &self.check)
            .field("root", &self.root)
            .field("environment", &self.environment.keys())
            .finish_non_exhaustive()
    }
}

impl Default for LocalRunner {
    fn default() -> Self {
        Self::new()
    }
}

impl LocalRunner {
    /// A runner with [`THREADS`] threads, none of them started yet.
    pub fn new() -> Self {
        Self { slots: Arc::new(Semaphore::new(THREADS)) }
    }

    /// Runs a module with parameters as a person would write them: a map, or free-form text. Templates in
    /// them are not rendered.
    ///
    /// A reply whose `failed` is true is a failure that has fields to show; every other failure is an error.
    /// A caller that stops waiting ends the module. Must be called within a tokio runtime.
    pub async fn run(&self, module: &str, params: Value, around: Surroundings) -> Result<Reply, Failure> {
        let module = find(module).ok_or_else(|| {
            Failure::new(Code::UnknownModule, format!("there is no module {module:?}")).permanent()
        })?;
        self.drive(around, move |cx| call(module, params, cx)).await
    }

    /// Runs work that may block on a thread of the bounded number, with `around` as modules know it.
    pub(crate) async fn drive<T: Send + 'static>(
        &self,
        around: Surroundings,
        work: impl FnOnce(&Context<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let slot = self.slot(&around).await?;
        let token = around.cancel.clone();
        let pull = Pull(Cancel::new());
        let cancel = pull.0.clone();
        let mut job = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            work(&around.context(&cancel))
        });
        tokio::select! {
            biased;
            done = &mut job => return done.unwrap_or_else(|error| Err(broken(error))),
            () = token.cancelled() => pull.0.cancel(),
        }
        job.await.unwrap_or_else(|error| Err(broken(error)))
    }

    async fn slot(&self, around: &Surroundings) -> Result<OwnedSemaphorePermit, Failure> {
        tokio::select! {
            biased;
            () = around.cancel.cancelled() => Err(failure::cancelled()),
            () = until(around.deadline) => Err(failure::late()),
            slot = self.slots.clone().acquire_owned() => Ok(slot.expect("the semaphore is never closed")),
        }
    }
}

/// Checks the parameters and runs the module on this thread.
pub(crate) fn call(module: &'static dyn Module, params: Value, cx: &Context<'_>) -> Result<Reply, Failure> {
    let args = Args::check(module.spec(), params).map_err(|problems| failure::params(&problems))?;
    windlass_gate::run(module, &args, cx).map_err(failure::error)
}

/// Ends the module when nobody waits for it any more.
struct Pull(Cancel);

impl Drop for Pull {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

fn broken(error: JoinError) -> Failure {
    match error.try_into_panic() {
        Ok(panic) => failure::broken(panic.as_ref()),
        // The runtime is being shut down, and the work never began.
        Err(_) => failure::cancelled(),
    }
}
