//! The values of all scopes of a run, and who waits for them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch;
use windlass_model::Scope;

/// What a subscriber's channel holds: the newest value, or none yet.
pub(crate) type Latest = Option<Arc<Value>>;

/// The values of all scopes of a run, shared by its steps and its bus: there is no second store. The driver
/// journals every change; this is what the journal adds up to.
#[derive(Clone, Default)]
pub struct Values(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    values: BTreeMap<Scope, BTreeMap<String, Arc<Value>>>,
    /// One cell for each key that somebody waits for: as many as there are such keys, each holding one value.
    watched: BTreeMap<(Scope, String), watch::Sender<Latest>>,
}

impl Values {
    /// The values that a run's journal adds up to, after a restart.
    pub fn restore(values: &BTreeMap<(Scope, String), Arc<Value>>) -> Self {
        let all = Self::default();
        for ((scope, key), value) in values {
            all.set(*scope, key, Some(value.clone()));
        }
        all
    }

    /// The value of a key in one scope.
    pub fn get(&self, scope: Scope, key: &str) -> Option<Arc<Value>> {
        self.table().values.get(&scope)?.get(key).cloned()
    }

    /// The value of a key in the first scope of the chain that has it.
    pub fn find(&self, chain: &[Scope], key: &str) -> Option<Arc<Value>> {
        let table = self.table();
        chain.iter().find_map(|scope| table.values.get(scope)?.get(key).cloned())
    }

    /// Writes a value, or with `None` deletes it, and wakes those who wait for it. Never waits for them.
    pub fn set(&self, scope: Scope, key: &str, value: Option<Arc<Value>>) {
        let mut table = self.table();
        match &value {
            Some(value) => {
                table.values.entry(scope).or_default().insert(key.to_owned(), value.clone());
            }
            None => {
                table.values.get_mut(&scope).and_then(|scope| scope.remove(key));
            }
        }
        if table.watched.is_empty() {
            return;
        }
        // Told under the lock, so that two writers' values arrive in the order in which they are stored.
        let cell = (scope, key.to_owned());
        if let Some(watched) = table.watched.get(&cell) {
            if watched.is_closed() {
                table.watched.remove(&cell);
            } else {
                watched.send_replace(value);
            }
        }
    }

    /// Copies of all values of one scope.
    pub fn all(&self, scope: Scope) -> BTreeMap<String, Arc<Value>> {
        self.table().values.get(&scope).cloned().unwrap_or_default()
    }

    /// The values of one scope whose names begin with `prefix`.
    pub(crate) fn with_prefix(&self, scope: Scope, prefix: &str) -> Vec<(String, Arc<Value>)> {
        let table = self.table();
        let Some(values) = table.values.get(&scope) else { return Vec::new() };
        values
            .range(prefix.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// A channel that holds the newest value of a key, from now on.
    pub(crate) fn watch(&self, scope: Scope, key: &str) -> watch::Receiver<Latest> {
        let mut table = self.table();
        let now = table.values.get(&scope).and_then(|values| values.get(key)).cloned();
        let cell = table.watched.entry((scope, key.to_owned())).or_insert_with(|| watch::channel(now).0);
        cell.subscribe()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Values({} scopes)", self.table().values.len())
    }
}

/// Takes values that a step publishes while it runs. The driver's implementation journals each before it
/// becomes visible; it must not wait.
pub trait Publish: Send + Sync {
    /// Publishes one value; `None` deletes it.
    fn publish(&self, scope: Scope, key: &str, value: Option<Arc<Value>>);
}

/// Without a driver, as in tests of one action, values become visible at once.
impl Publish for Values {
    fn publish(&self, scope: Scope, key: &str, value: Option<Arc<Value>>) {
        self.set(scope, key, value);
    }
}
