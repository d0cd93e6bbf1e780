//! What is taken back however a run ends: last in, first out, each entry under its own deadline.

/// Entries to take back, shared by everything that registers some.
#[derive(Clone, Debug, Default)]
pub struct CleanupStack {}
