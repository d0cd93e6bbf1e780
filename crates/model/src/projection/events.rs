//! Records as lines of `events.jsonl`: flat keys, names in place of indices.

use std::collections::HashMap;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::view::{Error, host_name, step_id};
use crate::{At, Event, Fragment, Plan, Record, RunId, Scope, TaskEnd};

/// One record as a line of `events.jsonl`.
#[derive(Clone, Copy, Debug)]
pub struct EventLine<'a> {
    plan: &'a Plan,
    run: &'a RunId,
    record: &'a Record,
    told: Told,
}

/// What a line says and its record does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The attempt that its step is at.
    pub attempt: Option<u32>,
    /// The round that its task is in, where that is not the first.
    pub round: Option<u32>,
}

/// One record as a line of `events.jsonl`.
pub fn event_line<'a>(plan: &'a Plan, run: &'a RunId, record: &'a Record) -> EventLine<'a> {
    EventLine { plan, run, record, told: Told::default() }
}

impl EventLine<'_> {
    /// Adds the number of the attempt to an event that has none of its own, and the round to its task's id.
    #[must_use]
    pub fn told(self, told: Told) -> Self {
        Self { told, ..self }
    }
}

/// Which attempt each running step is at, and which round each repeated stage.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    attempts: HashMap<At, u32>,
    rounds: HashMap<u32, u32>,
}

impl Attempts {
    /// Takes the next record of the run, and says which attempt and which round it is about.
    pub fn note(&mut self, plan: &Plan, record: &Record) -> Told {
        let attempt = match &record.event {
            Event::StepStarted { at, attempt, .. } => {
                self.attempts.insert(*at, *attempt);
                Some(*attempt)
            }
            Event::StepFinished { at, .. } => self.attempts.remove(at),
            Event::PlanExtended { fragment: Fragment::Round { stage, round }, .. } => {
                self.rounds.insert(*stage, *round);
                None
            }
            event => event.at().and_then(|at| self.attempts.get(&at).copied()),
        };
        Told { attempt, round: self.round(plan, &record.event) }
    }

    fn round(&self, plan: &Plan, event: &Event) -> Option<u32> {
        if self.rounds.is_empty() {
            return None;
        }
        let task = match event {
            Event::TaskFinished { task, .. } => *task,
            event => event.at()?.task,
        };
        self.rounds.get(&plan.tasks.get(task as usize)?.stage?).copied()
    }
}

fn end_word(end: TaskEnd) -> &'static str {
    match end {
        TaskEnd::Completed => "completed",
        TaskEnd::Failed => "failed",
        TaskEnd::Skipped | TaskEnd::Blocked => "skipped",
        TaskEnd::Undone => "undone",
    }
}

/// An object in the making whose empty entries are left out.
struct Line<M>(M);

impl<M: SerializeMap> Line<M> {
    fn put(&mut self, key: &str, value: impl Serialize) -> Result<(), M::Error> {
        self.0.serialize_entry(key, &value)
    }

    fn some(&mut self, key: &str, value: Option<impl Serialize>) -> Result<(), M::Error> {
        value.map_or(Ok(()), |value| self.put(key, value))
    }
}

impl Serialize for EventLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = Line(serializer.serialize_map(None)?);
        line.put("seq", self.record.seq)?;
        line.put("time", self.record.time)?;
        line.put("event", self.record.event.word())?;
        line.put("run", self.run)?;
        if let Some(at) = self.record.event.at() {
            self.place(&mut line, at)?;
        }
        self.rest(&mut line)?;
        line.0.end()
    }
}

impl EventLine<'_> {
    /// A task's id, with its round where that is not the first.
    fn task_id(&self, task: u32) -> Option<String> {
        let id = &self.plan.tasks.get(task as usize)?.id;
        Some(self.told.round.map_or_else(|| id.to_string(), |round| format!("{id}~{round}")))
    }

    fn place<M: SerializeMap>(&self, line: &mut Line<M>, at: At) -> Result<(), M::Error> {
        line.some("task", self.task_id(at.task))?;
        line.some("step", step_id(self.plan, at))?;
        line.some("host", host_name(self.plan, at.task, at.host))?;
        let own = match &self.record.event {
            Event::StepStarted { attempt, .. }
            | Event::StepNoted { attempt, .. }
            | Event::StepRetried { attempt, .. } => Some(*attempt),
            _ => None,
        };
        line.some("attempt", own.or(self.told.attempt))
    }

    fn stage<M: SerializeMap>(&self, line: &mut Line<M>, stage: u32) -> Result<(), M::Error> {
        line.some("stage", self.plan.stages.get(stage as usize).map(|stage| &stage.name))
    }

    /// What each event adds.
    fn rest<M: SerializeMap>(&self, line: &mut Line<M>) -> Result<(), M::Error> {
        match &self.record.event {
            Event::RunStarted { pid, resumed } => {
                line.put("pid", pid)?;
                line.put("resumed", resumed)
            }
            Event::CheckRenewed => Ok(()),
            Event::RunInterrupted { reason } => line.put("reason", reason),
            Event::RunFinished { status, error } => {
                line.put("status", status.word())?;
                line.some("error", error.as_deref().map(Error::from))
            }
            Event::TaskFinished { task, end, reason, outputs, error } => {
                line.some("task", self.task_id(*task))?;
                line.put("status", end_word(*end))?;
                line.some("reason", reason.as_ref())?;
                line.some("outputs", outputs.as_ref())?;
                line.some("error", error.as_deref().map(Error::from))
            }
            Event::StepStarted { reserved, .. } => line.some("reserved", reserved.as_ref()),
            Event::StepNoted { note, .. } => {
                line.some("usage", Some(&note.used).filter(|used| !used.is_zero()))?;
                line.some("note", note.data.get("note"))
            }
            Event::StepRetried { error, delay_ms, used, .. } => {
                line.put("error", Error::from(&**error))?;
                line.put("delay_ms", delay_ms)?;
                line.some("usage", used.as_ref())
            }
            Event::StepFinished { outcome, .. } => self.finished(line, outcome),
            Event::PlanExtended { fragment: Fragment::Round { stage, round }, digest, .. } => {
                self.stage(line, *stage)?;
                line.put("round", round)?;
                line.put("digest", digest)
            }
            Event::StageFailed { stage, error } => {
                self.stage(line, *stage)?;
                line.put("error", Error::from(&**error))
            }
            Event::PlanExtended { fragment: Fragment::Items(items), digest, .. } => {
                line.put("items", items.len())?;
                line.put("digest", digest)
            }
            Event::ApprovalAsked { prompt, .. } => line.put("prompt", prompt),
            Event::ApprovalGiven { approved, by, note, .. } => {
                line.put("approved", approved)?;
                line.put("by", by)?;
                line.put("note", note)
            }
            Event::StepsSent { at, last } => line.put("last", step_id(self.plan, At { step: *last, ..*at })),
            Event::StepHeld { .. } => Ok(()),
            Event::DoubtResolved { verdict, .. } => line.put("verdict", verdict),
            Event::StateSet { scope, key, value } => {
                self.scope(line, *scope)?;
                line.put("key", key)?;
                line.put("value", value)
            }
            Event::BatchMerged { batch, tasks } => {
                line.put("batch", batch)?;
                line.put("tasks", tasks.iter().map(|t| self.task_id(*t)).collect::<Vec<_>>())
            }
            Event::UndoKept { .. } => Ok(()),
            Event::UndoStarted { scope } => self.scope(line, *scope),
            Event::StepUndone { error, .. } => line.some("error", error.as_deref().map(Error::from)),
            Event::UndoFinished { scope, error } => {
                self.scope(line, *scope)?;
                line.some("error", error.as_deref().map(Error::from))
            }
            Event::CleanupAdded { id, entry } => {
                line.put("cleanup", id)?;
                line.put("kind", &entry.kind)?;
                line.put("label", &entry.label)
            }
            Event::CleanupDone { id, error } => {
                line.put("cleanup", id)?;
                line.some("error", error.as_ref())
            }
        }
    }

    fn finished<M: SerializeMap>(
        &self,
        line: &mut Line<M>,
        outcome: &crate::Outcome,
    ) -> Result<(), M::Error> {
        line.put("status", outcome.status.word())?;
        line.put("changed", outcome.status == crate::Status::Changed)?;
        line.put("duration_ms", outcome.duration_ms)?;
        line.some("reason", outcome.reason())?;
        line.some("result", Some(outcome.result()).filter(|result| !result.is_null()))?;
        line.some("error", outcome.error().map(Error::from))?;
        line.some("usage", outcome.usage())
    }

    fn scope<M: SerializeMap>(&self, line: &mut Line<M>, scope: Scope) -> Result<(), M::Error> {
        match scope {
            Scope::Global => line.put("scope", "global"),
            Scope::Pipeline => line.put("scope", "pipeline"),
            Scope::Stage(stage) => {
                line.put("scope", "stage")?;
                line.some("stage", self.plan.stages.get(stage as usize).map(|stage| &stage.name))
            }
            Scope::Task(task) => {
                line.put("scope", "task")?;
                line.some("task", self.task_id(task))
            }
        }
    }
}
