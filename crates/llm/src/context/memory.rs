//! What a run remembers: names and texts that its tasks leave for each other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a run remembers. A caller may bring its own.
pub trait Memory: Send + Sync {
    /// The text of a name.
    fn get(&self, name: &str) -> Option<Arc<str>>;

    /// Keeps a text under a name, in place of what was there.
    fn put(&self, name: &str, text: &str);

    /// All of it, by name.
    fn all(&self) -> BTreeMap<String, Arc<str>>;
}

/// Memory that threads share.
#[derive(Debug, Default)]
pub struct Shared(Mutex<BTreeMap<String, Arc<str>>>);

impl Memory for Shared {
    fn get(&self, name: &str) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn put(&self, name: &str, text: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), text.into());
    }

    fn all(&self) -> BTreeMap<String, Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
