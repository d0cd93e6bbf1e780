//! Who asked which language model what, with which context, and for how much: a line for every attempt that a model
//! was part of, made of the journal alone.

use serde_json::{Map, Value, json};

use super::view::{Error, host_name, step_id};
use super::{RunMeta, SCHEMA_VERSION};
use crate::{At, Event, Outcome, Plan, Record};

/// The action that asks models.
const PROMPT: &str = "prompt";

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

/// What a record tells of money, tokens and models; none for records that tell nothing of them. What a model or a
/// tool said stands in it as JSON, so that it can be no line of its own.
pub fn audit_line(meta: &RunMeta, plan: &Plan, record: &Record) -> Option<Value> {
    let (at, word, told) = match &record.event {
        Event::StepFinished { at, outcome } => (*at, "finished", finished(plan, *at, outcome)?),
        Event::StepRetried { at, attempt, error, used, .. } => {
            let used = used.as_ref().filter(|used| asks(plan, *at) || !used.is_zero())?;
            let error = Error::from(&**error);
            let told = json!({ "attempt": attempt, "usage": used, "error": error });
            (*at, "tried", told)
        }
        _ => return None,
    };
    let mut line = json!({
        "schema_version": SCHEMA_VERSION,
        "run_id": meta.run_id,
        "invoker": meta.invoker,
        "seq": record.seq,
        "time": record.time,
        "event": word,
        "task": plan.tasks.get(at.task as usize)?.id,
        "step": step_id(plan, at)?,
        "host": host_name(plan, at.task, at.host),
    });
    if let (Value::Object(line), Value::Object(told)) = (&mut line, told) {
        line.extend(told);
    }
    Some(line)
}

fn asks(plan: &Plan, at: At) -> bool {
    let step = plan.tasks.get(at.task as usize).and_then(|task| task.steps.get(at.step as usize));
    step.is_some_and(|step| &*step.action == PROMPT)
}

fn finished(plan: &Plan, at: At, outcome: &Outcome) -> Option<Value> {
    if outcome.usage().is_none() && !asks(plan, at) {
        return None;
    }
    let mut told = Map::from_iter([("status".to_owned(), json!(outcome.status))]);
    if let Some(used) = outcome.usage() {
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
