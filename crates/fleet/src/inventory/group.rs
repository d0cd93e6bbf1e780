//! Hosts and groups of an inventory that has been read.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use super::draft::Origin;

/// Variables by name.
pub type Vars = Map<String, Value>;

/// A host.
pub struct Host {
    pub(super) name: Arc<str>,
    pub(super) source: Option<Origin>,
    pub(super) is_implicit: bool,
    /// Which hosts share its groups, see `kin`.
    pub(super) kin: usize,
    /// What is said of this host alone: in the inventory, then in `host_vars/`.
    pub(super) own: Arc<Vars>,
    pub(super) merged: OnceLock<Arc<Vars>>,
}

impl Host {
    /// Its name, as the inventory has it.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The source that named it first: a path, or the list of hosts itself.
    pub fn source(&self) -> Option<&str> {
        self.source.as_ref().map(|source| &*source.name)
    }

    /// Whether it is this machine, which no inventory names.
    pub fn is_implicit(&self) -> bool {
        self.is_implicit
    }

    /// What is said of this host alone, in the inventory and in `host_vars/`; groups are not in it.
    pub fn own_vars(&self) -> &Arc<Vars> {
        &self.own
    }
}

impl fmt::Debug for Host {
    // Variables may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({})", self.name)
    }
}

/// A group.
pub struct Group {
    pub(super) name: Arc<str>,
    pub(super) hosts: Vec<usize>,
    pub(super) children: Vec<usize>,
    pub(super) parents: Vec<usize>,
    pub(super) depth: usize,
    pub(super) priority: i64,
    /// What inventories say.
    pub(super) vars: Vars,
    /// What files in `group_vars/` say, by the number of their folder.
    pub(super) files: Vec<(usize, Vars)>,
    pub(super) members: OnceLock<Arc<[usize]>>,
}

impl Group {
    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Which of two groups at the same depth wins: the one of the higher priority.
    pub fn priority(&self) -> i64 {
        self.priority
    }

    /// What is said of the group: in inventories, then in `group_vars/`.
    pub fn vars(&self) -> Vars {
        let mut vars = self.vars.clone();
        for (_, more) in &self.files {
            vars.extend(more.clone());
        }
        vars
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group({})", self.name)
    }
}
