//! The run's state as a step sees it: scopes that cascade on read, and a write that names its scope.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use windlass_model::Scope;

/// The values of all scopes of a run, shared by its steps. The driver's journal is behind it.
pub type Values = Arc<Mutex<BTreeMap<(Scope, String), Arc<Value>>>>;

/// The run's state as one step sees it.
#[derive(Clone, Debug)]
pub struct StateView {
    values: Values,
    chain: Arc<[Scope]>,
}

impl StateView {
    /// A view from a place: `chain` is the nearest scope first, the run's last.
    pub fn new(values: Values, chain: impl Into<Arc<[Scope]>>) -> Self {
        Self { values, chain: chain.into() }
    }

    /// The value of a key in the nearest scope that has it.
    pub fn get(&self, key: &str) -> Option<Arc<Value>> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        self.chain.iter().find_map(|scope| values.get(&(*scope, key.to_owned())).cloned())
    }
}
