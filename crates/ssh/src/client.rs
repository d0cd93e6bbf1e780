//! Connects: finds out what the configuration says, decides who does it, and goes the way to the host.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::auth::hardware_only;
use crate::choice::{Choice, Facts, choose};
use crate::config::{Agent, Hop, Resolved, Resolver};
use crate::endpoint::check_host;
use crate::keep::{Keeper, Unkept};
use crate::opener::Opener;
use crate::program;
use crate::route::{Plan, Route};
use crate::{Endpoint, Error, Options, Transport};

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
    opener: Opener,
    keeper: Option<Keeper>,
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
    Open(Vec<(Hop, Plan)>),
    Closed(String),
}

impl Client {
    /// A client for this user.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let options = Arc::new(options);
        let shared = Shared {
            resolver: Resolver::new(options.clone()),
            opener: Opener::new(options.clone()),
            keeper: options.keep.clone().map(Keeper::new),
            options,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Connects and authenticates, in this process or by the `ssh` program; [`Transport::kind`] and
    /// [`Transport::note`] say which, and why. Where connections are kept ([`Options::keep`]) it is one of those.
    ///
    /// # Errors
    /// One attempt, with everything that can go wrong in it; see [`Error::is_transient`].
    pub async fn connect(&self, endpoint: &Endpoint) -> Result<Arc<dyn Transport>, Error> {
        endpoint.check()?;
        let shared = &*self.shared;
        let endpoint = &endpoint.at_home(&shared.options.home);
        let route = match shared.route(endpoint).await? {
            Ok(route) => route,
            Err(reason) => return shared.program(endpoint, &reason).await,
        };
        match shared.reach(&route).await {
            Err(Error::Auth { beyond: Some(why), .. } | Error::Kept { beyond: Some(why), .. }) => {
                shared.program(endpoint, &Reason::new(why)).await
            }
            reached => reached,
        }
    }

    /// Ends the kept connections to where an endpoint leads, whoever opened them; says how many there were.
    ///
    /// # Errors
    /// Where names are refused, or the configuration cannot be read.
    pub async fn forget(&self, endpoint: &Endpoint) -> Result<usize, Error> {
        endpoint.check()?;
        let Some(keep) = &self.shared.options.keep else { return Ok(0) };
        match self.shared.road(&endpoint.at_home(&self.shared.options.home)).await? {
            Road::InProcess(plan) => {
                let settings = &plan.settings;
                let asked = format!("{}@{}:{}", settings.user, settings.host, settings.port);
                crate::keep::end(&keep.folder, &[asked]).await
            }
            Road::Program(_) => Ok(0),
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
    /// How to get to an endpoint, or why that is the `ssh` program's to find out.
    async fn route(&self, endpoint: &Endpoint) -> Result<Result<Route, Reason>, Error> {
        let target = match self.road(endpoint).await? {
            Road::InProcess(plan) => *plan,
            Road::Program(reason) => return Ok(Err(reason)),
        };
        // A way that the client in this process cannot go is not half gone.
        Ok(match self.way(&target.settings.jumps).await? {
            Way::Open(hops) => Ok(Route { target, hops }),
            Way::Closed(why) => Err(Reason::new(why)),
        })
    }

    /// The connection at the end of a way: a kept one where that is wanted and can be had.
    async fn reach(&self, route: &Route) -> Result<Arc<dyn Transport>, Error> {
        if let (Some(keeper), Some(persist)) =
            (&self.keeper, self.options.keep.as_ref().and_then(|keep| keep.persist))
        {
            match keeper.open(route, persist).await {
                Ok(kept) => return Ok(Arc::new(kept)),
                Err(Unkept::Failed(error)) => return Err(error),
                Err(Unkept::Unavailable(why)) => keeper.complain(&why),
            }
        }
        Ok(Arc::new(self.opener.open(route).await?))
    }

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
        // The end of the way, as far as it is known.
        let mut known: VecDeque<(Hop, Plan)> = VecDeque::new();
        while let Some(hop) = hops.pop_back() {
            if known.len() >= MAX_HOPS {
                return Err(Error::Config(format!("the way over jump host {} is a circle", hop.host)));
            }
            let plan = match self.hop_road(&hop).await? {
                Road::InProcess(plan) => *plan,
                Road::Program(reason) => {
                    return Ok(Way::Closed(format!("jump host {}: {}", hop.host, reason.why)));
                }
            };
            if hops.is_empty() {
                hops.extend(plan.settings.jumps.iter().cloned());
            }
            known.push_front((hop, plan));
        }
        Ok(Way::Open(known.into()))
    }

    async fn program(&self, endpoint: &Endpoint, reason: &Reason) -> Result<Arc<dyn Transport>, Error> {
        let _turn = self.opener.ramp.pass(&format!("ssh {}", endpoint.host)).await;
        Ok(Arc::new(program::connect(endpoint, &self.options, &reason.why, !reason.master).await?))
    }
}
