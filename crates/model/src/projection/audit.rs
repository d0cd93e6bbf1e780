//! Who asked which language model what, with which context, and for how much: a line for every attempt that a model
//! was part of and for what it told on the way, made of the journal alone.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::view::{Error, host_name, step_id};
use super::{RunMeta, SCHEMA_VERSION};
use crate::{At, Event, IllegalEvent, Note, Outcome, Plan, Record, RunState, Usage};

/// The action that asks models.
const PROMPT: &str = "prompt";

/// The word of a line for what nobody lived to tell.
const ORPHANED: &str = "orphaned";

/// What of a prompt's result is told. Its words are in the run's state; they are told by what was asked.
const FIELDS: [&str; 11] = [
    "model",
    "answered_by",
    "provider",
    "request",
    "asked",
    "context",
    "cached",
    "stop",
    "requests",
    "calls",
    "changed",
];

/// Goes through a run's records, and says of each what it tells of money, tokens and models. The `usage` of all lines
/// together is what the run used.
#[derive(Debug)]
pub struct Audit {
    meta: RunMeta,
    state: RunState,
}

impl Audit {
    /// Before the first record of a run.
    pub fn new(meta: RunMeta, plan: Arc<Plan>) -> Self {
        Self { meta, state: RunState::new(plan) }
    }

    /// What the next record tells; nothing where it tells nothing of them. What a model or a tool said stands in a
    /// line as JSON, so that it can be no line of its own.
    pub fn lines(&mut self, record: &Record) -> Result<Vec<Value>, IllegalEvent> {
        let mut told = self.told(record);
        self.state.apply(record)?;
        // What is still held back is not lost: a run that is being taken back leaves its steps as they are.
        told.retain(|(at, word, _)| *word != ORPHANED || !self.state.reserved.contains_key(at));
        Ok(told.into_iter().filter_map(|told| self.line(record, told)).collect())
    }

    fn told(&self, record: &Record) -> Vec<Told> {
        let plan = self.state.plan();
        match &record.event {
            Event::RunStarted { resumed: true, .. } => self.orphaned(),
            Event::StepNoted { at, attempt, note } => vec![(*at, "noted", noted(*attempt, note))],
            Event::StepFinished { at, outcome } => {
                let used = outcome.usage().map(|used| self.state.untold(*at, used));
                finished(plan, *at, outcome, used).map(|told| (*at, "finished", told)).into_iter().collect()
            }
            Event::StepRetried { at, attempt, error, used: Some(used), .. }
                if asks(plan, *at) || !used.is_zero() =>
            {
                let (used, error) = (self.state.untold(*at, used), Error::from(&**error));
                vec![(*at, "tried", json!({ "attempt": attempt, "usage": used, "error": error }))]
            }
            _ => Vec::new(),
        }
    }

    /// What counts at its bound from now on, because nobody lived to tell what it was.
    fn orphaned(&self) -> Vec<Told> {
        let risks = self.state.reserved.keys().filter_map(|at| Some((*at, self.state.at_risk(*at)?)));
        let risks = risks.filter(|(_, most)| !most.is_zero());
        risks.map(|(at, most)| (at, ORPHANED, json!({ "usage": most }))).collect()
    }

    fn line(&self, record: &Record, (at, word, told): Told) -> Option<Value> {
        let plan = self.state.plan();
        plan.tasks.get(at.task as usize)?;
        let mut line = json!({
            "schema_version": SCHEMA_VERSION,
            "run_id": self.meta.run_id,
            "invoker": self.meta.invoker,
            "seq": record.seq,
            "time": record.time,
            "event": word,
            "task": self.state.round_id(at.task),
            "step": step_id(plan, at)?,
            "host": host_name(plan, at.task, at.host),
        });
        if let (Value::Object(line), Value::Object(told)) = (&mut line, told) {
            line.extend(told);
        }
        Some(line)
    }
}

/// An execution of a step, the word for what happened, and what is told of it.
type Told = (At, &'static str, Value);

/// What a round told before the next one: which request it was about, and what that took.
fn noted(attempt: u32, note: &Note) -> Value {
    let mut told = Map::from_iter([("attempt".to_owned(), json!(attempt))]);
    if !note.used.is_zero() {
        told.insert("usage".to_owned(), json!(note.used));
    }
    let fields = ["note", "model", "request", "told"];
    told.extend(fields.iter().filter_map(|name| Some(((*name).to_owned(), note.data.get(name)?.clone()))));
    told.into()
}

/// Whether there is anything to tell of a run: it asks models, or something of it cost something.
pub fn has_audit(state: &RunState) -> bool {
    let mut tasks = state.plan().tasks.iter().flat_map(|task| &task.steps);
    !state.used.is_zero() || tasks.any(|step| &*step.action == PROMPT)
}

fn asks(plan: &Plan, at: At) -> bool {
    let step = plan.tasks.get(at.task as usize).and_then(|task| task.steps.get(at.step as usize));
    step.is_some_and(|step| &*step.action == PROMPT)
}

fn finished(plan: &Plan, at: At, outcome: &Outcome, used: Option<Usage>) -> Option<Value> {
    if outcome.usage().is_none() && !asks(plan, at) {
        return None;
    }
    let mut told = Map::from_iter([("status".to_owned(), json!(outcome.status))]);
    if let Some(used) = used {
        told.insert("usage".to_owned(), json!(used));
    }
    if let Some(error) = outcome.error() {
        told.insert("error".to_owned(), json!(Error::from(error)));
    }
    let fields =
        FIELDS.iter().filter_map(|name| Some(((*name).to_owned(), outcome.result().get(name)?.clone())));
    told.extend(fields);
    Some(told.into())
}
