//! A workflow document as it was written: typed, with the place of everything, and nothing worked out yet.

mod block;
mod condition;
mod elsewhere;
mod include;
pub(crate) mod keywords;
mod policy;
mod read;
mod rollout;
mod rounds;
mod secrets;
mod step;
mod task;
mod vars;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use windlass_engine::Sections;
use windlass_model::{Become, BlobId, Location, OnDoubt, Policy, Retry, SecretRef, Source, Strategy};
use windlass_yaml::Node;

pub(crate) use condition::Condition;
pub(crate) use policy::{limit, millis};
pub(crate) use read::read;
pub(crate) use rollout::{Rollout, Where};
pub(crate) use rounds::{INSTEAD, WHY};
pub(crate) use vars::is_name;

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Placed<T> {
    pub value: T,
    pub at: Location,
}

/// What was written somewhere, with the text that its places lie in.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub source: Arc<Source>,
    pub node: Node,
}

impl Written {
    pub(crate) fn at(&self) -> Location {
        self.node.location(&self.source)
    }
}

/// Names with what was written for each, in the order of the text.
pub(crate) type Named = Vec<(Placed<String>, Written)>;

/// A whole document, included files too.
#[derive(Debug)]
pub(crate) struct Document {
    pub name: String,
    pub description: String,
    pub vars: Named,
    pub secrets: BTreeMap<String, SecretRef>,
    pub policy: Policy,
    /// The order of starts, where the document says so.
    pub strategy: Option<Strategy>,
    /// Its keys that belong to step words.
    pub sections: Sections,
    pub stages: Vec<Stage>,
    pub tasks: Vec<Entry>,
    /// The included files, by the name that leads to each from the document's folder: what each holds, and
    /// where it was read.
    pub files: BTreeMap<String, (BlobId, PathBuf)>,
}

/// A group of tasks.
#[derive(Debug)]
pub(crate) struct Stage {
    pub name: Placed<String>,
    pub vars: Named,
    pub policy: Policy,
    pub repeat: Option<Rounds>,
    pub tasks: Vec<Entry>,
}

/// How a stage is repeated.
#[derive(Debug)]
pub(crate) struct Rounds {
    pub until: Vec<Condition>,
    pub max_rounds: u32,
}

/// An element of a list of tasks.
#[derive(Debug)]
pub(crate) enum Entry {
    Task(Box<Task>),
    Include(Box<Inclusion>),
}

/// Tasks that a file brings in.
#[derive(Debug)]
pub(crate) struct Inclusion {
    /// What the ids of its tasks begin with.
    pub id: Option<Placed<String>>,
    pub needs: Vec<Placed<String>>,
    pub shared: Shared,
    /// The variables of the file itself, which the parameters override.
    pub defaults: Named,
    pub tasks: Vec<Entry>,
}

/// A task.
#[derive(Debug)]
pub(crate) struct Task {
    /// `None` where it was missing.
    pub id: Option<Placed<String>>,
    pub name: Option<Written>,
    pub description: String,
    pub needs: Vec<Placed<String>>,
    pub shared: Shared,
    pub timeout: Option<Duration>,
    pub retry: Option<Retry>,
    pub rollout: Rollout,
    /// Whether a failure takes back what it did.
    pub transaction: bool,
    pub body: Vec<Item>,
    pub cleanup: Vec<Item>,
    pub outputs: Named,
    pub produces: Vec<String>,
    pub consumes: Vec<String>,
}

/// Keywords that what is below inherits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared {
    pub when: Vec<Condition>,
    pub vars: Named,
    pub environment: Named,
    pub tags: Vec<String>,
    pub ignore_errors: Option<bool>,
    pub ignore_unreachable: Option<bool>,
    pub no_log: Option<bool>,
    pub on_doubt: Option<OnDoubt>,
    pub chdir: Option<Written>,
    pub role: Become,
    pub place: Where,
}

/// An element of a list of steps.
#[derive(Debug)]
pub(crate) enum Item {
    Step(Box<Step>),
    Block(Box<Block>),
}

/// Steps with what happens when one of them fails. Included steps are a block too.
#[derive(Debug)]
pub(crate) struct Block {
    pub shared: Shared,
    /// The variables of the included file itself, which the parameters override.
    pub defaults: Named,
    pub body: Vec<Item>,
    pub rescue: Vec<Item>,
    pub always: Vec<Item>,
    /// Whether the steps come from a file, which may come in several times.
    pub included: bool,
}

/// A step.
#[derive(Debug)]
pub(crate) struct Step {
    pub at: Location,
    /// Whether it is all that its task does, and so has the task's name.
    pub alone: bool,
    pub shared: Shared,
    pub id: Option<Placed<String>>,
    pub name: Option<Written>,
    pub description: String,
    /// The word that says what it does, without a collection's name before it; `None` where it was missing.
    pub word: Option<Placed<String>>,
    /// What stands after the word.
    pub input: Written,
    pub args: Option<Written>,
    /// Keys that belong to the word.
    pub keys: Vec<(String, Node)>,
    pub repeat: Option<Repeat>,
    pub until: Option<Until>,
    pub register: Option<Placed<String>>,
    pub changed_when: Option<Vec<Condition>>,
    pub failed_when: Option<Vec<Condition>>,
    pub timeout: Option<Duration>,
    pub retry: Option<Retry>,
    /// Shortcuts that become parameters of a command: `creates`, `removes`.
    pub shortcuts: Named,
    pub produces: Vec<String>,
    pub consumes: Vec<String>,
}

/// What to repeat a step over.
#[derive(Debug)]
pub(crate) struct Repeat {
    pub over: Written,
    /// Whether lists in the list are opened, as `with_items` does.
    pub flat: bool,
    pub item: String,
    pub index: Option<String>,
    pub label: Option<Written>,
    pub pause: Duration,
}

/// Repeat a step until it holds.
#[derive(Debug)]
pub(crate) struct Until {
    pub conditions: Vec<Condition>,
    pub retries: u32,
    pub delay: Duration,
}
