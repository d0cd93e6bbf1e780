//! Keys of providers: held, sent, and never shown.

use std::fmt;

use zeroize::Zeroizing;

/// The key of an account with a provider. It cannot be printed or serialised, and its memory is wiped when it goes.
#[derive(Clone)]
pub struct Key(Zeroizing<String>);

impl Key {
    /// Takes a key. White space around it, which files leave there, is no part of it.
    pub fn new(key: &str) -> Self {
        Self(Zeroizing::new(key.trim().to_owned()))
    }

    /// The key itself. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A text without the key in it: providers repeat keys in their errors.
    pub fn hide(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(self.expose(), "********") }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}
