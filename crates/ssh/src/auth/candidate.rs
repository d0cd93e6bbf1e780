//! Which keys are offered to a server, and in which order.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::agent::AgentIdentity;
use russh::keys::{Algorithm, Certificate, PrivateKey, PublicKey};

use super::file::{Held, certificate, on_hardware};
use super::keyring::Keyring;
use crate::config::Settings;
use crate::known::fingerprint;

/// A key to offer.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) key: PublicKey,
    /// Offered in place of the bare key.
    pub(super) certificate: Option<Certificate>,
    pub(super) holder: Holder,
}

/// Who signs.
#[derive(Debug, Clone)]
pub(super) enum Holder {
    Agent,
    Open(Arc<PrivateKey>, PathBuf),
    Locked(PathBuf),
}

/// The keys to offer, and what was passed over.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) list: Vec<Candidate>,
    pub(super) skipped: Vec<String>,
    /// A key that only the `ssh` program can use was among them.
    pub(super) hardware: bool,
}

/// Puts the keys in order: those of the inventory, those of the configuration that the agent holds, the agent's
/// others, the rest. OpenSSH offers the same, with the inventory's keys last; but servers hang up after six
/// offers, and who names a key means it.
pub(super) fn gather(
    settings: &Settings,
    named: &[PathBuf],
    agent: &[AgentIdentity],
    keyring: &Keyring,
) -> Candidates {
    let mut found = Candidates::default();
    let mut certificates: Vec<Certificate> =
        settings.certificate_files.iter().filter_map(|file| certificate(file)).collect();
    let mut files = Vec::new();
    for path in &settings.identity_files {
        let (held, beside) = keyring.get(path);
        certificates.extend(beside);
        files.extend(found.file(path, held, agent, keyring));
    }
    let in_agent = |file: &&Candidate| matches!(file.holder, Holder::Agent);
    let is_named = |file: &&Candidate| file.path().is_some_and(|path| named.contains(path));
    let of_named = |file: &&Candidate| {
        is_named(file) || named.iter().any(|path| same_key(&keyring.get(path).0, &file.key))
    };
    let mut list: Vec<Candidate> = files.iter().filter(of_named).cloned().collect();
    list.extend(files.iter().filter(in_agent).cloned());
    for identity in agent {
        let key = identity.public_key().into_owned();
        let configured = files.iter().any(|file| file.key.key_data() == key.key_data());
        if configured || !settings.identities_only {
            let certificate = match identity {
                AgentIdentity::Certificate { certificate, .. } => Some(certificate.clone()),
                AgentIdentity::PublicKey { .. } => None,
            };
            list.push(Candidate { key, certificate, holder: Holder::Agent });
        }
    }
    list.extend(files);
    found.finish(list, &certificates, settings);
    found
}

fn same_key(held: &Held, key: &PublicKey) -> bool {
    match held {
        Held::Open(own) => own.public_key().key_data() == key.key_data(),
        Held::Locked(Some(own)) | Held::Public(own) => own.key_data() == key.key_data(),
        Held::Locked(None) | Held::Useless(_) | Held::Absent => false,
    }
}

impl Candidate {
    /// What is said of it in messages.
    pub(super) fn label(&self) -> String {
        let kind = if self.certificate.is_some() { "certificate" } else { "key" };
        match &self.holder {
            Holder::Open(_, path) | Holder::Locked(path) => format!("{kind} {}", path.display()),
            Holder::Agent => {
                let blob = self.key.to_bytes().unwrap_or_default();
                format!("agent's {kind} {}", fingerprint(self.key.algorithm().as_str(), &blob))
            }
        }
    }

    fn path(&self) -> Option<&PathBuf> {
        match &self.holder {
            Holder::Open(_, path) | Holder::Locked(path) => Some(path),
            Holder::Agent => None,
        }
    }
}

impl Candidates {
    fn file(
        &mut self,
        path: &Path,
        held: Held,
        agent: &[AgentIdentity],
        keyring: &Keyring,
    ) -> Option<Candidate> {
        let mut skip = |why: &str| {
            self.skipped.push(format!("{} {why}", path.display()));
            None
        };
        let (key, holder) = match held {
            Held::Absent => return None,
            Held::Useless(why) => return skip(&why),
            Held::Locked(None) => return skip("is encrypted and has no public key beside it"),
            Held::Open(key) => (key.public_key().clone(), Some(Holder::Open(key, path.to_owned()))),
            Held::Locked(Some(key)) => (key, keyring.can_ask().then(|| Holder::Locked(path.to_owned()))),
            Held::Public(key) => (key, None),
        };
        let held_by_agent = agent.iter().any(|identity| {
            matches!(identity, AgentIdentity::PublicKey { key: own, .. } if own.key_data() == key.key_data())
        });
        if held_by_agent {
            return Some(Candidate { key, certificate: None, holder: Holder::Agent });
        }
        if let Some(holder) = holder {
            return Some(Candidate { key, certificate: None, holder });
        }
        if on_hardware(&key) {
            self.hardware = true;
            return skip("is on hardware, and in no agent");
        }
        if path.exists() {
            return skip("is encrypted, and there is nobody to ask for its passphrase");
        }
        skip("has its public half only, and no agent has the other")
    }

    /// Puts each key's certificates before it, leaves out what comes twice and what the user does not allow.
    fn finish(&mut self, list: Vec<Candidate>, certificates: &[Certificate], settings: &Settings) {
        for bare in list {
            if let Some(why) = refused(&bare.key, settings) {
                self.skipped.push(format!("{} {why}", bare.label()));
                continue;
            }
            if bare.certificate.is_none() {
                for certificate in certificates.iter().filter(|c| c.public_key() == bare.key.key_data()) {
                    self.add(Candidate { certificate: Some(certificate.clone()), ..bare.clone() });
                }
            }
            self.add(bare);
        }
    }

    fn add(&mut self, new: Candidate) {
        let same =
            |old: &Candidate| old.key.key_data() == new.key.key_data() && old.certificate == new.certificate;
        if !self.list.iter().any(same) {
            self.list.push(new);
        }
    }
}

/// The user's own rules: `RequiredRSASize`, `PubkeyAcceptedAlgorithms`.
fn refused(key: &PublicKey, settings: &Settings) -> Option<String> {
    if let Some(rsa) = key.key_data().rsa()
        && rsa.key_size() < settings.min_rsa_bits
    {
        return Some(format!("has {} bits, fewer than RequiredRSASize", rsa.key_size()));
    }
    let allowed = settings.algorithms.user_keys.as_ref()?;
    let is = |name: &String| match key.algorithm() {
        Algorithm::Rsa { .. } => name.starts_with("rsa-sha2-"),
        other => name == other.as_str(),
    };
    (!allowed.iter().any(is)).then(|| "is not among PubkeyAcceptedAlgorithms".to_owned())
}
