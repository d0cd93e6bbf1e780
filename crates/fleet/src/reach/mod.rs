//! The way to hosts: a connection and a gate for each, made when they are first needed and kept for the run.
//!
//! * [`Reach::runner`] gives the gate of a host and user; those who need the same one wait for one another, and
//!   nobody else does.
//! * `endpoint` says what the host's variables mean; `line` is what carries bytes to it.

mod endpoint;
mod line;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use windlass_engine::{RunMemory, Target};
use windlass_gate::wire::{Answer, Info, Order, VERSION, encode};
use windlass_model::{Code, Failure, RunId};
use windlass_ssh::{Again, Ahead, Client};

use self::endpoint::Way;
pub(crate) use self::endpoint::becomes;
use self::line::Line;
use crate::remote::{Become, Delivery, Gate, Method, Options, RemoteRunner, nonce};

/// How often connecting to a host is tried.
const ATTEMPTS: u32 = 3;

/// How long all attempts together may take: three times ten seconds, and the pauses between.
const WITHIN: Duration = Duration::from_secs(35);

/// How much longer than its connection is kept a gate waits for the next run: by then it was ended, or whoever would
/// have done that is gone.
const MARGIN: Duration = Duration::from_secs(60);

/// How long giving kept gates back may take.
const LEAVE: Duration = Duration::from_secs(2);

/// The way to other hosts. Clones share their connections.
#[derive(Clone)]
pub struct Reach(Arc<Inner>);

struct Inner {
    ssh: Client,
    /// How long connections are kept for later runs.
    persist: Option<Duration>,
    gates: Option<PathBuf>,
    delivery: OnceLock<Result<Delivery, String>>,
    lines: Slots<(RunId, Arc<str>), Line>,
    runners: Slots<Key, RemoteRunner>,
    /// The ends of gates that go back to whoever keeps them.
    leaving: Mutex<JoinSet<()>>,
}

/// Whose gate it is: a run's, on a host, as a user.
type Key = (RunId, Arc<str>, Option<(Method, String)>);

/// What is made once for each key. The lock of each makes those wait who need the same.
type Slots<K, V> = Mutex<HashMap<K, Arc<tokio::sync::Mutex<Option<V>>>>>;

impl Reach {
    /// The way of this user. `gates` is a folder with gates for other architectures (`windlass-gate-ARCH`).
    pub fn new(ssh: windlass_ssh::Options, gates: Option<PathBuf>) -> Self {
        let inner = Inner {
            persist: ssh.keep.as_ref().and_then(|keep| keep.persist),
            ssh: Client::new(ssh),
            gates,
            delivery: OnceLock::new(),
            lines: Mutex::default(),
            runners: Mutex::default(),
            leaving: Mutex::default(),
        };
        Self(Arc::new(inner))
    }

    /// A runner over the gate of a run's target. The connection is made if there is none, or none any more; the
    /// gate may still be on its way when this returns, and what goes wrong there is told by its first request.
    pub(crate) async fn runner(
        &self,
        run: &RunId,
        target: &Target,
        cancel: &CancellationToken,
    ) -> Result<RemoteRunner, Lost> {
        let way = Way::of(target).map_err(Lost::Host)?;
        let delivery = self.delivery()?;
        let role = way.role.as_ref().map(|role| (role.method, role.user.clone()));
        let slot = slot(&self.0.runners, (run.clone(), target.host.clone(), role));
        let mut runner = slot.lock().await;
        if let Some(runner) = runner.as_ref().filter(|runner| runner.gate().is_usable()) {
            return Ok(runner.clone());
        }
        let wanted = way.role.as_ref().map(endpoint::Role::wanted).transpose().map_err(Lost::Host)?;
        let command = match &wanted {
            Some(wanted) => wanted.command(&delivery),
            None => delivery.command(),
        };
        // Where a password may be asked for, nobody is there to give it ahead of time.
        let early = self.0.persist.filter(|_| wanted.as_ref().is_none_or(Become::eager));
        let ahead = early.map(|persist| ahead(&delivery, wanted.as_ref(), persist));
        let line = self.line(run, target, &way, cancel).await?;
        let streams = line.start(&command, ahead.as_ref()).await.map_err(Lost::Connection)?;
        let kept = streams.back.is_some();
        let gate = Gate::open(streams, delivery, wanted.as_ref(), Options::default());
        if kept {
            let mut leaving = lock(&self.0.leaving);
            // Those that have gone already are not waited for.
            while leaving.try_join_next().is_some() {}
            leaving.spawn(gate.over());
        }
        let made = RemoteRunner::new(gate);
        *runner = Some(made.clone());
        Ok(made)
    }

    /// Who the gate of a target is. It is brought there first if it has to be.
    pub async fn greet(&self, target: &Target, cancel: &CancellationToken) -> Result<Info, Failure> {
        let runner = self.runner(&errand(), target, cancel).await.map_err(Lost::failure)?;
        runner.gate().info().await.map_err(|error| error.failure())
    }

    /// Removes the gates of a target's user from it, and everything else in their folders.
    pub async fn clean(&self, target: &Target, cancel: &CancellationToken) -> Result<(), Failure> {
        let way = Way::of(target)?;
        if let Some(endpoint) = &way.endpoint {
            // A kept connection may have a gate on it that waits for the next run.
            self.0.ssh.forget(endpoint).await.map_err(|error| line::failure(&error))?;
        }
        let line = self.line(&errand(), target, &way, cancel).await.map_err(Lost::failure)?;
        let streams = line.start(&Delivery::clean(), None).await?;
        drop(streams.input);
        let mut said = Vec::new();
        // A host that says more than this says something else.
        let mut output = streams.output.take(64 << 10);
        let heard = output.read_to_end(&mut said);
        let lost = |why: String| Failure::new(Code::GateLost, why).transient();
        tokio::select! {
            heard = tokio::time::timeout(WITHIN, heard) => match heard {
                Ok(heard) => drop(heard.map_err(|error| lost(error.to_string()))?),
                Err(_) => return Err(lost("the host took too long to clean up".into())),
            },
            () = cancel.cancelled() => return Err(crate::failure::cancelled()),
        }
        match String::from_utf8_lossy(&said).lines().any(|line| line.ends_with(" clean")) {
            true => Ok(()),
            false => Err(lost("the host did not say that it cleaned up".into())),
        }
    }

    /// Ends the gates and connections of a run when its memory goes, without a word: a gate ends with its input.
    pub(crate) fn during(&self, memory: &RunMemory, run: &RunId) {
        memory.get::<Visit>().0.get_or_init(|| (Arc::downgrade(&self.0), run.clone()));
    }

    /// Lets go of everything that no run needs any more. Kept gates go back to whoever keeps them, which is waited
    /// for; the others end with their input, without a word.
    pub async fn leave(&self) {
        lock(&self.0.runners).clear();
        lock(&self.0.lines).clear();
        let leaving = std::mem::take(&mut *lock(&self.0.leaving));
        // Whoever keeps them is a process of this machine. Where it hangs, it ends them.
        tokio::time::timeout(LEAVE, leaving.join_all()).await.ok();
    }

    /// Ends all gates and connections, and waits until the gates are gone.
    pub async fn close(&self) {
        let runners = std::mem::take(&mut *lock(&self.0.runners));
        let closing = runners.into_values().map(|slot| async move {
            if let Some(runner) = slot.lock().await.take() {
                runner.gate().clone().close().await;
            }
        });
        let closing: Vec<_> = closing.map(tokio::spawn).collect();
        for close in closing {
            close.await.ok();
        }
        let lines = std::mem::take(&mut *lock(&self.0.lines));
        for slot in lines.into_values() {
            if let Some(Line::Ssh(transport)) = slot.lock().await.take() {
                transport.close().await;
            }
        }
    }

    async fn line(
        &self,
        run: &RunId,
        target: &Target,
        way: &Way,
        cancel: &CancellationToken,
    ) -> Result<Line, Lost> {
        let slot = slot(&self.0.lines, (run.clone(), target.host.clone()));
        let mut line = slot.lock().await;
        if let Some(line) = line.as_ref().filter(|line| line.is_open()) {
            return Ok(line.clone());
        }
        let made = match &way.endpoint {
            None => Line::Here,
            Some(endpoint) => {
                let connected = self.0.ssh.connect_with_retry(endpoint, ATTEMPTS, WITHIN, cancel).await;
                Line::Ssh(connected.map_err(|error| line::lost(&error))?)
            }
        };
        *line = Some(made.clone());
        Ok(made)
    }

    /// The gates that can be sent. Reading them takes a moment, and is put off until a host needs one.
    fn delivery(&self) -> Result<Delivery, Lost> {
        let read = || {
            let gates = windlass_image::gates(self.0.gates.as_deref());
            gates.map(Delivery::new).map_err(|error| error.to_string())
        };
        self.0.delivery.get_or_init(read).clone().map_err(|why| {
            Lost::Host(
                Failure::new(Code::NoGate, why)
                    .permanent()
                    .hint("WINDLASS_GATE_DIR names a folder with gates"),
            )
        })
    }
}

/// A run's stay on hosts.
#[derive(Default)]
struct Visit(OnceLock<(Weak<Inner>, RunId)>);

impl Drop for Visit {
    fn drop(&mut self) {
        let Some((reach, run)) = self.0.get() else { return };
        if let Some(reach) = reach.upgrade() {
            lock(&reach.runners).retain(|(of, _, _), _| of != run);
            lock(&reach.lines).retain(|(of, _), _| of != run);
        }
    }
}

/// A gate that waits for the next run: those of the same program and user can stand for each other.
fn ahead(delivery: &Delivery, wanted: Option<&Become>, persist: Duration) -> Ahead {
    let next = match wanted {
        Some(wanted) => wanted.command(delivery),
        None => delivery.command(),
    };
    let quiet = u64::try_from((persist + MARGIN).as_millis()).unwrap_or(u64::MAX);
    let hello = Order::Hello { version: VERSION, quiet_ms: Some(quiet) };
    let opening = String::from_utf8(encode(&hello)).expect("a message is text");
    let who = wanted.map_or_else(String::new, |wanted| format!(" {wanted:?}"));
    Ahead { name: format!("gate {}{who}", delivery.name()), next, opening, again: Some(again(quiet)) }
}

/// How a gate that a run is done with is made ready for the next: it forgets everything, or ends.
fn again(quiet_ms: u64) -> Again {
    let text = |message: Vec<u8>| String::from_utf8(message).expect("a message is text");
    let nonce = nonce();
    Again {
        ask: text(encode(&Order::Reset { nonce: nonce.clone(), quiet_ms })),
        answer: text(encode(&Answer::Clean { nonce })),
        greeting: Delivery::greeting(),
    }
}

impl std::fmt::Debug for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reach").field("gates", &self.0.gates).finish_non_exhaustive()
    }
}

/// What is done outside of runs.
fn errand() -> RunId {
    RunId::new("errand").expect("the word is a good id")
}

/// Why there is no runner.
pub(crate) enum Lost {
    /// The host could not be reached.
    Connection(Failure),
    /// What is said of the host cannot be.
    Host(Failure),
    /// The step was ended first.
    Cancelled,
}

impl Lost {
    pub(crate) fn failure(self) -> Failure {
        match self {
            Lost::Connection(error) | Lost::Host(error) => error,
            Lost::Cancelled => crate::failure::cancelled(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn slot<K: std::hash::Hash + Eq, V>(slots: &Slots<K, V>, key: K) -> Arc<tokio::sync::Mutex<Option<V>>> {
    lock(slots).entry(key).or_default().clone()
}
