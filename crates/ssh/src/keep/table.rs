//! The connections that are kept: who holds each, until when it is kept, and when it is no longer good.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Connection;
use super::key::{Key, Maker};
use super::spare::{Spare, Taken};
use crate::opener::Opener;
use crate::route::Route;
use crate::session::Session;
use crate::{Ahead, Channel, Error, Options, Secret, Transport as _};

/// How many may hold one connection: servers allow ten sessions on each (`MaxSessions`), and a run with another
/// user has two, and one of each is ready.
const HOLDERS: usize = 2;

/// How many kinds of commands are kept ready on a connection.
const KINDS: usize = 2;

/// How long a server may take to answer before a kept connection counts as lost.
const ANSWER: Duration = Duration::from_secs(5);

/// All connections.
pub(super) struct Table {
    keys: Maker,
    slots: Mutex<HashMap<Key, Slot>>,
    leases: Mutex<HashMap<u64, (Arc<Kept>, CancellationToken)>>,
    openers: Mutex<HashMap<String, Weak<Opener>>>,
    next: AtomicU64,
}

/// The connections of one key. The lock makes those wait who need the same.
type Slot = Arc<tokio::sync::Mutex<Vec<Arc<Kept>>>>;

/// A connection that is kept.
pub(super) struct Kept {
    pub(super) session: Session,
    shown: String,
    /// `user@host:port`, and the host alone: by any of these a person may mean it.
    names: [String; 2],
    begun: Instant,
    state: Mutex<State>,
}

struct State {
    holders: usize,
    uses: u64,
    persist: Duration,
    /// Since when nobody holds it.
    free: Instant,
    /// A person ended it.
    ended: bool,
    /// The latest first.
    kinds: Vec<Ahead>,
    spares: HashMap<String, Spare>,
    /// The names of those that were given back and are not ready yet.
    returning: Vec<String>,
}

/// A hold on a connection, until it is dropped.
pub(super) struct Lease {
    pub(super) id: u64,
    pub(super) kept: Arc<Kept>,
    /// Cancelled with it: what still runs on it for its holder ends.
    over: CancellationToken,
    table: Arc<Table>,
    /// Connections to jump hosts are shared as long as anybody of the same process holds one.
    _opener: Arc<Opener>,
}

impl Table {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self {
            keys: Maker::new()?,
            slots: Mutex::default(),
            leases: Mutex::default(),
            openers: Mutex::default(),
            next: AtomicU64::new(1),
        })
    }

    /// A connection along this route: one that is there and still good, or a new one.
    pub(super) async fn open(
        self: &Arc<Self>,
        client: String,
        mut route: Route,
        password: Option<Secret>,
        persist: Duration,
    ) -> Result<(Lease, bool), Error> {
        let key = self.keys.make(&route, password.as_ref())?;
        route.target.endpoint.password = password;
        let opener = self.opener(client);
        let slot = lock(&self.slots).entry(key).or_default().clone();
        let mut there = slot.lock().await;
        for kept in there.iter() {
            if kept.may_hold(persist) {
                // Made before anything is waited for: whoever stops waiting lets go.
                let lease = self.lease(kept.clone(), opener.clone());
                if kept.session.holds().await && kept.answers().await {
                    return Ok((lease, true));
                }
                kept.end();
            }
        }
        there.retain(|kept| !kept.is_over());
        let kept = Arc::new(Kept::new(opener.open(&route).await?, &route, persist));
        there.push(kept.clone());
        Ok((self.lease(kept, opener), false))
    }

    fn opener(&self, client: String) -> Arc<Opener> {
        let mut openers = lock(&self.openers);
        openers.retain(|_, opener| opener.strong_count() > 0);
        if let Some(opener) = openers.get(&client).and_then(Weak::upgrade) {
            return opener;
        }
        // What else there is to know of the user is in the routes already.
        let opener = Arc::new(Opener::new(Arc::new(Options::new("/".into(), String::new()))));
        openers.insert(client, Arc::downgrade(&opener));
        opener
    }

    fn lease(self: &Arc<Self>, kept: Arc<Kept>, opener: Arc<Opener>) -> Lease {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let over = CancellationToken::new();
        lock(&self.leases).insert(id, (kept.clone(), over.clone()));
        Lease { id, kept, over, table: self.clone(), _opener: opener }
    }

    /// The connection of a lease, and what tells of the lease's end.
    pub(super) fn held(&self, lease: u64) -> Option<(Arc<Kept>, CancellationToken)> {
        lock(&self.leases).get(&lease).cloned()
    }

    /// Ends what was not used for long enough, and forgets what has ended; says whether anything is left.
    pub(super) async fn tidy(&self) -> bool {
        let slots: Vec<(Key, Slot)> =
            lock(&self.slots).iter().map(|(key, slot)| (*key, slot.clone())).collect();
        for (_, slot) in &slots {
            // Somebody opens a connection there; it is looked at the next time.
            let Ok(mut there) = slot.try_lock() else { continue };
            there.retain(|kept| !kept.is_over());
        }
        drop(slots);
        let mut slots = lock(&self.slots);
        // Who has its own hold on a slot is about to use it.
        slots.retain(|_, slot| {
            Arc::strong_count(slot) > 1 || slot.try_lock().map_or(true, |there| !there.is_empty())
        });
        !slots.is_empty()
    }

    /// What there is, for people.
    pub(super) async fn list(&self) -> Vec<Connection> {
        let mut list: Vec<Connection> = self.all().await.iter().map(|kept| kept.told()).collect();
        list.sort_by(|a, b| a.to.cmp(&b.to));
        list
    }

    /// Ends the connections that any of these words name, or all; says how many. Commands that still run on them
    /// lose them.
    pub(super) async fn end(&self, named: &[String]) -> usize {
        let all = self.all().await;
        let meant = all.iter().filter(|kept| named.is_empty() || named.iter().any(|name| kept.is(name)));
        let meant: Vec<_> = meant.collect();
        for kept in &meant {
            kept.end();
            kept.session.close().await;
        }
        self.tidy().await;
        meant.len()
    }

    async fn all(&self) -> Vec<Arc<Kept>> {
        let slots: Vec<Slot> = lock(&self.slots).values().cloned().collect();
        let mut all = Vec::new();
        for slot in slots {
            // Who opens one that cannot be reached takes long, and has none yet.
            if let Ok(there) = slot.try_lock() {
                all.extend(there.iter().filter(|kept| !kept.is_over()).cloned());
            }
        }
        all
    }
}

impl Kept {
    fn new(session: Session, route: &Route, persist: Duration) -> Self {
        let settings = &route.target.settings;
        let state = State {
            holders: 1,
            uses: 1,
            persist,
            free: Instant::now(),
            ended: false,
            kinds: Vec::new(),
            spares: HashMap::new(),
            returning: Vec::new(),
        };
        Self {
            session,
            shown: route.shown(),
            names: [format!("{}@{}:{}", settings.user, settings.host, settings.port), settings.host.clone()],
            begun: Instant::now(),
            state: Mutex::new(state),
        }
    }

    /// Holds it, if one more may.
    fn may_hold(&self, persist: Duration) -> bool {
        if self.is_over() {
            return false;
        }
        let mut state = lock(&self.state);
        if state.holders >= HOLDERS {
            return false;
        }
        state.holders += 1;
        state.uses += 1;
        // Whoever asks for a shorter time does not take from others who may come back.
        state.persist = if state.holders == 1 { persist } else { state.persist.max(persist) };
        true
    }

    fn let_go(&self) {
        let mut state = lock(&self.state);
        state.holders -= 1;
        state.free = Instant::now();
    }

    fn end(&self) {
        let mut state = lock(&self.state);
        state.ended = true;
        state.spares.clear();
    }

    fn is_over(&self) -> bool {
        let state = lock(&self.state);
        let late = state.holders == 0 && state.free.elapsed() >= state.persist;
        state.ended || late || !self.session.is_alive()
    }

    /// Whether a person means this one: by its host, or by `user@host:port`.
    fn is(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }

    fn told(&self) -> Connection {
        let state = lock(&self.state);
        let free = if state.holders > 0 { None } else { Some(state.free.elapsed()) };
        let seconds = |time: Duration| time.as_secs();
        Connection {
            to: self.shown.clone(),
            note: self.session.note().to_owned(),
            age_s: seconds(self.begun.elapsed()),
            uses: state.uses,
            held_by: state.holders,
            ready: state.spares.len(),
            left_s: free.map(|free| seconds(state.persist.saturating_sub(free))),
        }
    }

    /// Whether the server answers, and with it what waits there for somebody: what does not is ended.
    async fn answers(&self) -> bool {
        let waiting = std::mem::take(&mut lock(&self.state).spares);
        let mut checks = JoinSet::new();
        for (name, spare) in waiting {
            checks.spawn(async move { (name, spare.check(ANSWER).await) });
        }
        let (answers, checked) = tokio::join!(self.session.answers(ANSWER), checks.join_all());
        for (name, spare) in checked {
            self.stock(&name, spare);
        }
        answers
    }

    /// Starts a command: takes the one that is ready, if it is of a kind that is.
    pub(super) async fn exec(&self, command: &str, kind: Option<&Ahead>) -> Result<Taken, Error> {
        if let Some(kind) = kind {
            let spare = {
                let mut state = lock(&self.state);
                let spare = state.spares.remove(&kind.name);
                state.kinds.retain(|known| known.name != kind.name);
                state.kinds.insert(0, kind.clone());
                state.kinds.truncate(KINDS);
                spare
            };
            if let Some(spare) = spare
                && let Some(taken) = spare.take().await
            {
                return Ok(taken);
            }
        }
        let channel = self.session.exec(command).await?;
        Ok(Taken { channel, greeting: String::new() })
    }

    /// Takes a command back: it is ready for the next one when it has forgotten its user, and ended where it does not
    /// say so. No other is started in its place from this call on, whenever the rest is waited for.
    pub(super) fn returning(&self, channel: Channel, kind: Ahead) -> impl Future<Output = ()> + '_ {
        lock(&self.state).returning.push(kind.name.clone());
        async move {
            let spare = match kind.again {
                Some(again) => Spare::again(channel, again, ANSWER).await,
                None => None,
            };
            let ready = spare.is_some();
            self.stock(&kind.name, spare);
            self.returned(&kind.name);
            if !ready {
                self.restock().await;
            }
        }
    }

    fn returned(&self, name: &str) {
        let returning = &mut lock(&self.state).returning;
        if let Some(place) = returning.iter().position(|known| known == name) {
            returning.swap_remove(place);
        }
    }

    /// Keeps a command ready, unless there is one of its kind or none is wanted any more.
    fn stock(&self, name: &str, spare: Option<Spare>) {
        let mut state = lock(&self.state);
        if let Some(spare) = spare
            && !state.ended
            && state.kinds.iter().any(|kind| kind.name == name)
        {
            state.spares.entry(name.to_owned()).or_insert(spare);
        }
    }

    /// Starts one of each kind that was used and is not ready, when a hold ends: those who are at work are not held up.
    async fn restock(&self) {
        let wanted: Vec<Ahead> = {
            let mut state = lock(&self.state);
            let State { kinds, spares, returning, .. } = &mut *state;
            spares.retain(|name, _| kinds.iter().any(|kind| kind.name == *name));
            let there = |name: &String| spares.contains_key(name) || returning.contains(name);
            kinds.iter().filter(|kind| !there(&kind.name)).cloned().collect()
        };
        for kind in wanted {
            if self.is_over() {
                return;
            }
            let spare = Spare::start(&self.session, &kind).await;
            self.stock(&kind.name, spare);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        lock(&self.table.leases).remove(&self.id);
        self.over.cancel();
        self.kept.let_go();
        let kept = self.kept.clone();
        tokio::spawn(async move { kept.restock().await });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
