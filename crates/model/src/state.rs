//! Where a run stands: the sum of its events, by one function for live execution, resume, replay and views.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::{
    At, CleanupEntry, Detail, Event, Failure, Fragment, Noted, Outcome, PastRound, Plan, Record, RunStatus,
    Scope, Status, TaskEnd, Usage, Verdict,
};

/// Where one execution of a step stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// It was not begun.
    #[default]
    Pending,
    /// An attempt is under way.
    Running,
    /// An attempt was under way when the driver went away: nobody knows how far it came.
    InDoubt,
    /// It is in doubt, and a person is to decide.
    Held,
    /// It waits for the next attempt.
    Waiting,
    /// It waits for a person's yes or no.
    Asking,
    /// It ended.
    Done(Status),
}

/// One execution of a step. A run has one for each step and host, so it is kept small: 32 bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepRun {
    /// Where it stands.
    pub phase: Phase,
    /// How many attempts were begun.
    pub attempts: u32,
    /// When the first attempt began, in milliseconds since 1970; 0 before.
    pub started_at: u64,
    /// How long it took, once it is done; at most 49 days.
    pub duration_ms: u32,
    /// The rest of its outcome.
    pub detail: Option<Arc<Detail>>,
}

impl StepRun {
    /// Its outcome, once it is done.
    pub fn outcome(&self) -> Option<Outcome> {
        let Phase::Done(status) = self.phase else { return None };
        Some(Outcome { status, duration_ms: self.duration_ms.into(), detail: self.detail.clone() })
    }

    /// How it ended, once it is done.
    pub fn status(&self) -> Option<Status> {
        if let Phase::Done(status) = self.phase { Some(status) } else { None }
    }

    /// Whether nobody can know what it would do and tell before it really runs.
    pub fn is_unknown(&self) -> bool {
        self.detail.as_ref().is_some_and(|detail| detail.unknown)
    }
}

/// Where one task stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskRun {
    /// Whether a step of it was begun.
    pub started: bool,
    /// How it ended.
    pub end: Option<TaskEnd>,
    /// What only ended tasks have, and few of them.
    pub detail: Option<Arc<TaskDetail>>,
}

/// What few ended tasks have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskDetail {
    /// Why it did not complete.
    pub reason: Option<String>,
    /// What it hands on.
    pub outputs: Option<Arc<Value>>,
    /// Its error.
    pub error: Option<Failure>,
}

/// The items of a loop, each an execution of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Expansion {
    /// The items.
    pub items: Arc<Vec<Value>>,
    /// One for each item.
    pub runs: Vec<StepRun>,
}

/// A question to a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Approval {
    /// The question.
    pub prompt: String,
    /// The answer: yes or no, by whom, with what note.
    pub answer: Option<(bool, String, String)>,
}

/// An event that does not follow from the state it meets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} ({word}) is illegal here: {why}")]
pub struct IllegalEvent {
    /// The event's number.
    pub seq: u64,
    /// The event's word.
    pub word: &'static str,
    /// What it contradicts.
    pub why: String,
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq)]
pub struct RunState {
    plan: Arc<Plan>,
    /// Where each task's executions begin in `steps`; one more entry than tasks.
    first: Arc<[u32]>,
    /// The run's own status.
    pub status: RunStatus,
    /// The number of the last event.
    pub seq: u64,
    /// When the first driver began, in milliseconds since 1970.
    pub started_at: Option<u64>,
    /// When the run ended or was interrupted.
    pub finished_at: Option<u64>,
    /// The driver's process id.
    pub pid: Option<u32>,
    /// Why it did not complete, or by what it was interrupted.
    pub error: Option<Failure>,
    /// By what it was interrupted.
    pub interrupted_by: Option<String>,
    /// The tasks, by index.
    pub tasks: Vec<TaskRun>,
    /// The executions of all steps: by task, then host, then step.
    pub steps: Vec<StepRun>,
    /// The loops that were expanded.
    pub expansions: BTreeMap<At, Expansion>,
    /// The questions that were asked.
    pub approvals: BTreeMap<At, Approval>,
    /// What was used, settled.
    pub used: Usage,
    /// The same by the executions of steps that used it, all their attempts together.
    pub spent: BTreeMap<At, Usage>,
    /// What the budget holds back for steps under way.
    pub reserved: BTreeMap<At, Usage>,
    /// What steps wrote down while they worked, as long as an attempt may go on with it.
    pub noted: BTreeMap<At, Noted>,
    /// The run's state by scope and key.
    pub values: BTreeMap<(Scope, String), Arc<Value>>,
    /// What it takes to take steps back, each with the number of the event that told it.
    pub undo: BTreeMap<At, (u64, Arc<Value>)>,
    /// Steps that were handed over together, by task and host: the index of the last. Of those that have not
    /// begun it is not known whether they did, once their driver is gone.
    pub sent: BTreeMap<(u32, u32), u32>,
    /// The rounds that repeated stages are in, where it is not the first.
    pub rounds: BTreeMap<u32, u32>,
    /// What came of tasks in rounds before, by task and round.
    pub past: BTreeMap<(u32, u32), PastRound>,
    /// The scopes that are being taken back.
    pub undoing: BTreeSet<Scope>,
    /// How many batches were merged.
    pub batches: u32,
    /// What is still to be taken back.
    pub cleanups: BTreeMap<u64, CleanupEntry>,
    /// The highest number of a cleanup entry so far.
    pub last_cleanup: u64,
}

impl RunState {
    /// The state before the first event.
    pub fn new(plan: Arc<Plan>) -> Self {
        let mut first = Vec::with_capacity(plan.tasks.len() + 1);
        let mut next = 0u32;
        for task in &plan.tasks {
            first.push(next);
            next += (plan.hosts_of(task).len() * task.steps.len()) as u32;
        }
        first.push(next);
        Self {
            first: first.into(),
            status: RunStatus::Pending,
            seq: 0,
            started_at: None,
            finished_at: None,
            pid: None,
            error: None,
            interrupted_by: None,
            tasks: vec![TaskRun::default(); plan.tasks.len()],
            steps: vec![StepRun::default(); next as usize],
            expansions: BTreeMap::new(),
            approvals: BTreeMap::new(),
            used: Usage::default(),
            spent: BTreeMap::new(),
            reserved: BTreeMap::new(),
            noted: BTreeMap::new(),
            values: BTreeMap::new(),
            sent: BTreeMap::new(),
            undo: BTreeMap::new(),
            rounds: BTreeMap::new(),
            past: BTreeMap::new(),
            undoing: BTreeSet::new(),
            batches: 0,
            cleanups: BTreeMap::new(),
            last_cleanup: 0,
            plan,
        }
    }

    /// The state after `records`, which must be all of the run's from its first.
    pub fn replay<'a>(
        plan: Arc<Plan>,
        records: impl IntoIterator<Item = &'a Record>,
    ) -> Result<Self, IllegalEvent> {
        let mut state = Self::new(plan);
        for record in records {
            state.apply(record)?;
        }
        Ok(state)
    }

    /// The plan that it is a run of.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// One execution of a step.
    pub fn step(&self, at: At) -> Option<&StepRun> {
        match at.item {
            None => self.steps.get(self.position(at)?),
            Some(item) => self.expansions.get(&at.whole())?.runs.get(item as usize),
        }
    }

    /// The executions of one task on one host, in the order of its steps.
    pub fn steps_on(&self, task: u32, host: u32) -> &[StepRun] {
        let count = self.plan.tasks[task as usize].steps.len();
        let start = self.first[task as usize] as usize + host as usize * count;
        &self.steps[start..start + count]
    }

    /// Where a task's executions lie in `steps`.
    pub(crate) fn steps_of(&self, task: u32) -> std::ops::Range<usize> {
        self.first[task as usize] as usize..self.first[task as usize + 1] as usize
    }

    pub(crate) fn position(&self, at: At) -> Option<usize> {
        let task = self.plan.tasks.get(at.task as usize)?;
        if at.step as usize >= task.steps.len() {
            return None;
        }
        // An event may come from anywhere: its host can be any number.
        let nth = u64::from(at.host) * task.steps.len() as u64 + u64::from(at.step);
        let index = self.first[at.task as usize] as usize + usize::try_from(nth).ok()?;
        (index < self.first[at.task as usize + 1] as usize).then_some(index)
    }

    /// Adds one event: what it says becomes so, or it is refused and nothing changes.
    pub fn apply(&mut self, record: &Record) -> Result<(), IllegalEvent> {
        let refuse = |why: String| IllegalEvent { seq: record.seq, word: record.event.word(), why };
        if record.seq != self.seq + 1 {
            return Err(refuse(format!("number {} was due", self.seq + 1)));
        }
        self.fold(&record.event, record.time).map_err(refuse)?;
        self.seq = record.seq;
        if let Some(at) = record.event.at() {
            self.tasks[at.task as usize].started = true;
        }
        Ok(())
    }

    fn fold(&mut self, event: &Event, time: u64) -> Result<(), String> {
        match event {
            Event::RunStarted { pid, resumed } => self.run_started(*pid, *resumed, time),
            Event::RunInterrupted { reason } => self.run_interrupted(reason, time),
            Event::RunFinished { status, error } => self.run_finished(*status, error.as_deref(), time),
            Event::CleanupAdded { id, entry } => self.cleanup_added(*id, entry),
            Event::CleanupDone { id, .. } => {
                self.cleanups.remove(id).map(drop).ok_or(format!("cleanup {id} is not open"))
            }
            Event::UndoStarted { scope } => self.undo_started(*scope),
            _ if self.status != RunStatus::Running => Err(format!("the run is {}", self.status.word())),
            Event::CheckRenewed => {
                self.renew();
                Ok(())
            }
            Event::TaskFinished { task, end, reason, outputs, error } => {
                let detail = TaskDetail {
                    reason: reason.clone(),
                    outputs: outputs.clone(),
                    error: error.as_deref().cloned(),
                };
                self.task_finished(*task, *end, detail)
            }
            Event::StepStarted { at, attempt, reserved } => {
                self.step_started(*at, *attempt, reserved.as_deref(), time)
            }
            Event::StepsSent { at, last } => self.steps_sent(*at, *last),
            Event::StepNoted { at, attempt, note } => self.step_noted(*at, *attempt, note),
            Event::StepRetried { at, attempt, error, used, .. } => {
                self.step_retried(*at, *attempt, error, used.as_deref())
            }
            Event::StepFinished { at, outcome } => self.step_finished(*at, outcome, time),
            Event::PlanExtended { fragment: Fragment::Round { stage, round }, .. } => {
                self.round_begun(*stage, *round)
            }
            Event::PlanExtended { at, fragment: Fragment::Items(items), .. } => {
                self.plan_extended(*at, items, time)
            }
            Event::StageFailed { stage, error } => self.stage_failed(*stage, error),
            Event::ApprovalAsked { at, prompt } => self.approval_asked(*at, prompt),
            Event::ApprovalGiven { at, approved, by, note } => self.approval_given(*at, *approved, by, note),
            Event::StepHeld { at } => self.turn(*at, &[Phase::InDoubt], Phase::Held),
            Event::DoubtResolved { at, verdict } => self.doubt_resolved(*at, *verdict),
            Event::UndoKept { at, before } => self.undo_kept(*at, before),
            Event::StepUndone { at, error } => self.step_undone(*at, error.as_deref()),
            Event::UndoFinished { scope, error } => self.undo_finished(*scope, error.is_none()),
            Event::StateSet { scope, key, value } => self.state_set(*scope, key, value.as_ref()),
            Event::BatchMerged { batch, tasks } => self.batch_merged(*batch, tasks),
        }
    }

    fn run_started(&mut self, pid: u32, resumed: bool, time: u64) -> Result<(), String> {
        match (self.status, resumed) {
            (RunStatus::Pending, _) => self.started_at = Some(time),
            // What goes on is the taking back of a run that had ended.
            (status, true) if status.is_resumable() && self.undoing.contains(&Scope::Global) => {}
            (status, true) if status.is_resumable() => self.rearm(),
            (status, _) => return Err(format!("the run is {}", status.word())),
        }
        self.status = RunStatus::Running;
        self.pid = Some(pid);
        self.finished_at = None;
        self.interrupted_by = None;
        self.error = None;
        Ok(())
    }

    fn run_interrupted(&mut self, reason: &str, time: u64) -> Result<(), String> {
        if self.status != RunStatus::Running {
            return Err(format!("the run is {}", self.status.word()));
        }
        self.status = RunStatus::Interrupted;
        self.interrupted_by = Some(reason.to_owned());
        self.finished_at = Some(time);
        Ok(())
    }

    fn run_finished(&mut self, status: RunStatus, error: Option<&Failure>, time: u64) -> Result<(), String> {
        if !status.is_finished() {
            return Err(format!("a run does not finish as {}", status.word()));
        }
        if self.status.is_finished() && !(self.status == RunStatus::Failed && status == RunStatus::Aborted) {
            return Err(format!("the run is {}", self.status.word()));
        }
        if let Some(open) = self.tasks.iter().position(|t| t.end.is_none()) {
            return Err(format!("task {} has not ended", self.plan.tasks[open].id));
        }
        self.status = status;
        self.undoing.remove(&Scope::Global);
        self.error = error.cloned();
        self.finished_at = Some(time);
        self.interrupted_by = None;
        Ok(())
    }

    fn cleanup_added(&mut self, id: u64, entry: &CleanupEntry) -> Result<(), String> {
        if id != self.last_cleanup + 1 {
            return Err(format!("cleanup {} was due", self.last_cleanup + 1));
        }
        self.last_cleanup = id;
        self.cleanups.insert(id, entry.clone());
        Ok(())
    }

    fn task_finished(&mut self, task: u32, end: TaskEnd, detail: TaskDetail) -> Result<(), String> {
        let run = self.tasks.get(task as usize).ok_or("there is no such task")?;
        if run.end.is_some() {
            return Err("it has ended before".into());
        }
        let range = self.first[task as usize] as usize..self.first[task as usize + 1] as usize;
        if self.steps[range].iter().any(|s| !matches!(s.phase, Phase::Done(_))) {
            return Err("a step of it has not ended".into());
        }
        if !self.noted.is_empty() && !matches!(end, TaskEnd::Failed | TaskEnd::Blocked) {
            self.forget_notes(task);
        }
        let run = &mut self.tasks[task as usize];
        run.end = Some(end);
        run.detail = (detail != TaskDetail::default()).then(|| Arc::new(detail));
        Ok(())
    }

    pub(crate) fn open_step(&mut self, at: At) -> Result<&mut StepRun, String> {
        let task = self.tasks.get(at.task as usize).ok_or("there is no such task")?;
        if task.end.is_some() {
            return Err("its task has ended".into());
        }
        self.step_mut(at).ok_or_else(|| "there is no such step".into())
    }

    pub(crate) fn step_mut(&mut self, at: At) -> Option<&mut StepRun> {
        match at.item {
            None => {
                let index = self.position(at)?;
                self.steps.get_mut(index)
            }
            Some(item) => self.expansions.get_mut(&at.whole())?.runs.get_mut(item as usize),
        }
    }

    fn turn(&mut self, at: At, from: &[Phase], to: Phase) -> Result<(), String> {
        let step = self.open_step(at)?;
        if !from.contains(&step.phase) {
            return Err(format!("the step is {:?}", step.phase));
        }
        step.phase = to;
        Ok(())
    }

    fn step_started(
        &mut self,
        at: At,
        attempt: u32,
        reserved: Option<&Usage>,
        time: u64,
    ) -> Result<(), String> {
        let step = self.open_step(at)?;
        if !matches!(step.phase, Phase::Pending | Phase::Waiting) {
            return Err(format!("the step is {:?}", step.phase));
        }
        if attempt != step.attempts + 1 {
            return Err(format!("attempt {} was due", step.attempts + 1));
        }
        step.phase = Phase::Running;
        step.attempts = attempt;
        if step.started_at == 0 {
            step.started_at = time;
        }
        self.attempt_began(at);
        if let Some(usage) = reserved {
            self.reserved.insert(at, usage.clone());
        }
        Ok(())
    }

    fn steps_sent(&mut self, at: At, last: u32) -> Result<(), String> {
        let step = self.open_step(at)?;
        if step.phase != Phase::Running || at.item.is_some() {
            return Err(format!("the step is {:?}", step.phase));
        }
        let waits = |step: u32| self.step(At { step, ..at }).is_some_and(|run| run.phase == Phase::Pending);
        if last <= at.step || !(at.step + 1..=last).all(waits) {
            return Err("a step of them is not there, or has begun".into());
        }
        self.sent.insert((at.task, at.host), last);
        Ok(())
    }

    /// What was handed over together ends with its last step, and with the first that does not succeed.
    fn sent_ended(&mut self, at: At, success: bool) {
        if !self.sent.is_empty()
            && let Some(last) = self.sent.get(&(at.task, at.host))
            && (!success || at.step >= *last)
        {
            self.sent.remove(&(at.task, at.host));
        }
    }

    fn step_retried(
        &mut self,
        at: At,
        attempt: u32,
        error: &Failure,
        used: Option<&Usage>,
    ) -> Result<(), String> {
        let step = self.open_step(at)?;
        if step.phase != Phase::Running || step.attempts != attempt {
            return Err(format!("the step is {:?} at attempt {}", step.phase, step.attempts));
        }
        step.phase = Phase::Waiting;
        self.sent_ended(at, false);
        self.settle(at, used);
        self.keep_notes(at, error);
        Ok(())
    }

    fn step_finished(&mut self, at: At, outcome: &Outcome, time: u64) -> Result<(), String> {
        let step = self.open_step(at)?;
        if matches!(step.phase, Phase::Done(_)) {
            return Err("it has ended before".into());
        }
        let began = step.phase == Phase::Running;
        step.phase = Phase::Done(outcome.status);
        step.duration_ms = u32::try_from(outcome.duration_ms).unwrap_or(u32::MAX);
        step.detail.clone_from(&outcome.detail);
        if step.started_at == 0 {
            step.started_at = time;
        }
        self.sent_ended(at, outcome.status.is_success());
        if at.item.is_none() || outcome.usage().is_some() || !self.reserved.is_empty() {
            // A loop's own outcome repeats what its items used: only the items count.
            let counted = at.item.is_some() || !self.expansions.contains_key(&at);
            self.settle(at, outcome.usage().filter(|_| counted));
        }
        if !self.noted.is_empty() {
            self.keep_notes_of(at, outcome, began);
        }
        Ok(())
    }

    /// An attempt ended: what it used, and did not note on the way, takes the place of what was held back.
    fn settle(&mut self, at: At, used: Option<&Usage>) {
        if !self.reserved.is_empty() {
            self.reserved.remove(&at);
        }
        if let Some(used) = used {
            self.count(at, &self.untold(at, used));
        }
    }

    pub(crate) fn count(&mut self, at: At, used: &Usage) {
        if !used.is_zero() {
            self.used.add(used);
            self.spent.entry(at).or_default().add(used);
        }
    }

    /// Of an attempt that its driver did not live to hear of, the most that it can have used counts as used.
    pub(crate) fn settle_at_bound(&mut self, at: At) {
        if let Some(most) = self.at_risk(at) {
            self.reserved.remove(&at);
            self.count(at, &most);
        }
    }

    fn plan_extended(&mut self, at: At, items: &Arc<Vec<Value>>, time: u64) -> Result<(), String> {
        if at.item.is_some() || self.expansions.contains_key(&at) {
            return Err("it was expanded before".into());
        }
        let step = self.open_step(at)?;
        if step.phase != Phase::Pending {
            return Err(format!("the step is {:?}", step.phase));
        }
        step.phase = Phase::Running;
        step.started_at = time;
        let runs = vec![StepRun::default(); items.len()];
        self.expansions.insert(at, Expansion { items: items.clone(), runs });
        Ok(())
    }

    fn approval_asked(&mut self, at: At, prompt: &str) -> Result<(), String> {
        self.turn(at, &[Phase::Running], Phase::Asking)?;
        self.approvals.insert(at, Approval { prompt: prompt.to_owned(), answer: None });
        Ok(())
    }

    fn approval_given(&mut self, at: At, approved: bool, by: &str, note: &str) -> Result<(), String> {
        if self.step(at).is_none_or(|step| step.phase != Phase::Asking) {
            return Err("the step asks nobody".into());
        }
        let open = self.approvals.get_mut(&at).filter(|a| a.answer.is_none()).ok_or("nobody asked")?;
        open.answer = Some((approved, by.to_owned(), note.to_owned()));
        Ok(())
    }

    fn doubt_resolved(&mut self, at: At, verdict: Verdict) -> Result<(), String> {
        let to = match verdict {
            Verdict::Rerun => Phase::Pending,
            // The step's own end follows.
            Verdict::Skip | Verdict::Fail => Phase::Running,
        };
        self.turn(at, &[Phase::InDoubt, Phase::Held], to)
    }

    fn state_set(&mut self, scope: Scope, key: &str, value: Option<&Arc<Value>>) -> Result<(), String> {
        let there = match scope {
            Scope::Global | Scope::Pipeline => true,
            Scope::Stage(stage) => (stage as usize) < self.plan.stages.len(),
            Scope::Task(task) => (task as usize) < self.plan.tasks.len(),
        };
        if !there {
            return Err("there is no such scope".into());
        }
        match value {
            Some(value) => self.values.insert((scope, key.to_owned()), value.clone()),
            None => self.values.remove(&(scope, key.to_owned())),
        };
        Ok(())
    }

    fn batch_merged(&mut self, batch: u32, tasks: &[u32]) -> Result<(), String> {
        if batch != self.batches + 1 {
            return Err(format!("batch {} was due", self.batches + 1));
        }
        if tasks.iter().any(|&t| self.tasks.get(t as usize).is_none_or(|t| t.end.is_none())) {
            return Err("a task of it has not ended".into());
        }
        self.batches = batch;
        Ok(())
    }
}
