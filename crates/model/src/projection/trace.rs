//! A run as a trace, in the event format of Chrome's tracing that Perfetto reads: a track for each task on each
//! host, and on it slices for the task, its loops, and every attempt at a step.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::RunMeta;
use super::view::{Error, host_count, host_name, step_id};
use crate::{At, Event, Fragment, Outcome, Plan, Record, Status, TaskEnd};

/// The process that all tracks belong to; a trace has one.
const PROCESS: u32 = 1;

/// The track of the run itself.
const RUN: u32 = 1;

/// The track of the first task on its first host.
const FIRST: u32 = 2;

/// Turns records into the events of a trace, one after another.
///
/// Every slice is a pair of a begin and an end, in the order in which they happened, so that slices of one track
/// lie in each other whatever the clock did. Times are in microseconds since the run's first record.
#[derive(Debug)]
pub struct Trace<'a> {
    plan: &'a Plan,
    meta: &'a RunMeta,
    /// The track of each task's first host.
    tracks: Vec<u32>,
    /// What is open on each track that was named, outer slices first.
    open: BTreeMap<u32, Vec<Slice>>,
    origin: Option<u64>,
    /// The latest time so far: clocks go backward at times, traces do not.
    last: u64,
    running: u32,
    events: Vec<Value>,
}

/// Something that takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slice {
    Run,
    Task,
    Loop(At),
    Attempt(At),
    /// Until a person answered a question, or decided about a step in doubt.
    Person(At),
}

impl<'a> Trace<'a> {
    /// The trace of a run of `plan`, before its first record.
    pub fn new(meta: &'a RunMeta, plan: &'a Plan) -> Self {
        let mut next = FIRST;
        let mut tracks = Vec::with_capacity(plan.tasks.len());
        for task in 0..plan.tasks.len() as u32 {
            tracks.push(next);
            next += host_count(plan, task);
        }
        let mut trace = Self {
            plan,
            meta,
            tracks,
            open: BTreeMap::new(),
            origin: None,
            last: 0,
            running: 0,
            events: Vec::new(),
        };
        let name = format!("{} ({})", plan.name, meta.run_id);
        trace.meta("process_name", RUN, json!({ "name": name }));
        trace.track(RUN, "run".to_owned());
        trace
    }

    /// Takes the next record of the run.
    pub fn record(&mut self, record: &Record) {
        if matches!(record.event, Event::RunStarted { .. }) {
            // What was under way when the last driver died ended with it, whenever that was.
            self.close_all("cut off");
        }
        self.origin.get_or_insert(record.time);
        self.last = self.last.max(record.time);
        match record.event.at() {
            Some(at) => self.step(at, &record.event),
            None => self.run(&record.event),
        }
    }

    /// Ends what is still open: the run goes on, or was cut off.
    pub fn end(&mut self) {
        self.close_all("not ended");
    }

    /// The events since this was asked last.
    pub fn take(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.events)
    }

    fn run(&mut self, event: &Event) {
        match event {
            Event::RunStarted { pid, resumed } => {
                let args = json!({
                    "run": self.meta.run_id,
                    "pid": pid,
                    "resumed": resumed,
                    "started_at": self.last,
                    "plan": self.meta.plan_digest,
                });
                self.begin(RUN, Slice::Run, if *resumed { "resumed" } else { "run" }, args);
            }
            Event::RunInterrupted { reason } => {
                self.close_all("interrupted");
                self.instant(RUN, "interrupted", json!({ "reason": reason }));
            }
            Event::RunFinished { status, error } => {
                self.close_all(status.word());
                let args = json!({ "error": error.as_deref().map(Error::from) });
                self.instant(RUN, status.word(), args);
            }
            Event::TaskFinished { task, end, reason, .. } => {
                self.task_finished(*task, *end, reason.as_deref())
            }
            Event::BatchMerged { batch, .. } => self.instant(RUN, &format!("batch {batch}"), json!({})),
            Event::CleanupAdded { entry, .. } => {
                self.instant(RUN, "cleanup added", json!({ "label": entry.label }));
            }
            Event::CleanupDone { id, error } => {
                self.instant(RUN, "cleanup done", json!({ "cleanup": id, "error": error }));
            }
            Event::PlanExtended { fragment: Fragment::Round { stage, round }, .. } => {
                let args = json!({ "stage": self.plan.stages.get(*stage as usize).map(|stage| &stage.name) });
                self.instant(RUN, &format!("round {round}"), args);
            }
            Event::StageFailed { error, .. } => {
                self.instant(RUN, event.word(), json!({ "error": Error::from(&**error) }));
            }
            Event::UndoStarted { .. } | Event::UndoFinished { .. } => {
                self.instant(RUN, event.word(), json!({}));
            }
            // Values of the run's state are no moments of it.
            _ => {}
        }
    }

    fn step(&mut self, at: At, event: &Event) {
        let Some(track) = self.track_of(at) else { return };
        match event {
            Event::StepStarted { attempt, .. } => {
                self.begin_task(track, at);
                let title = self.title(at);
                let name = if *attempt > 1 { format!("{title} (attempt {attempt})") } else { title };
                let args = self.about(at, *attempt);
                self.begin(track, Slice::Attempt(at), &name, args);
                self.count(1);
            }
            Event::StepRetried { error, delay_ms, .. } => {
                let args =
                    json!({ "status": "retried", "delay_ms": delay_ms, "error": Error::from(&**error) });
                self.close(track, Slice::Attempt(at), &args);
            }
            Event::StepFinished { outcome, .. } => self.step_finished(track, at, outcome),
            Event::PlanExtended { fragment: Fragment::Items(items), .. } => {
                self.begin_task(track, at);
                self.begin(track, Slice::Loop(at), &self.title(at), json!({ "items": items.len() }));
            }
            Event::ApprovalAsked { prompt, .. } => {
                self.begin_task(track, at);
                self.begin(track, Slice::Person(at), "waits for an answer", json!({ "prompt": prompt }));
            }
            Event::ApprovalGiven { approved, by, note, .. } => {
                let args = json!({ "approved": approved, "by": by, "note": note });
                self.close(track, Slice::Person(at), &args);
            }
            Event::StepHeld { .. } => {
                self.begin_task(track, at);
                self.begin(
                    track,
                    Slice::Person(at),
                    "held: in doubt",
                    json!({ "step": step_id(self.plan, at) }),
                );
            }
            Event::DoubtResolved { verdict, .. } => {
                self.close(track, Slice::Person(at), &json!({ "verdict": verdict }));
            }
            Event::StepUndone { error, .. } => {
                let args =
                    json!({ "step": step_id(self.plan, at), "error": error.as_deref().map(Error::from) });
                self.name_track(track, at);
                self.instant(track, "undone", args);
            }
            _ => {}
        }
    }

    fn step_finished(&mut self, track: u32, at: At, outcome: &Outcome) {
        let args = json!({
            "status": outcome.status.word(),
            "changed": outcome.status == Status::Changed,
            "reason": outcome.reason(),
            "error": outcome.error().map(Error::from),
            "usage": outcome.usage(),
        });
        let began = self.close(track, Slice::Attempt(at), &args) || self.close(track, Slice::Loop(at), &args);
        let blocked = outcome.detail.as_ref().is_some_and(|detail| detail.blocked);
        // What did not come to run because of something else is no moment of its own.
        if !began && !blocked {
            self.name_track(track, at);
            self.instant(track, &format!("{}: {}", self.title(at), outcome.status.word()), args);
        }
    }

    fn task_finished(&mut self, task: u32, end: TaskEnd, reason: Option<&str>) {
        let Some(&first) = self.tracks.get(task as usize) else { return };
        let args = json!({ "end": end, "reason": reason });
        for track in first..first + host_count(self.plan, task) {
            self.close(track, Slice::Task, &args);
        }
    }

    fn track_of(&self, at: At) -> Option<u32> {
        let first = self.tracks.get(at.task as usize)?;
        (at.host < host_count(self.plan, at.task)).then(|| first + at.host)
    }

    /// What people read of a step, with the number of a loop's item.
    fn title(&self, at: At) -> String {
        let task = &self.plan.tasks[at.task as usize];
        let title = task.steps.get(at.step as usize).map_or("", |step| step.title());
        match at.item {
            None => title.to_owned(),
            Some(item) => format!("{title} [{item}]"),
        }
    }

    fn about(&self, at: At, attempt: u32) -> Value {
        let task = &self.plan.tasks[at.task as usize];
        json!({
            "task": task.id,
            "step": step_id(self.plan, at),
            "action": task.steps.get(at.step as usize).map(|step| &*step.action),
            "host": host_name(self.plan, at.task, at.host),
            "attempt": attempt,
        })
    }

    fn name_track(&mut self, track: u32, at: At) {
        if self.open.contains_key(&track) {
            return;
        }
        let task = &self.plan.tasks[at.task as usize].id;
        let several = host_count(self.plan, at.task) > 1;
        let host = host_name(self.plan, at.task, at.host).filter(|_| several);
        self.track(track, host.map_or_else(|| task.to_string(), |host| format!("{task} @ {host}")));
    }

    fn begin_task(&mut self, track: u32, at: At) {
        self.name_track(track, at);
        if self.open[&track].is_empty() {
            let task = &self.plan.tasks[at.task as usize];
            let needs: Vec<_> = task.needs.iter().map(|n| &self.plan.tasks[*n as usize].id).collect();
            let args = json!({ "needs": needs, "host": host_name(self.plan, at.task, at.host) });
            self.begin(track, Slice::Task, task.id.as_str(), args);
        }
    }

    /// Names a track, and makes tracks stand in the order of the plan.
    fn track(&mut self, track: u32, name: String) {
        self.meta("thread_name", track, json!({ "name": name }));
        self.meta("thread_sort_index", track, json!({ "sort_index": track }));
        self.open.insert(track, Vec::new());
    }

    fn begin(&mut self, track: u32, slice: Slice, name: &str, args: Value) {
        let category = match slice {
            Slice::Run => "run",
            Slice::Task => "task",
            Slice::Loop(_) => "loop",
            Slice::Attempt(_) => "step",
            Slice::Person(_) => "person",
        };
        self.open.entry(track).or_default().push(slice);
        self.push(json!({ "ph": "B", "name": name, "cat": category, "tid": track, "args": args }));
    }

    /// Ends a slice and what is still open in it; false where it is not open.
    fn close(&mut self, track: u32, slice: Slice, args: &Value) -> bool {
        let Some(open) = self.open.get_mut(&track) else { return false };
        let Some(at) = open.iter().rposition(|open| *open == slice) else { return false };
        let closed = open.split_off(at);
        for (depth, slice) in closed.iter().enumerate().rev() {
            let args = if depth == 0 { args.clone() } else { json!({}) };
            self.push(json!({ "ph": "E", "tid": track, "args": args }));
            if matches!(slice, Slice::Attempt(_)) {
                self.count(-1);
            }
        }
        true
    }

    fn close_all(&mut self, why: &str) {
        let outermost = |(track, open): (&u32, &Vec<Slice>)| Some((*track, *open.first()?));
        let open: Vec<_> = self.open.iter().filter_map(outermost).collect();
        // The run's own slice is on the first track, and ends last.
        for (track, slice) in open.into_iter().rev() {
            self.close(track, slice, &json!({ "end": why }));
        }
    }

    fn instant(&mut self, track: u32, name: &str, args: Value) {
        self.push(json!({ "ph": "i", "s": "t", "name": name, "cat": "event", "tid": track, "args": args }));
    }

    /// How many attempts are under way, as a curve.
    fn count(&mut self, by: i32) {
        self.running = self.running.saturating_add_signed(by);
        let args = json!({ "steps": self.running });
        self.push(json!({ "ph": "C", "name": "steps under way", "tid": RUN, "args": args }));
    }

    fn meta(&mut self, name: &str, track: u32, args: Value) {
        self.events.push(json!({ "ph": "M", "name": name, "pid": PROCESS, "tid": track, "args": args }));
    }

    fn push(&mut self, mut event: Value) {
        event["pid"] = PROCESS.into();
        event["ts"] = (self.last.saturating_sub(self.origin.unwrap_or(self.last)) * 1000).into();
        self.events.push(event);
    }
}
