//! One scope as an untyped bag of values, for those who do not know their keys beforehand.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use windlass_model::Scope;

use super::StateView;

/// One scope as a step sees it. It reads and writes this scope alone, without the cascade.
#[derive(Clone, Debug)]
pub struct StateBag {
    view: StateView,
    scope: Scope,
}

impl StateBag {
    pub(crate) fn new(view: StateView, scope: Scope) -> Self {
        Self { view, scope }
    }

    /// Writes a value.
    pub fn set(&self, key: &str, value: impl Into<Value>) {
        self.view.set_in(self.scope, key, Some(Arc::new(value.into())));
    }

    /// A value.
    pub fn get(&self, key: &str) -> Option<Arc<Value>> {
        self.view.get_in(self.scope, key)
    }

    /// A value that is a text.
    pub fn get_string(&self, key: &str) -> Option<String> {
        self.get(key)?.as_str().map(str::to_owned)
    }

    /// A value that is a whole number; a text of digits is none.
    pub fn get_int(&self, key: &str) -> Option<i64> {
        self.get(key)?.as_i64()
    }

    /// A value that is true or false.
    pub fn get_bool(&self, key: &str) -> Option<bool> {
        self.get(key)?.as_bool()
    }

    /// Takes a value away.
    pub fn delete(&self, key: &str) {
        self.view.set_in(self.scope, key, None);
    }

    /// Copies of all values: changing them changes nothing here.
    pub fn get_all(&self) -> BTreeMap<String, Value> {
        self.view.all_in(self.scope).into_iter().map(|(key, value)| (key, Value::clone(&value))).collect()
    }
}
