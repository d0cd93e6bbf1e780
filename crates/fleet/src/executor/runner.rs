//! Who runs a module for a host: in this process, or through a gate on it.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use windlass_engine::{Secrets, Target};
use windlass_expr::Scope;
use windlass_gate::Reply;
use windlass_model::{Become, Failure, RunId};

use crate::inventory::Inventory;
use crate::local::Surroundings;
use crate::reach::Lost;
use crate::{Chosen, LocalRunner, Reach};

/// One host of a job.
#[derive(Clone, Debug)]
pub struct Host {
    /// Where it is, with the variables that say how it is reached.
    pub target: Target,
}

impl Host {
    /// A host of an inventory.
    pub fn of(inventory: &Inventory, name: &Arc<str>) -> Self {
        let vars = inventory.vars(name);
        let (known, passwords) = Chosen::parts(inventory, name);
        let layer: Map<String, Value> =
            vars.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let vars = Scope::builder().vars(layer).build();
        let secrets: Secrets = passwords.into_iter().collect();
        let target = Target::new(name.clone(), known.local, vars, Become::default(), Arc::new(secrets));
        Self { target }
    }
}

/// What is done on each host. Templates in it are not rendered.
#[derive(Clone, Debug)]
pub struct Job {
    /// The module.
    pub module: String,
    /// Its parameters: a map, or free-form text.
    pub params: Value,
    /// Say what would happen, and change nothing.
    pub check: bool,
    /// Report differences.
    pub diff: bool,
    /// How long it may take on each host.
    pub timeout: Option<Duration>,
    /// The folder of files that it names.
    pub root: PathBuf,
}

impl Job {
    /// A module with its parameters.
    pub fn new(module: impl Into<String>, params: impl Into<Value>) -> Self {
        Self {
            module: module.into(),
            params: params.into(),
            check: false,
            diff: false,
            timeout: None,
            root: ".".into(),
        }
    }

    fn around(&self, cancel: CancellationToken) -> Surroundings {
        Surroundings {
            check: self.check,
            diff: self.diff,
            deadline: self.timeout.map(|timeout| Instant::now() + timeout),
            cancel,
            ..Surroundings::new(self.root.as_path())
        }
    }
}

/// A future of a runner.
pub type RunFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs modules for hosts. One value serves all hosts at once.
pub trait Runner: Send + Sync {
    /// Does the job on a host. A reply whose `failed` is true is a failure that has fields to show; every other
    /// failure is an error, and one that is transient may be tried again. Ends soon after a cancel.
    fn run<'a>(
        &'a self,
        host: &'a Host,
        job: &'a Job,
        cancel: CancellationToken,
    ) -> RunFuture<'a, Result<Reply, Failure>>;

    /// Ends what it keeps open.
    fn close(&self) -> RunFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// Hosts that are this machine: modules run in this process.
#[derive(Clone, Debug, Default)]
pub struct LocalHosts(LocalRunner);

impl LocalHosts {
    /// A runner with a bounded number of threads.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Runner for LocalHosts {
    fn run<'a>(
        &'a self,
        _: &'a Host,
        job: &'a Job,
        cancel: CancellationToken,
    ) -> RunFuture<'a, Result<Reply, Failure>> {
        Box::pin(self.0.run(&job.module, job.params.clone(), job.around(cancel)))
    }
}

/// Other hosts: modules run there, through a gate over SSH.
#[derive(Clone, Debug)]
pub struct RemoteHosts {
    reach: Reach,
    run: RunId,
}

impl RemoteHosts {
    /// Hosts over this way. Connections are kept until it is closed.
    pub fn new(reach: Reach) -> Self {
        Self { reach, run: RunId::new("executor").expect("the word is a good id") }
    }
}

impl Runner for RemoteHosts {
    fn run<'a>(
        &'a self,
        host: &'a Host,
        job: &'a Job,
        cancel: CancellationToken,
    ) -> RunFuture<'a, Result<Reply, Failure>> {
        Box::pin(async move {
            let runner = self.reach.runner(&self.run, &host.target, &cancel).await;
            let runner = runner.map_err(Lost::failure)?;
            runner.run(&job.module, job.params.clone(), job.around(cancel)).await
        })
    }

    fn close(&self) -> RunFuture<'_, ()> {
        Box::pin(self.reach.close())
    }
}
