//! Which algorithms are offered: the library's, within what the user allows, with the host's known keys first.

use std::borrow::Cow;
use std::str::FromStr as _;

use russh::keys::{Algorithm, HashAlg};
use russh::{Preferred, cipher, kex, mac};

use crate::Error;
use crate::config::Settings;
use crate::known::Known;

/// The offer to one server.
pub(super) fn preferred(settings: &Settings, known: [&Known; 2]) -> Result<Preferred, Error> {
    let rules = &settings.algorithms;
    let mut preferred = Preferred::DEFAULT;
    if let Some(allowed) = &rules.kex {
        let extensions = preferred.kex.iter().filter(|name| is_extension(name)).copied();
        let chosen = some("KexAlgorithms", allowed, |name| kex::Name::try_from(name).ok())?;
        preferred.kex = Cow::Owned(chosen.into_iter().chain(extensions).collect());
    }
    if let Some(allowed) = &rules.ciphers {
        let chosen = some("Ciphers", allowed, |name| cipher::Name::try_from(name).ok())?;
        preferred.cipher = Cow::Owned(chosen);
    }
    if let Some(allowed) = &rules.macs {
        preferred.mac = Cow::Owned(some("MACs", allowed, |name| mac::Name::try_from(name).ok())?);
    }
    let keys = keys(rules.host_keys.as_deref(), &preferred)?;
    // A server that has a certificate shows it only to those who ask for one.
    if known.iter().any(|known| !known.authorities.is_empty()) {
        let allowed = |key: &Algorithm| match &rules.host_keys {
            Some(allowed) => allowed.contains(&key.to_certificate_type()),
            None => true,
        };
        preferred.host_key_certificates = Cow::Owned(keys.iter().filter(|k| allowed(k)).cloned().collect());
    }
    preferred.key = Cow::Owned(known_first(keys, known));
    Ok(preferred)
}

/// Names that are no algorithms: what the two sides can beside them.
fn is_extension(name: &kex::Name) -> bool {
    name.as_ref().starts_with("ext-info-") || name.as_ref().starts_with("kex-strict-")
}

/// Those of the user's algorithms that the library has, in the user's order.
fn some<T>(option: &str, allowed: &[String], known: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Error> {
    let chosen: Vec<T> = allowed.iter().filter_map(|name| known(name)).collect();
    if chosen.is_empty() {
        return Err(Error::Config(format!("{option} holds nothing that the client in this process has")));
    }
    Ok(chosen)
}

/// SHA-1 is left out unless the user names it.
fn keys(allowed: Option<&[String]>, preferred: &Preferred) -> Result<Vec<Algorithm>, Error> {
    let strong = |key: &&Algorithm| !matches!(key, Algorithm::Rsa { hash: None });
    let Some(allowed) = allowed else {
        return Ok(preferred.key.iter().filter(strong).cloned().collect());
    };
    let known = |name: &str| {
        let key = Algorithm::from_str(name).ok()?;
        preferred.key.contains(&key).then_some(key)
    };
    let bare: Vec<String> = allowed.iter().filter(|name| !name.contains("-cert-")).cloned().collect();
    // A list of certificates only still needs the keys in them.
    let bare = if bare.is_empty() { preferred.key.iter().map(ToString::to_string).collect() } else { bare };
    some("HostKeyAlgorithms", &bare, known)
}

/// A server has several keys, and shows the one that we ask for first: that has to be one we know.
fn known_first(mut keys: Vec<Algorithm>, known: [&Known; 2]) -> Vec<Algorithm> {
    let is_known = |key: &Algorithm| {
        let kind = match key {
            Algorithm::Rsa { .. } => "ssh-rsa",
            other => other.as_str(),
        };
        let of = known.iter().find(|known| !known.keys.is_empty());
        of.is_some_and(|known| known.keys.iter().any(|line| line.kind == kind))
    };
    // A stable sort keeps the order among the known and among the others.
    keys.sort_by_key(|key| (!is_known(key), matches!(key, Algorithm::Rsa { hash: Some(HashAlg::Sha256) })));
    keys
}
