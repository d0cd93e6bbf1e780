//! Goes a way to its end: opens connections, and shares those to jump hosts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::auth::Keyring;
use crate::config::Hop;
use crate::dial::dial;
use crate::known::Store;
use crate::ramp::Ramp;
use crate::route::{Plan, Route};
use crate::session::{Needs, Session, open};
use crate::{BoxFuture, Error, Options};

/// Opens connections for one process, whose keys it reads once.
pub(crate) struct Opener {
    options: Arc<Options>,
    store: Arc<Store>,
    keyring: Keyring,
    pub(crate) ramp: Ramp,
    /// Open connections to jump hosts, by the way to them. The lock of each makes those wait who need the same.
    hops: Mutex<HashMap<Vec<Hop>, Slot>>,
}

/// A connection that others hold, if there is one.
type Slot = Arc<tokio::sync::Mutex<Weak<Session>>>;

impl Opener {
    pub(crate) fn new(options: Arc<Options>) -> Self {
        Self {
            store: Arc::default(),
            keyring: Keyring::new(options.passphrase.clone()),
            ramp: Ramp::new(options.handshakes),
            hops: Mutex::default(),
            options,
        }
    }

    /// Opens the connection at the end of a way.
    pub(crate) async fn open(&self, route: &Route) -> Result<Session, Error> {
        self.reach(&route.target, &route.hops).await
    }

    /// Opens a connection, over the last of the jump hosts if there are any.
    async fn reach(&self, plan: &Plan, way: &[(Hop, Plan)]) -> Result<Session, Error> {
        let settings = &plan.settings;
        let needs = Needs { options: &self.options, store: &self.store, keyring: &self.keyring };
        if way.is_empty() {
            let _turn = self.ramp.pass(&format!("{}:{}", settings.host, settings.port)).await;
            let limit = plan.endpoint.connect_timeout;
            let stream = dial(&settings.host, settings.port, settings.family, limit).await?;
            let peer = stream.peer_addr().ok().map(|address| address.ip());
            return open(stream, plan, &needs, peer, None).await;
        }
        let parent = self.hop(way).await?;
        let _turn = self.ramp.pass(&format!("{:?}", names(way))).await;
        let stream = parent.tunnel(&settings.host, settings.port).await?;
        open(stream, plan, &needs, None, Some(parent)).await
    }

    /// The connection to the last jump host of a way: the open one, or a new one.
    fn hop<'a>(&'a self, way: &'a [(Hop, Plan)]) -> BoxFuture<'a, Result<Arc<Session>, Error>> {
        Box::pin(async move {
            let Some(((last, plan), before)) = way.split_last() else {
                return Err(Error::Config("a way without jump hosts has no last one".into()));
            };
            let slot = {
                let mut hops = self.hops.lock().unwrap_or_else(PoisonError::into_inner);
                hops.entry(names(way)).or_default().clone()
            };
            // Whoever waits here waits for a shorter way only, so that nobody waits in a circle.
            let mut slot = slot.lock().await;
            if let Some(session) = slot.upgrade().filter(|session| session.is_alive()) {
                return Ok(session);
            }
            let placed = |source| Error::Jump { hop: last.host.clone(), source: Box::new(source) };
            let session = Arc::new(self.reach(plan, before).await.map_err(placed)?);
            *slot = Arc::downgrade(&session);
            Ok(session)
        })
    }
}

fn names(way: &[(Hop, Plan)]) -> Vec<Hop> {
    way.iter().map(|(hop, _)| hop.clone()).collect()
}
