//! The data bus: the run's state with subscriptions.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;
use windlass_model::{Failure, Scope};

use crate::state::{Key, Publish, ScopeLevel, Values};

/// A topic is a key of the run's state: what is published under it is what its readers find there.
pub type Topic<T> = Key<T>;

/// The data bus as one step sees it. It has no store of its own: published values are the run's state.
///
/// A value is visible as soon as it is journalled, before the step that published it ends. A subscriber that
/// comes late gets the last value first; one that is slow misses values between and gets the newest, so that
/// no publisher ever waits.
#[derive(Clone)]
pub struct Bus {
    values: Values,
    chain: Arc<[Scope]>,
    publisher: Arc<dyn Publish>,
}

impl Bus {
    /// A bus over `values` as seen from the scopes of `chain`.
    pub fn new(values: Values, chain: Arc<[Scope]>, publisher: Arc<dyn Publish>) -> Self {
        Self { values, chain, publisher }
    }

    /// Publishes a value.
    pub fn publish(&self, level: ScopeLevel, key: &str, value: impl Into<Value>) -> Result<(), Failure> {
        self.publisher.publish(level.among(&self.chain)?, key, Some(Arc::new(value.into())));
        Ok(())
    }

    /// The last value, where there is one.
    pub fn get(&self, level: ScopeLevel, key: &str) -> Option<Arc<Value>> {
        self.values.get(level.among(&self.chain).ok()?, key)
    }

    /// Hears values of a key from now on, the last one first.
    pub fn subscribe(&self, level: ScopeLevel, key: &str) -> Result<Subscription, Failure> {
        let mut latest = self.values.watch(level.among(&self.chain)?, key);
        latest.mark_changed();
        Ok(Subscription { latest })
    }

    /// Publishes a value of a topic.
    pub fn send<T: Serialize>(&self, topic: &Topic<T>, value: &T) -> Result<(), Failure> {
        let value = crate::state::untyped(topic.name(), value)?;
        self.publisher.publish(topic.level().among(&self.chain)?, topic.name(), Some(value));
        Ok(())
    }

    /// The last value of a topic, where there is one; an error where it is of another type.
    pub fn latest<T: DeserializeOwned>(&self, topic: &Topic<T>) -> Result<Option<T>, Failure> {
        let value = self.get(topic.level(), topic.name());
        value.map(|value| crate::state::typed(topic.name(), &value)).transpose()
    }

    /// Hears values of a topic from now on, the last one first.
    pub fn listen<T: DeserializeOwned>(&self, topic: &Topic<T>) -> Result<Listener<T>, Failure> {
        let values = self.subscribe(topic.level(), topic.name())?;
        Ok(Listener { name: topic.name().to_owned(), values, value: PhantomData })
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bus({:?})", self.chain)
    }
}

/// Values of one key as they come.
#[derive(Debug)]
pub struct Subscription {
    latest: watch::Receiver<Option<Arc<Value>>>,
}

impl Subscription {
    /// Waits for a value that this subscriber has not seen; `None` when the run is over and none can come.
    /// It can be dropped while it waits without missing anything.
    pub async fn next(&mut self) -> Option<Arc<Value>> {
        loop {
            self.latest.changed().await.ok()?;
            let value = self.latest.borrow_and_update().clone();
            if value.is_some() {
                return value;
            }
        }
    }
}

/// Values of one topic as they come.
#[derive(Debug)]
pub struct Listener<T> {
    name: String,
    values: Subscription,
    value: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Listener<T> {
    /// Waits for a value that this listener has not seen; `None` when the run is over and none can come. An
    /// error is a value of another type; the next may be right again.
    pub async fn next(&mut self) -> Option<Result<T, Failure>> {
        let value = self.values.next().await?;
        Some(crate::state::typed(&self.name, &value))
    }
}
