//! What can be made to go wrong on purpose, as the program's hidden variable says it.

use std::fmt;

/// The variable that the program looks at.
pub(crate) const VARIABLE: &str = "WINDLASS_FAULT";

/// What is to go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed as soon as this record of the run is durable.
    KillAfter(u64),
    /// The process is killed when this record is to be written, so that what it tells happened and nobody
    /// wrote it down.
    KillBefore(u64),
    /// The disk is full after this record.
    FullDiskAfter(u64),
    /// The step `task/step` fails each time it is tried.
    FailStep(String),
    /// The program panics once this record is durable.
    PanicAfter(u64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::KillAfter(record) => write!(f, "kill-after:{record}"),
            Fault::KillBefore(record) => write!(f, "kill-before:{record}"),
            Fault::FullDiskAfter(record) => write!(f, "full-disk-after:{record}"),
            Fault::FailStep(step) => write!(f, "fail-step:{step}"),
            Fault::PanicAfter(record) => write!(f, "panic-after:{record}"),
        }
    }
}
