//! What a check cannot know: the results of steps that did not really run, and all that stands on them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use windlass_expr::{Error, ErrorKind, Lookup, Scope, Value, Vars, unforeseen};
use windlass_model::{Code, Outcome, Status, Step, Task};

use super::strand::fields_of;

/// What is known of a result that a real run would have: that there is one, and why it is not known.
const KNOWN: [&str; 5] = ["failed", "msg", "skip_reason", "skipped", "unknown"];

/// Something of which only some parts are known. Whoever asks for another learns why it is not.
#[derive(Debug)]
struct Guess {
    known: Vars,
    /// All names that it is known to have.
    names: Vec<String>,
    cause: String,
    /// Whether it may have others.
    open: bool,
}

impl Guess {
    /// Some parts of something that has these names, as a value.
    fn of(known: Map<String, Json>, names: Vec<String>, cause: &str) -> Value {
        let guess = Guess { known: Vars::new(known), names, cause: cause.to_owned(), open: false };
        Scope::builder().layer(Arc::new(guess)).build()
    }
}

impl Lookup for Guess {
    fn get(&self, name: &str) -> Option<Value> {
        let there = || self.open || self.names.iter().any(|known| known == name);
        self.known.get(name).or_else(|| there().then(|| unforeseen(&self.cause)))
    }

    fn names(&self) -> Vec<String> {
        self.names.clone()
    }
}

/// Why what a step would tell is not known.
pub(super) fn cause(task: &Task, step: &Step) -> String {
    format!("what {}/{} does", task.id, step.id)
}

/// A step's unknown result, as later steps see what it registered.
pub(super) fn registered(task: &Task, step: &Step, outcome: &Outcome) -> Value {
    Scope::builder().layer(Arc::new(guess(task, step, outcome, true))).build()
}

/// A step's unknown result, as names of their own.
pub(super) fn fields(task: &Task, step: &Step, outcome: &Outcome) -> Arc<dyn Lookup> {
    Arc::new(guess(task, step, outcome, false))
}

fn guess(task: &Task, step: &Step, outcome: &Outcome, open: bool) -> Guess {
    let fields = fields_of(outcome);
    let names = fields.keys().cloned().collect();
    let certain = outcome.status == Status::Changed;
    let is_known = |name: &String| KNOWN.contains(&name.as_str()) || (certain && name == "changed");
    let known = fields.into_iter().filter(|(name, _)| is_known(name)).collect();
    Guess { known: Vars::new(known), names, cause: cause(task, step), open }
}

/// What a task hands on that a check cannot know.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// Whether what its last step told is among it.
    pub output: bool,
    /// Its outputs: by name, or for hosts by host.
    pub outputs: BTreeSet<String>,
}

impl Gaps {
    /// The results of a task, without what is not known of them.
    pub(super) fn leave_out(&self, mut results: Map<String, Json>, cause: &str) -> Value {
        let names: Vec<String> = results.keys().cloned().collect();
        if self.output {
            results.remove("output");
            results.retain(|name, value| name != "changed" || *value == Json::Bool(true));
        }
        let outputs =
            results.remove("outputs").and_then(|outputs| outputs.as_object().cloned()).unwrap_or_default();
        let known: Map<String, Json> =
            outputs.into_iter().filter(|(name, _)| !self.outputs.contains(name)).collect();
        let all = known.keys().chain(&self.outputs).cloned().collect();
        Scope::builder()
            .value("outputs", Guess::of(known, all, cause))
            .scope(Guess::of(results, names, cause))
            .build()
    }
}

/// Whether an expression failed only because a check cannot know what it stands on: it says so, or it names what a
/// step would have told that a check did `not_run`.
pub(super) fn is_gap(error: &Error, not_run: bool) -> bool {
    error.kind == ErrorKind::Unforeseen || (not_run && error.kind == ErrorKind::Undefined)
}

/// Whether a step came to nothing only because a check cannot know what it stands on.
pub(super) fn is_unforeseen(outcome: &Outcome) -> bool {
    outcome.error().is_some_and(|error| error.code == Code::Unforeseen)
}

/// Of such a step it is not known what it would do, which is no failure.
pub(super) fn foreseen(outcome: Outcome) -> Outcome {
    match outcome.error() {
        Some(error) if error.code == Code::Unforeseen => Outcome::unknown(error.message.clone()),
        _ => outcome,
    }
}
