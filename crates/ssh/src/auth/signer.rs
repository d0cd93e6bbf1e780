//! Signs for the server what proves that we hold a key: by the agent, or by a key from a file.

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::ssh_key::{Signature, encoding::Encode as _};
use russh::keys::{HashAlg, PrivateKey};
use tokio::net::UnixStream;

use super::candidate::Holder;
use super::keyring::Keyring;

/// Signs for one candidate.
pub(super) struct Signer<'a> {
    pub(super) holder: &'a Holder,
    pub(super) agent: Option<&'a mut AgentClient<UnixStream>>,
    pub(super) keyring: &'a Keyring,
}

/// Why there is no signature.
#[derive(Debug)]
pub(super) enum NoSignature {
    /// The connection ended.
    Lost,
    /// The key does not sign.
    Key(String),
}

impl From<russh::SendError> for NoSignature {
    fn from(_: russh::SendError) -> Self {
        Self::Lost
    }
}

impl russh::Signer for Signer<'_> {
    type Error = NoSignature;

    async fn auth_sign(
        &mut self,
        identity: &AgentIdentity,
        hash: Option<HashAlg>,
        data: Vec<u8>,
    ) -> Result<Vec<u8>, NoSignature> {
        match self.holder {
            Holder::Agent => {
                let Some(agent) = self.agent.as_mut() else {
                    return Err(NoSignature::Key("the agent is gone".into()));
                };
                let signed = agent.sign_request(identity, hash, data).await;
                signed.map_err(|why| NoSignature::Key(format!("the agent does not sign: {why}")))
            }
            Holder::Open(key, _) => append(key, hash, data),
            Holder::Locked(path) => {
                let key = self.keyring.open(path).await.map_err(NoSignature::Key)?;
                append(&key, hash, data)
            }
        }
    }
}

/// The data, followed by its signature as a string of the protocol.
fn append(key: &PrivateKey, hash: Option<HashAlg>, mut data: Vec<u8>) -> Result<Vec<u8>, NoSignature> {
    let sign = || {
        let signature: Signature = match key.key_data() {
            KeypairData::Rsa(rsa) => (rsa, hash).try_sign(&data)?,
            other => other.try_sign(&data)?,
        };
        let mut encoded = Vec::new();
        signature.encode_prefixed(&mut encoded).map_err(russh::keys::signature::Error::from_source)?;
        Ok::<_, russh::keys::signature::Error>(encoded)
    };
    let encoded = sign().map_err(|why| NoSignature::Key(format!("cannot sign: {why}")))?;
    data.extend(encoded);
    Ok(data)
}
