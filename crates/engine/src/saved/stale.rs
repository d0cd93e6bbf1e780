//! Why a saved plan is not applied any more: what has changed, each thing by its name.

use std::fmt;

/// What has changed since a plan was made. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale(pub Vec<Change>);

/// One thing that has changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// What it is.
    pub part: Part,
    /// What became of it.
    pub turn: Turn,
}

/// Something that a plan stands on, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The document as a whole.
    Document,
    /// A field of the workflow: its name, its policy, ….
    Workflow(String),
    /// An environment variable that an expression names. Its value is not told: it may be a confidence.
    Env(String),
    /// A file, by the name that the document gives it.
    File(String),
    /// What a pattern of `fileglob` names.
    List(String),
    /// A variable of the workflow.
    Variable(String),
    /// A declared secret: where it comes from, not what it is.
    Secret(String),
    /// A host.
    Host(String),
    /// A stage.
    Stage(String),
    /// A task.
    Task(String),
    /// A step, as `task/step`.
    Step(String),
    /// What a step found on a host, as `task/step@host`.
    Found(String),
}

/// What became of something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// It was not there.
    New,
    /// It is not there any more.
    Gone,
    /// It is another, in these of its fields; all of it where there are none.
    Changed(Vec<String>),
    /// What would be done to it is another: as it was planned, and as it would be now.
    Predicted(super::Predicted, super::Predicted),
    /// It can no longer be planned, and why.
    Broken(String),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Document => f.write_str("the document"),
            Part::Workflow(field) => write!(f, "the workflow's {field}"),
            Part::Env(name) => write!(f, "environment variable {name}"),
            Part::File(name) => write!(f, "file {name}"),
            Part::List(pattern) => write!(f, "the list of files {pattern}"),
            Part::Variable(name) => write!(f, "variable {name}"),
            Part::Secret(name) => write!(f, "secret {name}"),
            Part::Host(name) => write!(f, "host {name}"),
            Part::Stage(name) => write!(f, "stage {name}"),
            Part::Task(id) => write!(f, "task {id}"),
            Part::Step(id) => write!(f, "step {id}"),
            Part::Found(id) => write!(f, "what step {id} finds"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = &self.part;
        match &self.turn {
            Turn::New => write!(f, "{part} is new"),
            Turn::Gone => write!(f, "{part} is gone"),
            Turn::Changed(fields) if fields.is_empty() => write!(f, "{part} has changed"),
            Turn::Changed(fields) => write!(f, "{part} has changed ({})", fields.join(", ")),
            Turn::Predicted(then, now) => {
                write!(f, "{part} has changed: its outcome was to be {then}, and would be {now}")
            }
            Turn::Broken(why) => write!(f, "{part} can no longer be planned: {why}"),
        }
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// How many changes an error names in one line; the list itself has all.
        const SHOWN: usize = 5;
        let shown: Vec<String> = self.0.iter().take(SHOWN).map(ToString::to_string).collect();
        write!(f, "the plan is stale: {}", shown.join("; "))?;
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl Part {
    pub(super) fn is(self, turn: Turn) -> Change {
        Change { part: self, turn }
    }
}
