//! Whether a server is who it should be: one pure decision over what is known and what is shown.

use std::time::{Duration, SystemTime};

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, PublicKey, PublicKeyOrCertificate};
use serde::{Deserialize, Serialize};

use super::line::Line;
use super::{Known, fingerprint, pattern_matches};
use crate::error::HostKeyError;

/// By which names a host is looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// As `known_hosts` names it: `host`, or `[host]:port` where the port is not 22, or the `HostKeyAlias`.
    pub(crate) name: String,
    /// The same without the port: OpenSSH takes a key that is known under it, too.
    pub(crate) bare: Option<String>,
    /// The name that a certificate has to be for.
    pub(crate) principal: String,
}

impl Identity {
    /// The identity of a host under its port and alias.
    pub(crate) fn new(host: &str, port: u16, alias: Option<&str>) -> Self {
        if let Some(alias) = alias {
            let alias = alias.to_ascii_lowercase();
            return Self { name: alias.clone(), bare: None, principal: alias };
        }
        let host = host.to_ascii_lowercase();
        if port == 22 {
            Self { name: host.clone(), bare: None, principal: host }
        } else {
            Self { name: format!("[{host}]:{port}"), bare: Some(host.clone()), principal: host }
        }
    }
}

/// What to think of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the one.
    Trusted,
    /// Nothing is known of this host.
    Unknown,
    /// Whatever the mode: no.
    Refused(HostKeyError),
}

/// Judges what a server shows by what is known under its name, and under its name without the port.
pub(crate) fn judge(
    identity: &Identity,
    known: &Known,
    bare: &Known,
    shown: &PublicKeyOrCertificate,
    now: SystemTime,
) -> Verdict {
    let key = Key::new(&shown.public_key());
    if let Some(refused) = revoked(identity, [known, bare], &key) {
        return Verdict::Refused(refused);
    }
    if let Some(certificate) = shown.certificate() {
        let authority = Key::new(&PublicKey::new(certificate.signature_key().clone(), ""));
        if let Some(refused) = revoked(identity, [known, bare], &authority) {
            return Verdict::Refused(refused);
        }
        let mut authorities = known.authorities.iter().chain(&bare.authorities);
        if authorities.any(|line| line.blob == authority.blob) {
            return match flaw(certificate, &identity.principal, now) {
                None => Verdict::Trusted,
                Some(why) => Verdict::Refused(HostKeyError::Certificate { host: identity.name.clone(), why }),
            };
        }
        // Signed by somebody we do not know: what counts is the key itself, as if it came alone.
    }
    judge_key(identity, known, bare, &key)
}

fn judge_key(identity: &Identity, known: &Known, bare: &Known, key: &Key) -> Verdict {
    let same = |line: &Line| line.blob == key.blob;
    if known.keys.iter().any(same) {
        return Verdict::Trusted;
    }
    // A known host whose key is of another type now is a changed host as well: whoever sits in between could
    // show a type that we do not know yet. Of the known keys the one of the same type says most.
    let line = known.keys.iter().find(|line| line.kind == key.kind).or(known.keys.first());
    if let Some(line) = line {
        return Verdict::Refused(HostKeyError::Changed {
            host: identity.name.clone(),
            shown: key.fingerprint(),
            known: fingerprint(&line.kind, &line.blob),
            place: line.place.clone(),
        });
    }
    if bare.keys.iter().any(same) { Verdict::Trusted } else { Verdict::Unknown }
}

fn revoked(identity: &Identity, known: [&Known; 2], key: &Key) -> Option<HostKeyError> {
    let line = known.iter().flat_map(|known| &known.revoked).find(|line| line.blob == key.blob)?;
    Some(HostKeyError::Revoked {
        host: identity.name.clone(),
        shown: key.fingerprint(),
        place: line.place.clone(),
    })
}

/// What is wrong with a certificate from a trusted authority.
fn flaw(certificate: &Certificate, principal: &str, now: SystemTime) -> Option<String> {
    if certificate.cert_type() != CertType::Host {
        return Some("it is a user's, not a host's".into());
    }
    if matches!(certificate.signature().algorithm(), Algorithm::Rsa { hash: None }) {
        return Some("it is signed with SHA-1".into());
    }
    if certificate.verify_signature().is_err() {
        return Some("its signature is wrong".into());
    }
    if let Some((option, _)) = certificate.critical_options().iter().next() {
        return Some(format!("it has the critical option {option}, which is not for hosts"));
    }
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    if now < certificate.valid_after() {
        return Some("it is not valid yet".into());
    }
    if now >= certificate.valid_before() {
        return Some("it has expired".into());
    }
    // OpenSSH before 10.3 takes an empty list for "any host"; that is a certificate that says nothing.
    let names = certificate.valid_principals();
    if names.iter().any(|name| pattern_matches(&name.to_ascii_lowercase(), principal)) {
        return None;
    }
    let names = if names.is_empty() { "no host".to_owned() } else { names.join(", ") };
    Some(format!("it is for {names}, not for {principal}"))
}

/// A key as files and fingerprints have it.
struct Key {
    kind: String,
    blob: Vec<u8>,
}

impl Key {
    fn new(key: &PublicKey) -> Self {
        let kind = match key.algorithm() {
            // The hash belongs to the signature, not to the key.
            Algorithm::Rsa { .. } => "ssh-rsa".to_owned(),
            other => other.to_string(),
        };
        Self { kind, blob: key.to_bytes().unwrap_or_default() }
    }

    fn fingerprint(&self) -> String {
        fingerprint(&self.kind, &self.blob)
    }
}
