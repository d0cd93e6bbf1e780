//! A password or passphrase: wiped when dropped, and never printed.

use zeroize::Zeroizing;

/// A secret word. `Debug` prints nothing of it, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the word over.
    #[must_use]
    pub fn new(word: String) -> Self {
        Self(Zeroizing::new(word))
    }

    /// The word itself, for the one who has to send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_is_never_printed() {
        assert_eq!(format!("{:?}", Some(Secret::new("swordfish".into()))), "Some(Secret)");
    }
}
