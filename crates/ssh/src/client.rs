//! Connects: finds out what the configuration says, decides who does it, and goes the way to the host.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::auth::{Keyring, hardware_only};
use crate::choice::{Choice, Facts, choose};
use crate::config::{Agent, Hop, Resolved, Resolver, Settings};
use crate::dial::dial;
use crate::endpoint::check_host;
use crate::known::Store;
use crate::program;
use crate::ramp::Ramp;
use crate::session::{Needs, Session, open};
use crate::{BoxFuture, Endpoint, Error, Options, Transport};

/// Jump hosts may have jump hosts; more than these are a circle.
const MAX_HOPS: usize = 8;

/// Makes connections. Clones share what is known: one for each process is right.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    options: Arc<Options>,
    resolver: Resolver,
    store: Arc<Store>,
    keyring: Keyring,
    ramp: Ramp,
    /// Open connections to jump hosts, by the way to them. The lock of each makes those wait who need the same.
    hops: Mutex<HashMap<Vec<Hop>, Slot>>,
}

/// A connection that others hold, if there is one.
type Slot = Arc<tokio::sync::Mutex<Weak<Session>>>;

/// What is known of a host before anything is sent to it.
struct Plan {
    endpoint: Endpoint,
    settings: Arc<Settings>,
}

/// Who connects.
enum Road {
    InProcess(Box<Plan>),
    Program(Reason),
}

/// Why the `ssh` program connects.
struct Reason {
    why: String,
    /// The user's own master is open, and commands run through it.
    master: bool,
}

impl Reason {
    fn new(why: String) -> Self {
        Self { why, master: false }
    }
}

/// The jump hosts to a host.
enum Way {
    Open(Vec<Hop>),
    Closed(String),
}

impl Client {
    /// A client for this user.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let options = Arc::new(options);
        let shared = Shared {
            resolver: Resolver::new(options.clone()),
            store: Arc::default(),
            keyring: Keyring::new(options.passphrase.clone()),
            ramp: Ramp::new(options.handshakes),
            hops: Mutex::default(),
            options,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Connects and authenticates, in this process or by the `ssh` program; [`Transport::kind`] and
    /// [`Transport::note`] say which, and why.
    ///
    /// # Errors
    /// One attempt, with everything that can go wrong in it; see [`Error::is_transient`].
    pub async fn connect(&self, endpoint: &Endpoint) -> Result<Arc<dyn Transport>, Error> {
        endpoint.check()?;
        let shared = &*self.shared;
        let endpoint = &endpoint.at_home(&shared.options.home);
        let plan = match shared.road(endpoint).await? {
            Road::InProcess(plan) => *plan,
            Road::Program(reason) => return shared.program(endpoint, &reason).await,
        };
        // A way that the client in this process cannot go is not half gone.
        let way = match shared.way(&plan.settings.jumps).await? {
            Way::Open(hops) => hops,
            Way::Closed(why) => return shared.program(endpoint, &Reason::new(why)).await,
        };
        match shared.reach(&plan, &way).await {
            Ok(session) => Ok(Arc::new(session)),
            Err(Error::Auth { beyond: Some(why), .. }) => shared.program(endpoint, &Reason::new(why)).await,
            Err(error) => Err(error),
        }
    }

    /// Who would connect to this endpoint, and why; nothing is sent to it.
    ///
    /// # Errors
    /// Where names are refused, or the configuration cannot be read.
    pub async fn choice(&self, endpoint: &Endpoint) -> Result<Choice, Error> {
        endpoint.check()?;
        Ok(match self.shared.road(&endpoint.at_home(&self.shared.options.home)).await? {
            Road::InProcess(_) => Choice::InProcess,
            Road::Program(reason) => Choice::Program(reason.why),
        })
    }
}

impl Shared {
    async fn road(&self, endpoint: &Endpoint) -> Result<Road, Error> {
        let Resolved { dump, settings } = self.resolver.resolve(endpoint).await?;
        let settings = match settings {
            Ok(settings) => settings,
            Err(what) => {
                return Ok(Road::Program(Reason::new(format!("the configuration holds {what}"))));
            }
        };
        let baseline = self.resolver.baseline_for(dump.as_deref()).await?;
        let master = dump.as_deref().and_then(|dump| dump.some("controlpath"));
        let facts = Facts {
            live_master: match master {
                Some(path) => program::listens(path).await,
                None => false,
            },
            only_hardware_keys: settings.agent == Agent::None && hardware_only(&settings.identity_files),
            password: endpoint.password.is_some(),
        };
        Ok(match choose(dump.as_deref().zip(baseline.as_deref()), facts) {
            Choice::Program(why) => Road::Program(Reason { why, master: facts.live_master }),
            Choice::InProcess => {
                Road::InProcess(Box::new(Plan { endpoint: endpoint.clone(), settings: Arc::new(settings) }))
            }
        })
    }

    /// The ways of jump hosts are their own: what the inventory says of the target is not for them.
    async fn hop_road(&self, hop: &Hop) -> Result<Road, Error> {
        check_host(&hop.host)?;
        let endpoint = Endpoint { user: hop.user.clone(), port: hop.port, ..Endpoint::new(&hop.host) };
        self.road(&endpoint).await
    }

    /// The whole way over jump hosts. The first of them is reached as its own configuration says.
    async fn way(&self, jumps: &[Hop]) -> Result<Way, Error> {
        let mut hops: VecDeque<Hop> = jumps.iter().cloned().collect();
        // Those at the end of the list whose roads are known.
        let mut checked = 0;
        while checked < hops.len() {
            if hops.len() > MAX_HOPS {
                return Err(Error::Config(format!("the way over jump host {} is a circle", hops[0].host)));
            }
            let hop = &hops[hops.len() - 1 - checked];
            let own = match self.hop_road(hop).await? {
                Road::InProcess(plan) => plan.settings.jumps.clone(),
                Road::Program(reason) => {
                    return Ok(Way::Closed(format!("jump host {}: {}", hop.host, reason.why)));
                }
            };
            checked += 1;
            if checked == hops.len() {
                own.into_iter().rev().for_each(|hop| hops.push_front(hop));
            }
        }
        Ok(Way::Open(hops.into()))
    }

    /// Opens the connection itself, over the last of the jump hosts if there are any.
    async fn reach(&self, plan: &Plan, way: &[Hop]) -> Result<Session, Error> {
        let settings = &plan.settings;
        let needs = Needs { options: &self.options, store: &self.store, keyring: &self.keyring };
        let limit = plan.endpoint.connect_timeout;
        if way.is_empty() {
            let _turn = self.ramp.pass(&format!("{}:{}", settings.host, settings.port)).await;
            let stream = dial(&settings.host, settings.port, settings.family, limit).await?;
            return open(stream, &plan.endpoint, settings, &needs, None).await;
        }
        let parent = self.hop(way).await?;
        let _turn = self.ramp.pass(&format!("{way:?}")).await;
        let stream = parent.tunnel(&settings.host, settings.port).await?;
        open(stream, &plan.endpoint, settings, &needs, Some(parent)).await
    }

    /// The connection to the last jump host of a way: the open one, or a new one.
    fn hop<'a>(&'a self, way: &'a [Hop]) -> BoxFuture<'a, Result<Arc<Session>, Error>> {
        Box::pin(async move {
            let Some((last, before)) = way.split_last() else {
                return Err(Error::Config("a way without jump hosts has no last one".into()));
            };
            let slot = {
                let mut hops = self.hops.lock().unwrap_or_else(PoisonError::into_inner);
                hops.entry(way.to_vec()).or_default().clone()
            };
            // Whoever waits here waits for a shorter way only, so that nobody waits in a circle.
            let mut slot = slot.lock().await;
            if let Some(session) = slot.upgrade()
                && session.is_open()
            {
                return Ok(session);
            }
            let Road::InProcess(plan) = self.hop_road(last).await? else {
                return Err(Error::Config(format!("that of jump host {} has changed meanwhile", last.host)));
            };
            let placed = |source| Error::Jump { hop: last.host.clone(), source: Box::new(source) };
            let session = Arc::new(self.reach(&plan, before).await.map_err(placed)?);
            *slot = Arc::downgrade(&session);
            Ok(session)
        })
    }

    async fn program(&self, endpoint: &Endpoint, reason: &Reason) -> Result<Arc<dyn Transport>, Error> {
        let _turn = self.ramp.pass(&format!("ssh {}", endpoint.host)).await;
        Ok(Arc::new(program::connect(endpoint, &self.options, &reason.why, !reason.master).await?))
    }
}
