//! What a text stands on: tasks, secrets, the environment, and what only the run knows.

use std::collections::BTreeSet;

/// What a text stands on, through variables too.
#[derive(Clone, Debug, Default)]
pub(super) struct Uses {
    /// Whether only the run can evaluate it.
    pub live: bool,
    /// Tasks whose results it names.
    pub tasks: BTreeSet<TaskUse>,
    /// Secrets that it names.
    pub secrets: BTreeSet<String>,
    /// Names that are not known where it is used.
    pub unknown: BTreeSet<String>,
}

/// A task whose result a text names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TaskUse {
    pub task: usize,
    /// Whether it names what the task hands on, which one that is left out does not have.
    pub outputs: bool,
    /// Whether the text provides for its not being there.
    pub guarded: bool,
}

impl Uses {
    pub(super) fn add(&mut self, other: &Uses) {
        self.live |= other.live;
        self.tasks.extend(other.tasks.iter().cloned());
        self.secrets.extend(other.secrets.iter().cloned());
        self.unknown.extend(other.unknown.iter().cloned());
    }
}
