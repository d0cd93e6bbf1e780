//! A strand: one task on one host. Its steps run one after another; strands run side by side.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use windlass_expr::{from_json, to_json};
use windlass_model::{At, Code, Outcome, RunState, Scope, Status, Step, Task};

use super::message::Finished;
use super::unforeseen;
use super::walk::{Omitted, Walk};
use crate::vars::Registers;

/// Names one strand: the index of its task and the position of its host.
pub(crate) type StrandKey = (u32, u32);

/// What a strand is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It is in the ready queue, or being worked on right now.
    Ready,
    /// An executor has its step.
    Running,
    /// An executor asks what its expressions ask.
    Inquiring,
    /// Its attempt waits for the shared budgets.
    Holding,
    /// It waits for a point in time: the next attempt, or the pause of a loop.
    Sleeping,
    /// It waits for a person's yes or no.
    Asking,
    /// It waits for a person to decide about a step in doubt.
    Held,
    /// It waits for keys of the run's state.
    Wanting,
    /// It stopped between two steps, because the run is being interrupted.
    Parked,
}

/// Steps that were handed over together. Their executor does one after another and tells of each; it stops at
/// the first that does not succeed.
#[derive(Clone, Debug)]
pub(crate) struct Convoy {
    /// The index of the last step.
    pub last: u32,
    /// What came of steps that the strand has not come to yet, in order.
    pub told: VecDeque<Finished>,
}

/// One task on one host.
#[derive(Clone, Debug)]
pub(crate) struct Strand {
    pub key: StrandKey,
    pub walk: Walk,
    pub doing: Doing,
    /// Whether its task's own condition has still to be told.
    pub opening: bool,
    /// The loop's item that is being worked on.
    pub item: Option<u32>,
    /// Results and facts that its later steps see.
    pub registers: Registers,
    /// Attempts at the current step in this session; those of earlier sessions do not count against a retry.
    pub attempts: u32,
    /// When the current step (or item) was first begun in this session; 0 before.
    pub began: u64,
    /// When its task's time is over.
    pub deadline: Option<u64>,
    /// The last step of its body that ran.
    pub last: Option<u32>,
    /// Counts what it waited for, so that a timer that comes late is known as such.
    pub waits: u32,
    /// Steps that its way leaves out, and that a crash kept from being written down as such.
    pub owed: Vec<Omitted>,
    /// The steps that its executor has at once, where it has several.
    pub convoy: Option<Convoy>,
    /// Whether its cleanup runs before its time, because the run is being interrupted: then it parks.
    pub early: bool,
}

impl Strand {
    /// A strand as the journal left it: it walks through what is done and stands before what is not.
    pub(crate) fn restore(key: StrandKey, task: &Task, state: &RunState) -> Self {
        let mut strand = Self {
            key,
            walk: Walk::default(),
            doing: Doing::Ready,
            opening: false,
            item: None,
            registers: crate::vars::no_registers(),
            attempts: 0,
            began: 0,
            deadline: None,
            last: None,
            waits: 0,
            owed: Vec::new(),
            convoy: None,
            early: false,
        };
        if state.undoing.contains(&Scope::Task(key.0)) {
            // Its steps are over, and are being taken back.
            strand.walk = Walk::over(task);
            return strand;
        }
        let mut omitted = Vec::new();
        while let Some(run) = state.steps_on(key.0, key.1).get(strand.walk.cursor as usize) {
            let Some(outcome) = run.outcome() else { break };
            strand.learn(task, &outcome);
            strand.walk.advance(task, outcome.status.is_success(), &mut omitted);
            if outcome.error().is_some_and(|error| error.code == Code::TaskTimeout) {
                let from = strand.walk.cursor;
                strand.walk.abandon(task, from, &mut omitted);
            }
        }
        strand.owed = omitted;
        strand
    }

    /// The place of the current step.
    pub(crate) fn at(&self) -> At {
        At { task: self.key.0, host: self.key.1, step: self.walk.cursor, item: self.item }
    }

    /// Keeps what later steps see of the result of the step under the cursor.
    pub(crate) fn learn(&mut self, task: &Task, outcome: &Outcome) {
        let cursor = self.walk.cursor;
        let step = &task.steps[cursor as usize];
        if cursor < task.cleanup && (outcome.status != Status::Skipped || outcome.is_unknown()) {
            self.last = Some(cursor);
        }
        if outcome.is_unknown() {
            return self.learn_nothing(task, step, outcome);
        }
        let facts = outcome.result().get("ansible_facts").and_then(Json::as_object);
        let register = step.more().register.as_ref();
        let failed = !outcome.status.is_success();
        if facts.is_none() && register.is_none() && !failed {
            return;
        }
        let result = result_of(outcome);
        let names = Arc::make_mut(&mut self.registers);
        // As in Ansible: what a person sets is a variable, what is found out is a fact. A host that tells of
        // itself has no word in how it is reached, nor in what the run knows.
        let set = &*step.action == "set_fact";
        for (name, fact) in facts.into_iter().flatten().filter(|(name, _)| set || !is_ours(name)) {
            names.insert(name.clone(), from_json(fact));
        }
        if let Some(facts) = facts.filter(|_| !set) {
            let known = names.get("ansible_facts").and_then(|known| to_json(known).ok());
            let mut all = known.and_then(|known| known.as_object().cloned()).unwrap_or_default();
            let short = |name: &String| name.strip_prefix("ansible_").unwrap_or(name).to_owned();
            all.extend(facts.iter().map(|(name, fact)| (short(name), fact.clone())));
            names.insert("ansible_facts".into(), from_json(&Json::Object(all)));
        }
        if failed {
            // As in Ansible: what a rescue can look at.
            names.insert("ansible_failed_result".into(), from_json(&result));
            let step = json!({ "name": step.title(), "action": &*step.action });
            names.insert("ansible_failed_task".into(), from_json(&step));
        }
        if let Some(name) = register {
            names.insert(name.clone(), from_json(&result));
        }
    }

    /// What a step that a check did not run would have told is not known to later ones either.
    fn learn_nothing(&mut self, task: &Task, step: &Step, outcome: &Outcome) {
        let facts = step.input.as_object().filter(|_| &*step.action == "set_fact");
        let names = Arc::make_mut(&mut self.registers);
        for name in facts.into_iter().flat_map(|facts| facts.keys()) {
            names.insert(name.clone(), windlass_expr::unforeseen(&unforeseen::cause(task, step)));
        }
        if let Some(name) = &step.more().register {
            names.insert(name.clone(), unforeseen::registered(task, step, outcome));
        }
    }
}

/// Whether a name says something that is not for a host to say.
fn is_ours(name: &str) -> bool {
    const OURS: [&str; 21] = [
        "ansible_become",
        "ansible_check_mode",
        "ansible_connection",
        "ansible_facts",
        "ansible_failed_result",
        "ansible_failed_task",
        "ansible_host",
        "ansible_password",
        "ansible_port",
        "ansible_user",
        "env",
        "group_names",
        "groups",
        "hostvars",
        "inventory_hostname",
        "item",
        "run",
        "secrets",
        "state",
        "tasks",
        "vars",
    ];
    let beginnings = ["ansible_become_", "ansible_private_key", "ansible_ssh_"];
    let connection = beginnings.iter().any(|beginning| name.starts_with(beginning));
    OURS.contains(&name) || (connection && !name.starts_with("ansible_ssh_host_key_"))
}

/// The result as expressions see it: what the action said, with `changed`, `failed` and `skipped` always there.
pub(crate) fn result_of(outcome: &Outcome) -> Json {
    Json::Object(fields_of(outcome))
}

/// The same by name.
pub(super) fn fields_of(outcome: &Outcome) -> Map<String, Json> {
    let mut fields = match outcome.result() {
        Json::Object(fields) => fields.clone(),
        Json::Null => Map::new(),
        other => Map::from_iter([("value".to_owned(), other.clone())]),
    };
    let failed = matches!(outcome.status, Status::Failed | Status::Unreachable | Status::Cancelled);
    fields.entry("changed").or_insert(json!(outcome.status == Status::Changed));
    fields.entry("failed").or_insert(json!(failed));
    if outcome.status == Status::Skipped {
        fields.entry("skipped").or_insert(json!(true));
        if let Some(reason) = outcome.reason() {
            fields.entry("skip_reason").or_insert(json!(reason));
        }
    }
    if outcome.status == Status::Unreachable {
        fields.entry("unreachable").or_insert(json!(true));
    }
    if let Some(error) = outcome.error() {
        fields.entry("msg").or_insert(json!(error.message));
    }
    fields
}

/// The strands that are being worked on: far fewer than a plan has. A strand is large, and moves between maps and
/// lists; hence the boxes.
pub(crate) type Strands = BTreeMap<StrandKey, Box<Strand>>;
