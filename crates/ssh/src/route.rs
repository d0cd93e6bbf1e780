//! Everything that a connection is made by. It is found out first and gone then, in this process or in the one that
//! keeps connections.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Endpoint;
use crate::config::{Hop, Settings};

/// What is known of a host before anything is sent to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) endpoint: Endpoint,
    pub(crate) settings: Arc<Settings>,
}

/// A host, and the jump hosts to it, the first to be connected to first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Route {
    pub(crate) target: Plan,
    pub(crate) hops: Vec<(Hop, Plan)>,
}

impl Route {
    /// The target as people write it, with the way to it.
    pub(crate) fn shown(&self) -> String {
        let Settings { user, host, port, .. } = &*self.target.settings;
        let hops: Vec<&str> = self.hops.iter().map(|(hop, _)| hop.host.as_str()).collect();
        let over = if hops.is_empty() { String::new() } else { format!(" through {}", hops.join(", ")) };
        format!("{user}@{host}:{port}{over}")
    }
}
