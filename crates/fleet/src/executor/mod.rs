//! One module over many hosts, for Rust callers: without a document, a plan or a journal.
//!
//! ```
//! use std::sync::Arc;
//! use windlass_fleet::executor::{Executor, Job, LocalHosts};
//! use windlass_fleet::inventory::{Inventory, Options};
//!
//! # let threads = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # threads.block_on(async {
//! let hosts = "web1 ansible_connection=local\nweb2 ansible_connection=local\n";
//! let folder = tempfile::tempdir()?;
//! std::fs::write(folder.path().join("hosts.ini"), hosts)?;
//! let inventory = Inventory::load(&["hosts.ini"], &Options::new(folder.path()))?;
//!
//! let executor = Executor::builder().chunk_size(10).local(Arc::new(LocalHosts::new())).build();
//! let results = executor.run(&inventory, "web*", &Job::new("command", "echo hello")).await?;
//! assert_eq!((results.totals.successful, results.totals.failed), (2, 0));
//! assert_eq!(results.hosts["web1"].data["stdout"], "hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! # Ok::<(), std::io::Error>(())
//! ```

mod breaker;
mod results;
mod runner;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use windlass_gate::Reply;
use windlass_model::{Code, Diagnostic, Diagnostics, Failure, Retry, RetryOn};

use self::breaker::Breaker;
pub use self::results::{HostResult, Results, Totals};
pub use self::runner::{Host, Job, LocalHosts, RemoteHosts, RunFuture, Runner};
use crate::failure;
use crate::inventory::Inventory;

/// How many hosts are worked on at once, unless the caller says otherwise.
pub const CHUNK: usize = 10;

/// Runs a module on every host of a pattern: a bounded number at once, each tried again where that may help.
#[derive(Clone)]
pub struct Executor {
    chunk: usize,
    barrier: bool,
    fail_fast: bool,
    retry: Retry,
    breaker: Option<f64>,
    local: Option<Arc<dyn Runner>>,
    remote: Option<Arc<dyn Runner>>,
    cancel: CancellationToken,
}

/// Puts an executor together.
#[derive(Clone)]
pub struct Builder(Executor);

impl Builder {
    /// How many hosts are worked on at once; less than one counts as one.
    #[must_use]
    pub fn chunk_size(mut self, hosts: i64) -> Self {
        self.0.chunk = usize::try_from(hosts).unwrap_or(1).max(1);
        self
    }

    /// Whether a chunk begins only when the one before it is done, and not as soon as a host is.
    #[must_use]
    pub fn barrier(mut self, barrier: bool) -> Self {
        self.0.barrier = barrier;
        self
    }

    /// Whether the first failure ends what runs and lets no further host begin.
    #[must_use]
    pub fn fail_fast(mut self, fail_fast: bool) -> Self {
        self.0.fail_fast = fail_fast;
        self
    }

    /// Which failures are tried again, how often and when; by default transient ones, three times in all.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// The share of hosts, in 0..1, whose loss means that it is not the hosts but the way to them: nothing is
    /// tried again then, and no further host begins. It counts from five hosts on.
    #[must_use]
    pub fn circuit_breaker(mut self, share: f64) -> Self {
        self.0.breaker = Some(share);
        self
    }

    /// Who runs modules for hosts that are this machine.
    #[must_use]
    pub fn local(mut self, runner: Arc<dyn Runner>) -> Self {
        self.0.local = Some(runner);
        self
    }

    /// Who runs modules for other hosts.
    #[must_use]
    pub fn remote(mut self, runner: Arc<dyn Runner>) -> Self {
        self.0.remote = Some(runner);
        self
    }

    /// Ends everything early; waits between attempts, too.
    #[must_use]
    pub fn cancel(mut self, cancel: CancellationToken) -> Self {
        self.0.cancel = cancel;
        self
    }

    /// The executor.
    pub fn build(self) -> Executor {
        self.0
    }
}

impl Executor {
    /// Puts an executor together.
    pub fn builder() -> Builder {
        Builder(Self {
            chunk: CHUNK,
            barrier: false,
            fail_fast: false,
            retry: Retry { on: RetryOn::Transient, ..Retry::default() },
            breaker: None,
            local: None,
            remote: None,
            cancel: CancellationToken::new(),
        })
    }

    /// Runs a job on every host that the pattern means. The error is one of the pattern; what failed on hosts is
    /// in the results, and every host has one.
    pub async fn run(&self, inventory: &Inventory, pattern: &str, job: &Job) -> Result<Results, Diagnostics> {
        let names = inventory.select(pattern, None).map_err(Diagnostic::from)?.some(pattern)?;
        let hosts: Vec<Host> = names.iter().map(|name| Host::of(inventory, name)).collect();
        let begun = (SystemTime::now(), Instant::now());
        let stop = self.cancel.child_token();
        let breaker = Arc::new(Breaker::new(self.breaker, hosts.len()));
        let job = Arc::new(job.clone());
        let mut results = Vec::with_capacity(hosts.len());
        let chunks: Vec<&[Host]> = match self.barrier {
            true => hosts.chunks(self.chunk).collect(),
            false => vec![&hosts],
        };
        for chunk in chunks {
            let mut waiting = chunk.iter().cloned();
            // Hosts that are worked on end when this is dropped: a caller that stops waiting leaves nothing behind.
            let mut working = JoinSet::new();
            loop {
                while working.len() < self.chunk
                    && let Some(host) = waiting.next()
                {
                    let (executor, job) = (self.clone(), job.clone());
                    let (stop, breaker) = (stop.clone(), breaker.clone());
                    working.spawn(async move { executor.on_host(&host, &job, &stop, &breaker).await });
                }
                let Some(done) = working.join_next().await else { break };
                let done = done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
                if self.fail_fast && done.failed {
                    stop.cancel();
                }
                results.push(done);
            }
        }
        Ok(Results::new(results, begun))
    }

    /// Ends the connections of the runners.
    pub async fn close(&self) {
        for runner in self.local.iter().chain(&self.remote) {
            runner.close().await;
        }
    }

    async fn on_host(
        &self,
        host: &Host,
        job: &Job,
        stop: &CancellationToken,
        breaker: &Breaker,
    ) -> HostResult {
        let begun = (SystemTime::now(), Instant::now());
        if stop.is_cancelled() {
            return HostResult::skipped(host, "not begun: the run was ended first", begun);
        }
        if breaker.is_open() {
            return HostResult::skipped(host, "not begun: too many hosts were lost before", begun);
        }
        let runner = if host.target.local { &self.local } else { &self.remote };
        let (outcome, attempts) = match runner {
            Some(runner) => self.attempts(&**runner, host, job, stop, breaker).await,
            None => (Err(no_runner(host)), 0),
        };
        HostResult::of(host, outcome, attempts, begun)
    }

    async fn attempts(
        &self,
        runner: &dyn Runner,
        host: &Host,
        job: &Job,
        stop: &CancellationToken,
        breaker: &Breaker,
    ) -> (Result<Reply, Failure>, u32) {
        let mut attempt = 1;
        loop {
            let error = match runner.run(host, job, stop.child_token()).await {
                Ok(reply) => return (Ok(reply), attempt),
                Err(error) => error,
            };
            let lost = results::is_unreachable(&error);
            let may = match self.retry.on {
                RetryOn::Any => !error.permanent,
                RetryOn::Transient => error.transient,
            };
            let open = lost && breaker.lost();
            if !may || open || stop.is_cancelled() {
                return (Err(error), attempt);
            }
            if attempt >= self.retry.max_attempts {
                return (Err(used_up(error, attempt)), attempt);
            }
            let pause = Duration::from_millis(self.retry.delay_ms(attempt, 0.5));
            tokio::select! {
                () = stop.cancelled() => return (Err(failure::cancelled()), attempt),
                () = tokio::time::sleep(pause) => {}
            }
            attempt += 1;
        }
    }
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor")
            .field("chunk", &self.chunk)
            .field("barrier", &self.barrier)
            .field("fail_fast", &self.fail_fast)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

fn no_runner(host: &Host) -> Failure {
    let lacks = if host.target.local {
        "the executor has none for this machine"
    } else {
        "the executor has none for other hosts"
    };
    let name = &host.target.host;
    Failure::new(Code::NoHost, format!("no runner available for host {name}: {lacks}")).permanent()
}

fn used_up(error: Failure, attempts: u32) -> Failure {
    if attempts == 1 {
        return error;
    }
    let message = format!("max retries exceeded: {}", error.message);
    Failure { message, transient: false, ..error }
}
