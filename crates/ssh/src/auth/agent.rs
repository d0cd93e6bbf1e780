//! The SSH agent: which keys it holds, and its signatures.

use std::time::Duration;

use russh::keys::agent::client::AgentClient;
use russh::keys::agent::{AgentIdentity, AgentSessionBinding};
use tokio::net::UnixStream;

use crate::config::Agent;

/// An agent answers at once, unless it asks a person.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection to an agent, with what it holds.
pub(super) struct Agency {
    pub(super) client: AgentClient<UnixStream>,
    pub(super) keys: Vec<AgentIdentity>,
}

/// Connects and lists the keys. The agent is told for which server it will sign, so that keys which are bound to
/// servers work. An error says why there is no agent; that is no reason to give up.
pub(super) async fn connect(
    agent: &Agent,
    binding: Option<&AgentSessionBinding>,
) -> Result<Option<Agency>, String> {
    let Agent::Socket(path) = agent else { return Ok(None) };
    let talk = async {
        let mut client = AgentClient::connect_uds(path).await?;
        if let Some(binding) = binding {
            // Agents that do not know of it say no, and sign nevertheless.
            let _ = client.bind_session(binding, false).await;
        }
        let keys = client.request_identities().await?;
        Ok::<_, russh::keys::Error>(Agency { client, keys })
    };
    match tokio::time::timeout(PATIENCE, talk).await {
        Ok(Ok(agency)) => Ok(Some(agency)),
        Ok(Err(why)) => Err(format!("agent {}: {why}", path.display())),
        Err(_) => Err(format!("agent {}: no answer within {PATIENCE:?}", path.display())),
    }
}
