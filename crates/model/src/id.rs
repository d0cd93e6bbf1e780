//! Names that are safe by type: in a path, on a command line, in a URL.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadId {
    /// It has no characters.
    #[error("an id cannot be empty")]
    Empty,
    /// It is longer than [`MAX_ID`] bytes.
    #[error("an id has at most {MAX_ID} bytes")]
    Long,
    /// Its first character is not a letter, a digit or `_`.
    #[error("an id begins with a letter, a digit or `_`, not with {0:?}")]
    Start(char),
    /// It has a character that ids cannot have.
    #[error("an id has letters, digits, `_`, `-` and `.` only, not {0:?}")]
    Character(char),
}

/// The longest id, in bytes: file names end at 255, and ids are put into them.
pub const MAX_ID: usize = 128;

fn check(text: &str) -> Result<(), BadId> {
    let first = text.chars().next().ok_or(BadId::Empty)?;
    if text.len() > MAX_ID {
        return Err(BadId::Long);
    }
    if !first.is_alphanumeric() && first != '_' {
        return Err(BadId::Start(first));
    }
    match text.chars().find(|&c| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.')) {
        Some(c) => Err(BadId::Character(c)),
        None => Ok(()),
    }
}

macro_rules! ids {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text`: it can be a part of a path, a URL and an argument as it is.
            pub fn new(text: impl AsRef<str>) -> Result<Self, BadId> {
                check(text.as_ref()).map(|()| Self(text.as_ref().into()))
            }

            /// The id's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// One execution of one plan; unique in its store.
    RunId,
    /// A task; unique in its plan.
    TaskId,
    /// A step; unique in its task. `task/step@host` names one execution of it.
    StepId,
    /// A named group of tasks; unique in its plan.
    StageName,
    /// One planning whose plan was saved; each planning has an id of its own.
    PlanId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_path_safe_by_type() {
        for good in ["a", "_x", "sign-off", "v1.4", "größe", "9lives"] {
            assert!(TaskId::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "-f", ".hidden", "a/b", "../x", "a b", "a\0", "a@b", "a\n", "a\\b", "a:b"]
        {
            assert!(TaskId::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(TaskId::new("x".repeat(129)), Err(BadId::Long));
    }

    #[test]
    fn a_bad_id_does_not_deserialise() {
        assert!(serde_json::from_str::<RunId>(r#""x/../../escaped""#).is_err());
    }
}
