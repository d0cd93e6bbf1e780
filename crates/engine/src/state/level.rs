//! The levels at which scopes lie, and the words for them.

use windlass_model::{Code, Failure, Scope};

/// A level of the run's hierarchy that has state of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScopeLevel {
    /// The run: what outlives its pipelines.
    Global,
    /// The pipeline.
    Pipeline,
    /// The stage that a task is in.
    Stage,
    /// The task.
    Task,
}

impl ScopeLevel {
    /// All levels, the outermost first.
    pub const ALL: [ScopeLevel; 4] =
        [ScopeLevel::Global, ScopeLevel::Pipeline, ScopeLevel::Stage, ScopeLevel::Task];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            ScopeLevel::Global => "global",
            ScopeLevel::Pipeline => "pipeline",
            ScopeLevel::Stage => "stage",
            ScopeLevel::Task => "task",
        }
    }

    /// The level of a word. `module` is another word for `stage`, known from cluster documents.
    pub fn find(word: &str) -> Option<Self> {
        match word {
            "module" => Some(ScopeLevel::Stage),
            word => Self::ALL.into_iter().find(|level| level.word() == word),
        }
    }

    /// The level that a scope lies at.
    pub fn of(scope: Scope) -> Self {
        match scope {
            Scope::Global => ScopeLevel::Global,
            Scope::Pipeline => ScopeLevel::Pipeline,
            Scope::Stage(_) => ScopeLevel::Stage,
            Scope::Task(_) => ScopeLevel::Task,
        }
    }

    /// The level's scope among those around a step.
    pub(crate) fn among(self, chain: &[Scope]) -> Result<Scope, Failure> {
        chain.iter().copied().find(|scope| Self::of(*scope) == self).ok_or_else(|| {
            Failure::new(Code::NoScope, format!("there is no {} around this step", self.word()))
                .hint("a task outside of all stages writes to `task`, `pipeline` or `global`")
                .permanent()
        })
    }
}

/// The scope that a word names among those around a step. A write has to name one.
pub(crate) fn scope_of(word: &str, chain: &[Scope]) -> Result<Scope, Failure> {
    let level = ScopeLevel::find(word).ok_or_else(|| {
        Failure::new(Code::NoScope, format!("unknown scope {word:?}"))
            .hint("the scopes are `global`, `pipeline`, `stage` (or `module`) and `task`")
            .permanent()
    })?;
    level.among(chain)
}
