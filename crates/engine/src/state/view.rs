//! The run's state as one step sees it, and what the step writes to it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use windlass_model::{Code, Failure, Scope};

use super::level::scope_of;
use super::{HostKey, Key, Publish, ScopeLevel, StateBag, Values};
use crate::Bus;

/// One write of a step: where, the key, and the value; no value deletes.
pub type Write = (Scope, String, Option<Arc<Value>>);

/// Writes that are not journalled yet, the last of each key.
type Buffer = BTreeMap<(Scope, String), Option<Arc<Value>>>;

/// The run's state as one step sees it: the scopes around it, the nearest first, and nothing beside or below.
///
/// What a step writes it sees itself at once, and nobody else until the driver has journalled it with the
/// step's end: an attempt that fails or dies leaves nothing behind. What has to be seen earlier goes over the
/// [`Bus`]. Clones are the same view.
#[derive(Clone)]
pub struct StateView {
    values: Values,
    chain: Arc<[Scope]>,
    writes: Arc<Mutex<Buffer>>,
    publisher: Option<Arc<dyn Publish>>,
}

impl StateView {
    /// A view from a place: `chain` is the nearest scope first, the run's last.
    pub fn new(values: Values, chain: impl Into<Arc<[Scope]>>) -> Self {
        Self { values, chain: chain.into(), writes: Arc::default(), publisher: None }
    }

    /// The scopes around a task's steps, the nearest first.
    pub fn chain(task: u32, stage: Option<u32>) -> Arc<[Scope]> {
        match stage {
            Some(stage) => [Scope::Task(task), Scope::Stage(stage), Scope::Pipeline, Scope::Global].into(),
            None => [Scope::Task(task), Scope::Pipeline, Scope::Global].into(),
        }
    }

    /// Where the step's bus publishes to.
    #[must_use]
    pub fn with_publisher(mut self, publisher: Arc<dyn Publish>) -> Self {
        self.publisher = Some(publisher);
        self
    }

    /// The value of a key in the nearest scope that has it.
    pub fn get(&self, key: &str) -> Option<Arc<Value>> {
        self.chain.iter().find_map(|scope| self.get_in(*scope, key))
    }

    /// The value of a typed key in the nearest scope that has it; an error where it is of another type.
    pub fn read<T: DeserializeOwned>(&self, key: &Key<T>) -> Result<Option<T>, Failure> {
        self.get(key.name()).map(|value| typed(key.name(), &value)).transpose()
    }

    /// The value of a typed key that has to be there.
    pub fn need<T: DeserializeOwned>(&self, key: &Key<T>) -> Result<T, Failure> {
        self.read(key)?.ok_or_else(|| {
            Failure::new(Code::NoProducer, format!("nothing has written the key {:?}", key.name()))
                .hint("the step that writes it was skipped or has not said that it produces the key")
                .permanent()
        })
    }

    /// Every host's value of a key, by host.
    pub fn read_hosts<T: DeserializeOwned>(&self, key: &HostKey<T>) -> Result<BTreeMap<String, T>, Failure> {
        let prefix = key.prefix();
        let mut found = BTreeMap::new();
        // From the outermost scope inwards, so that nearer values win.
        for &scope in self.chain.iter().rev() {
            found.extend(self.values.with_prefix(scope, &prefix));
            for ((_, name), value) in self.writes().iter().filter(|((at, _), _)| *at == scope) {
                match value {
                    Some(value) if name.starts_with(&prefix) => {
                        found.insert(name.clone(), value.clone());
                    }
                    Some(_) => {}
                    None => drop(found.remove(name)),
                }
            }
        }
        found
            .into_iter()
            .map(|(name, value)| Ok((name[prefix.len()..].to_owned(), typed(&name, &value)?)))
            .collect()
    }

    /// Writes the value of a typed key to the scope that the key names.
    pub fn write<T: Serialize>(&self, key: &Key<T>, value: &T) -> Result<(), Failure> {
        let scope = key.level().among(&self.chain)?;
        self.set_in(scope, key.name(), Some(untyped(key.name(), value)?));
        Ok(())
    }

    /// Deletes the value of a typed key in the scope that the key names.
    pub fn delete<T>(&self, key: &Key<T>) -> Result<(), Failure> {
        self.set_in(key.level().among(&self.chain)?, key.name(), None);
        Ok(())
    }

    /// The value of a key in the scope with this word only; with an empty word, in the nearest scope that has
    /// it. An unknown word has no values.
    pub fn import(&self, scope: &str, key: &str) -> Option<Arc<Value>> {
        if scope.is_empty() {
            return self.get(key);
        }
        self.get_in(scope_of(scope, &self.chain).ok()?, key)
    }

    /// Writes a value to the scope with this word. An unknown word is an error, and so is an empty one: a
    /// write names its scope.
    pub fn export(&self, scope: &str, key: &str, value: impl Into<Value>) -> Result<(), Failure> {
        self.set_in(scope_of(scope, &self.chain)?, key, Some(Arc::new(value.into())));
        Ok(())
    }

    /// One scope as an untyped bag.
    pub fn bag(&self, level: ScopeLevel) -> Result<StateBag, Failure> {
        Ok(StateBag::new(self.clone(), level.among(&self.chain)?))
    }

    /// The same state with subscriptions.
    pub fn bus(&self) -> Bus {
        let publisher = self.publisher.clone().unwrap_or_else(|| Arc::new(self.values.clone()));
        Bus::new(self.values.clone(), self.chain.clone(), publisher)
    }

    /// What the step has written since the last call, by scope and key. The driver journals it together with
    /// the step's end, and drops it where the attempt failed.
    pub fn take_writes(&self) -> Vec<Write> {
        let writes = std::mem::take(&mut *self.writes());
        writes.into_iter().map(|((scope, key), value)| (scope, key, value)).collect()
    }

    pub(crate) fn get_in(&self, scope: Scope, key: &str) -> Option<Arc<Value>> {
        let own = {
            let writes = self.writes();
            // Most steps write nothing: they need no key of their own to look for.
            if writes.is_empty() { None } else { writes.get(&(scope, key.to_owned())).cloned() }
        };
        own.unwrap_or_else(|| self.values.get(scope, key))
    }

    pub(crate) fn set_in(&self, scope: Scope, key: &str, value: Option<Arc<Value>>) {
        self.writes().insert((scope, key.to_owned()), value);
    }

    pub(crate) fn all_in(&self, scope: Scope) -> BTreeMap<String, Arc<Value>> {
        let mut all = self.values.all(scope);
        for ((_, key), value) in self.writes().iter().filter(|((at, _), _)| *at == scope) {
            match value {
                Some(value) => drop(all.insert(key.clone(), value.clone())),
                None => drop(all.remove(key)),
            }
        }
        all
    }

    fn writes(&self) -> MutexGuard<'_, Buffer> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for StateView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateView({:?})", self.chain)
    }
}

/// A stored value as its type. The message says what did not fit, never the value.
pub(crate) fn typed<T: DeserializeOwned>(name: &str, value: &Value) -> Result<T, Failure> {
    T::deserialize(value).map_err(|_| {
        let wanted = short(std::any::type_name::<T>());
        Failure::new(Code::StateType, format!("the value of {name:?} is not a {wanted}"))
            .hint("its writer and its reader have to share one key")
            .permanent()
    })
}

/// A typed value as it is stored.
pub(crate) fn untyped<T: Serialize>(name: &str, value: &T) -> Result<Arc<Value>, Failure> {
    serde_json::to_value(value).map(Arc::new).map_err(|error| {
        Failure::new(Code::StateType, format!("the value of {name:?} cannot be stored: {error}")).permanent()
    })
}

/// A type's name without the modules that it is in.
fn short(name: &str) -> &str {
    let arguments = name.find('<').unwrap_or(name.len());
    let start = name[..arguments].rfind("::").map_or(0, |at| at + 2);
    &name[start..]
}
