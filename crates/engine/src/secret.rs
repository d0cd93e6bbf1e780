//! Secrets of a run: resolved once, shown to expressions only.

use std::collections::BTreeMap;

use crate::redact::Redactor;

/// The secrets of a run.
#[derive(Default)]
pub struct Secrets(BTreeMap<String, String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Secrets {
    /// The value of a secret.
    pub fn expose(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What takes them out of texts.
    pub fn redactor(&self) -> Redactor {
        Redactor::new(self.0.values().map(String::as_str))
    }
}
