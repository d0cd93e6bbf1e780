//! What a model is for, where a document does not want to name one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The most able, whatever it costs.
    Flagship,
    /// Able enough for most work, at a fair price.
    Balanced,
    /// Quick and cheap.
    Fast,
}

impl Role {
    /// All of them, the dearest first.
    pub const ALL: [Role; 3] = [Role::Flagship, Role::Balanced, Role::Fast];

    /// The word for it in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Flagship => "flagship",
            Role::Balanced => "balanced",
            Role::Fast => "fast",
        }
    }

    /// The role of this word.
    pub fn parse(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
