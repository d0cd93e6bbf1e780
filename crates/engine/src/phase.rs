//! The phases that every command goes through, in their one order.

use std::fmt;

/// A phase of the lifecycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Documents are read.
    Load,
    /// The backend is chosen.
    Resolve,
    /// All problems are found, before anything is touched.
    Validate,
    /// Sessions and credentials are made, each with its cleanup.
    Prepare,
    /// What will be done is decided.
    Plan,
    /// The engine runs the plan.
    Execute,
    /// Results are rendered.
    Report,
    /// Everything that was registered is taken back, whatever happened.
    Cleanup,
}

impl Phase {
    /// All phases in order.
    pub const ALL: [Phase; 8] = [
        Phase::Load,
        Phase::Resolve,
        Phase::Validate,
        Phase::Prepare,
        Phase::Plan,
        Phase::Execute,
        Phase::Report,
        Phase::Cleanup,
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Load => "load",
            Phase::Resolve => "resolve",
            Phase::Validate => "validate",
            Phase::Prepare => "prepare",
            Phase::Plan => "plan",
            Phase::Execute => "execute",
            Phase::Report => "report",
            Phase::Cleanup => "cleanup",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
