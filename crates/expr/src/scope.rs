//! The variables that an expression sees: layers of names, of which the first that has a name wins.
//!
//! Building a scope costs as much as the number of layers, not of variables: layers are shared, and a
//! variable is converted from JSON only when an expression asks for it, once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use minijinja::Value;
use minijinja::value::{Enumerator, Object};

use crate::convert::from_json;
use crate::outside::Outside;

/// A layer of a scope.
pub trait Lookup: fmt::Debug + Send + Sync {
    /// The value of a name, if this layer has it.
    fn get(&self, name: &str) -> Option<Value>;

    /// The names of this layer: for iteration over a scope, and for the near name in an error.
    fn names(&self) -> Vec<String>;

    /// What the expressions over this layer may ask for besides variables. The first layer that has it decides.
    fn outside(&self) -> Option<Arc<dyn Outside>> {
        None
    }
}

impl Lookup for BTreeMap<String, Value> {
    fn get(&self, name: &str) -> Option<Value> {
        BTreeMap::get(self, name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.keys().cloned().collect()
    }
}

/// A layer over JSON values, each converted when it is first asked for.
pub struct Vars {
    json: serde_json::Map<String, serde_json::Value>,
    converted: RwLock<HashMap<String, Value>>,
}

impl Vars {
    /// A layer over the members of a JSON object.
    pub fn new(json: serde_json::Map<String, serde_json::Value>) -> Vars {
        Vars { json, converted: RwLock::default() }
    }
}

impl fmt::Debug for Vars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values may be secret: the names alone.
        f.debug_set().entries(self.json.keys()).finish()
    }
}

impl Lookup for Vars {
    fn get(&self, name: &str) -> Option<Value> {
        let (name, json) = self.json.get_key_value(name)?;
        if let Some(value) = self.converted.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Some(value.clone());
        }
        let value = from_json(json);
        let mut converted = self.converted.write().unwrap_or_else(PoisonError::into_inner);
        Some(converted.entry(name.clone()).or_insert(value).clone())
    }

    fn names(&self) -> Vec<String> {
        self.json.keys().cloned().collect()
    }
}

/// Layers of variables. [`ScopeBuilder::build`] gives it as a [`Value`], which serves as the scope of an
/// evaluation, or as a value inside another scope (`vars`, `hostvars[…]`).
pub struct Scope {
    layers: Vec<Arc<dyn Lookup>>,
}

impl Scope {
    /// Starts a scope without layers.
    pub fn builder() -> ScopeBuilder {
        ScopeBuilder { layers: Vec::new(), own: BTreeMap::new() }
    }

    /// A scope over the members of a JSON object; other JSON gives an empty scope.
    pub fn from_json(json: &serde_json::Value) -> Value {
        let map = json.as_object().cloned().unwrap_or_default();
        Scope::builder().vars(map).build()
    }

    fn get(&self, name: &str) -> Option<Value> {
        self.layers.iter().find_map(|layer| layer.get(name))
    }

    /// What lookups over a scope reach, if there is anything: for a layer that wraps a whole scope.
    pub fn outside(scope: &Value) -> Option<Arc<dyn Outside>> {
        let scope = scope.downcast_object_ref::<Scope>()?;
        scope.layers.iter().find_map(|layer| layer.outside())
    }

    fn names(&self) -> BTreeSet<String> {
        self.layers.iter().flat_map(|layer| layer.names()).collect()
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl Object for Scope {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.get(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.names().into_iter().map(Value::from).collect())
    }
}

/// Puts a scope together, the strongest layer first.
pub struct ScopeBuilder {
    layers: Vec<Arc<dyn Lookup>>,
    own: BTreeMap<String, Value>,
}

impl ScopeBuilder {
    /// Adds a layer below those added before. It is shared, not copied.
    #[must_use]
    pub fn layer(mut self, layer: Arc<dyn Lookup>) -> ScopeBuilder {
        self.layers.push(layer);
        self
    }

    /// Adds a layer over JSON values below those added before.
    #[must_use]
    pub fn vars(self, json: serde_json::Map<String, serde_json::Value>) -> ScopeBuilder {
        self.layer(Arc::new(Vars::new(json)))
    }

    /// Sets one name, above every layer.
    #[must_use]
    pub fn value(mut self, name: impl Into<String>, value: impl Into<Value>) -> ScopeBuilder {
        self.own.insert(name.into(), value.into());
        self
    }

    /// Lets lookups reach what is outside, above every layer that does.
    #[must_use]
    pub fn outside(mut self, outside: Arc<dyn Outside>) -> ScopeBuilder {
        self.layers.insert(0, Arc::new(Door(outside)));
        self
    }

    /// Adds the variables of a whole scope below those added before, and what it reaches.
    #[must_use]
    pub fn scope(self, scope: Value) -> ScopeBuilder {
        self.layer(Arc::new(Whole(scope)))
    }

    /// The finished scope.
    pub fn build(mut self) -> Value {
        if !self.own.is_empty() {
            self.layers.insert(0, Arc::new(self.own));
        }
        Value::from_object(Scope { layers: self.layers })
    }
}

/// A layer without variables, through which lookups reach what is outside.
#[derive(Debug)]
struct Door(Arc<dyn Outside>);

impl Lookup for Door {
    fn get(&self, _: &str) -> Option<Value> {
        None
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn outside(&self) -> Option<Arc<dyn Outside>> {
        Some(self.0.clone())
    }
}

/// A layer over a whole scope.
struct Whole(Value);

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl Lookup for Whole {
    fn get(&self, name: &str) -> Option<Value> {
        self.0.get_attr(name).ok().filter(|value| !value.is_undefined())
    }

    fn names(&self) -> Vec<String> {
        self.0.try_iter().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    }

    fn outside(&self) -> Option<Arc<dyn Outside>> {
        Scope::outside(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_layer_that_has_a_name_wins() {
        let outer = serde_json::json!({"a": 1, "b": 1}).as_object().unwrap().clone();
        let inner = serde_json::json!({"b": 2, "c": 2}).as_object().unwrap().clone();
        let scope = Scope::builder().vars(inner).vars(outer).value("c", 3).build();
        for (name, expected) in [("a", 1), ("b", 2), ("c", 3)] {
            assert_eq!(scope.get_attr(name).unwrap(), Value::from(expected));
        }
        assert!(scope.get_attr("d").unwrap().is_undefined());
        assert_eq!(scope.try_iter().unwrap().count(), 3);
    }
}
