//! The hosts that a request is about, as who reads inventories gives them.

use std::fmt;
use std::sync::Arc;

use windlass_model::Inventory;

use crate::Secret;

/// An inventory: backends ask it which hosts a pattern means, and plans take what they need to know of hosts.
pub trait Hosts: fmt::Debug + Send + Sync {
    /// The hosts that a pattern means, in the inventory's order, without those that the request's limit leaves
    /// out. The error says what is wrong with the pattern.
    fn select(&self, pattern: &str) -> Result<Vec<Arc<str>>, String>;

    /// What a plan keeps of it: no password is among that.
    fn inventory(&self) -> Inventory;

    /// What was asked for: the sources and the limit, by which it can be read again.
    fn sources(&self) -> (Vec<String>, Option<String>);

    /// The passwords of its hosts, named by [`Target::secret_name`](crate::Target::secret_name). They are held
    /// as the run's secrets are.
    fn passwords(&self) -> Vec<(String, Secret)>;
}
