//! A token for every four bytes: claude-workflow's estimate.

use super::Estimator;

/// A token for every so many bytes, rounded down, and at least one where there is any byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chars4 {
    bytes: u64,
}

impl Default for Chars4 {
    fn default() -> Self {
        Self { bytes: 4 }
    }
}

impl Chars4 {
    /// Another number of bytes for a token; four where that makes no sense.
    pub fn new(bytes: i64) -> Self {
        u64::try_from(bytes)
            .ok()
            .filter(|bytes| *bytes > 0)
            .map_or_else(Self::default, |bytes| Self { bytes })
    }

    /// The tokens of so many bytes.
    pub fn of_bytes(self, bytes: u64) -> u64 {
        if bytes == 0 { 0 } else { (bytes / self.bytes).max(1) }
    }
}

impl Estimator for Chars4 {
    fn name(&self) -> &str {
        "chars4"
    }

    fn count(&self, text: &str) -> u64 {
        self.of_bytes(text.len() as u64)
    }
}
