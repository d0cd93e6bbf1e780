//! What several modules do with files: sums, permissions, owners, safe replacement, edits, differences.

pub(crate) mod attrs;
pub(crate) mod diff;
pub(crate) mod edit;
pub(crate) mod ids;
pub(crate) mod install;
pub(crate) mod mode;
pub(crate) mod path;
pub(crate) mod replace;
pub(crate) mod sum;
mod validate;
