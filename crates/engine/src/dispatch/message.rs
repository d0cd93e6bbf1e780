//! What the dispatcher hears and what it orders: two closed sets.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use windlass_expr::Value;
use windlass_model::{At, Event, Failure, Note, Scope, Verdict};

use super::strand::StrandKey;
use crate::action::{Action, Estimate, Output, Target};

/// How a run is stopped on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Start nothing more; what runs may finish.
    Drain,
    /// End what runs, too.
    Cancel,
}

/// One thing that happened.
#[derive(Debug)]
pub(crate) enum Input {
    /// An executor is done with an attempt.
    Finished(Box<Finished>),
    /// A point in time has come.
    Timer(Timer),
    /// The run is to stop on the way.
    Stop { stop: Stop, reason: String },
    /// A person ends the run for good.
    Abort { by: String },
    /// A person said yes or no.
    Answer { at: At, approved: bool, by: String, note: String },
    /// A person decided about a step in doubt.
    Resolve { at: At, verdict: Verdict },
    /// A step is about to change something, and this is what it takes to take that back. The answer is given
    /// when it is durable.
    Kept { at: At, before: Arc<Json>, reply: tokio::sync::oneshot::Sender<()> },
    /// An attempt writes down how far it is. The answer is given when it is durable.
    Noted { at: At, attempt: u32, note: Arc<Note>, reply: tokio::sync::oneshot::Sender<()> },
    /// A step publishes a value while it runs.
    Publish { scope: Scope, key: String, value: Option<Arc<Json>> },
    /// An executor has asked what expressions ask.
    Found(Box<Found>),
    /// The shared budgets grant what an attempt may use, or refuse it.
    Reserved { at: At, refused: Option<Failure> },
    /// The shared budgets have what the steps of a batch may use, but for these.
    Probed { refused: Vec<(At, Failure)> },
    /// A shared budget was passed all the same.
    Overdrawn { failure: Failure },
    /// A fact from elsewhere that is only to be written down: a cleanup entry.
    Event(Event),
}

/// What came of an attempt.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    pub at: At,
    pub result: Result<Output, Failure>,
    /// Whether it ran into its deadline.
    pub timed_out: bool,
    /// Whether it was ended by an order.
    pub cancelled: bool,
    /// What it wrote to the run's state.
    pub writes: Vec<crate::state::Write>,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// A strand's wait number `wait`.
    Strand { key: StrandKey, wait: u32 },
    /// The time of a task on one host.
    Task(StrandKey),
    /// The time of a stage.
    Stage(u32),
    /// The time of the run.
    Run,
}

/// One thing to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Begin an attempt, once the records before it are durable.
    Start(Box<Start>),
    /// Ask what expressions ask, once the records before it are durable.
    Inquire(Box<Inquiry>),
    /// End an attempt, or what is being asked.
    Cancel(At),
    /// Hold back what an attempt may use on the shared budgets.
    Reserve(Ask),
    /// Hold nothing back for an attempt that did not begin after all.
    Release { at: At, attempt: u32 },
    /// Ask whether the shared budgets have what all these may use together.
    Probe(Vec<Ask>),
    /// Send a timer at a time, in milliseconds since 1970.
    Wake { at: u64, timer: Timer },
}

impl Order {
    /// Whether it waits for the records before it.
    pub(crate) fn begins(&self) -> bool {
        matches!(self, Order::Start(_) | Order::Inquire(_))
    }
}

/// What of a step, of its task or of its stage expressions tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Matter {
    /// Whether a task runs.
    TaskCondition,
    /// Whether a step runs.
    Condition,
    /// What a loop goes over.
    Items,
    /// Where a step is done, and as whom.
    Place,
    /// A step's parameters and environment, where they have to be known before it begins.
    Parameters,
    /// Whether an attempt failed.
    Failed,
    /// Whether it changed anything.
    Changed,
    /// Whether it was the last.
    Until,
    /// What a task hands on.
    Outputs,
    /// Whether a repeated stage is done.
    Rounds,
    /// Where a step is taken back.
    UndoPlace,
}

impl Matter {
    /// Whether a strand stands and waits for it.
    pub(crate) fn is_of_strand(self) -> bool {
        !matches!(self, Matter::Outputs | Matter::Rounds | Matter::UndoPlace)
    }
}

/// Expressions of which one asks for what has effects of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Question {
    /// Which condition is the first that does not hold?
    Conditions(Vec<String>),
    /// What are these, each with a word for it? With `unknown`, a check knows only a part of what they stand on.
    Values { texts: Vec<(String, Json)>, unknown: bool },
}

/// The answer to a [`Question`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Finding {
    Unmet(Option<String>),
    Values(Vec<Result<Json, Failure>>),
}

impl Finding {
    /// The condition that does not hold, of conditions.
    pub(crate) fn unmet(self) -> Option<String> {
        match self {
            Finding::Unmet(condition) => condition,
            Finding::Values(_) => None,
        }
    }

    /// The values, of values.
    pub(crate) fn values(self) -> Vec<Result<Json, Failure>> {
        match self {
            Finding::Values(values) => values,
            Finding::Unmet(_) => Vec::new(),
        }
    }
}

/// Something for an executor to ask.
pub(crate) struct Inquiry {
    pub at: At,
    pub question: Question,
    pub scope: Value,
    /// How long it may take, in milliseconds.
    pub limit_ms: Option<u64>,
}

impl std::fmt::Debug for Inquiry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inquiry({:?}, {:?})", self.at, self.question)
    }
}

/// What came of an inquiry.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub at: At,
    pub result: Result<Finding, Failure>,
    /// Whether it ran into its deadline.
    pub timed_out: bool,
    /// Whether it was ended by an order.
    pub cancelled: bool,
}

/// What an attempt may use.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ask {
    pub at: At,
    pub attempt: u32,
    pub estimate: Estimate,
}

/// What an executor is to do with a step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Deed {
    /// Its work.
    Do,
    /// Its work, once it is kept how things were before.
    DoAndKeep {
        /// Whether it must not begin where that cannot be kept.
        must: bool,
    },
    /// Take it back.
    Undo(Arc<Json>),
}

/// An attempt to begin.
pub(crate) struct Start {
    pub at: At,
    pub attempt: u32,
    pub action: Arc<dyn Action>,
    pub host: Arc<str>,
    pub target: Target,
    pub input: Json,
    pub scope: Value,
    pub environment: BTreeMap<String, String>,
    /// What has to be rendered by the executor, for it has effects: the parameters as they are, and this of the
    /// environment.
    pub late: Option<Map<String, Json>>,
    /// How long it may take, in milliseconds.
    pub limit_ms: Option<u64>,
    /// Whether its result is kept out of everything.
    pub no_log: bool,
    /// What is to be done.
    pub deed: Deed,
    /// The scopes of state that it sees, nearest first.
    pub scopes: Arc<[Scope]>,
    /// What earlier attempts wrote down, where this one goes on with it.
    pub notes: Arc<[Arc<Note>]>,
    /// Steps that come after it without asking, as long as all goes well.
    pub then: Vec<Start>,
}

impl std::fmt::Debug for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Start({:?}, {} attempt {})", self.at, self.action.name(), self.attempt)
    }
}
