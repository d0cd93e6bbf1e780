//! Secrets of a run: where they come from, how they are held, and how a child process gets one as a file.
//!
//! A plan and a journal say where a secret comes from, never what it is. The values are had when a run starts
//! and again when it is resumed, are held in memory only, and are shown to expressions only.

mod command;
mod file;
mod resolve;

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

pub use file::SecretFile;

use crate::redact::Redactor;

/// The longest secret, in bytes.
pub const MAX_SECRET: usize = 1 << 20;

/// A value that must not be seen. It cannot be printed or serialised, and its memory is wiped when it goes.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The value. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The secrets of a run, by name.
#[derive(Default)]
pub struct Secrets(BTreeMap<String, Secret>);

impl Secrets {
    /// The value of a secret.
    pub fn expose(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Secret::expose)
    }

    /// A secret in its type.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.get(name)
    }

    /// These and more.
    #[must_use]
    pub fn and(&self, more: impl IntoIterator<Item = (String, Secret)>) -> Self {
        let own = self.0.iter().map(|(name, secret)| (name.clone(), Secret::new(secret.expose())));
        own.chain(more).collect()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What takes them out of texts.
    pub fn redactor(&self) -> Redactor {
        Redactor::new(self.0.values().map(Secret::expose))
    }
}

impl FromIterator<(String, Secret)> for Secrets {
    fn from_iter<I: IntoIterator<Item = (String, Secret)>>(secrets: I) -> Self {
        Self(secrets.into_iter().collect())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
