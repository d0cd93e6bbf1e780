//! What a plan knows of hosts: their variables, their groups, and how a task goes over many of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The hosts of an inventory, as they were when the plan was made. No password is in it: variables that hold
/// one are left out, and are had again when a run starts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// What all hosts have in common, so that a thousand hosts are stored once.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub common: Map<String, Value>,
    /// Every host by name, those that no task touches too: expressions ask for them by `hostvars`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<Arc<str>, Known>,
    /// The hosts of each group, in the inventory's order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<Arc<str>, Vec<Arc<str>>>,
}

/// What is known of one host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// Its variables, without those that all hosts have in common; strings may be templates.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub vars: Map<String, Value>,
    /// Whether it is this machine, reached without a connection.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub local: bool,
}

impl Inventory {
    /// An inventory of hosts with all their variables: what they have in common is taken out.
    pub fn new(mut hosts: BTreeMap<Arc<str>, Known>, groups: BTreeMap<Arc<str>, Vec<Arc<str>>>) -> Self {
        let mut common = hosts.values().next().map(|known| known.vars.clone()).unwrap_or_default();
        for known in hosts.values() {
            common.retain(|name, value| known.vars.get(name) == Some(value));
        }
        for known in hosts.values_mut() {
            known.vars.retain(|name, _| !common.contains_key(name));
        }
        Self { common, hosts, groups }
    }

    /// Whether it knows no host: everything runs on this machine.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Whether a host is this machine. So is every host that the inventory does not know.
    pub fn is_local(&self, host: &str) -> bool {
        self.hosts.get(host).is_none_or(|known| known.local)
    }
}

/// How a task goes over its hosts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// How many hosts are worked on at once: when one is done, the next begins. `None` is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
    /// How many hosts are in each batch, the last number repeated. A batch begins when all hosts of the one
    /// before are done. Empty is one batch of all hosts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub serial: Vec<u32>,
    /// The share of a batch's hosts, in percent, that may fail. While no more do, the task goes on, and so do
    /// the tasks that need it, without the hosts that failed. Past it no further host begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_fail_percentage: Option<u32>,
}

/// As whom a step runs on its host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Become {
    /// Whether to become another user; `None` leaves it to the host's variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<bool>,
    /// The user; may be a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// By what means: `sudo`, `su`, `doas`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn known(vars: Value) -> Known {
        Known { vars: vars.as_object().cloned().unwrap_or_default(), local: false }
    }

    #[test]
    fn what_all_hosts_have_in_common_is_stored_once() {
        let hosts = [("a", json!({"port": 1, "name": "a"})), ("b", json!({"port": 1, "name": "b"}))];
        let hosts = hosts.into_iter().map(|(name, vars)| (name.into(), known(vars))).collect();
        let inventory = Inventory::new(hosts, BTreeMap::new());
        assert_eq!(json!(inventory.common), json!({"port": 1}));
        assert_eq!(json!(inventory.hosts["b"].vars), json!({"name": "b"}));
        assert!(!inventory.is_local("a") && inventory.is_local("localhost"));
    }
}
