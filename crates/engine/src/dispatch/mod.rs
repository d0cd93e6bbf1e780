//! The policy: a synchronous machine that turns what happened into facts and orders.
//!
//! The driver feeds it one [`Input`] after another with the time; it answers with records for the journal and
//! [`Order`]s for the executors. It has no clock, no thread and no socket, so that a test can drive it through
//! any order of events. Everything that it knows is the fold of the records that it wrote ([`RunState`]) plus
//! what can be found again from them.
//!
//! * `walk` is the way through a task's steps; a `strand` is one task on one host, on that way.
//! * `work` takes a strand up to where it must wait; `attempt` and `repeat` begin steps and loops on it.
//! * `convoy` hands several steps over at once, where that can be.
//! * `inquire` has executors ask what expressions ask that has effects of its own.
//! * `hold` asks the budgets before an attempt that may cost something.
//! * `rounds` repeats stages.
//! * `rollout` takes a task over many hosts.
//! * `judge` says what came of an attempt, `finish` ends the step, `task` the task.
//! * `undo` takes back what a failed transaction, or a whole run, did.
//! * `closing` ends a run before its time; `idle` ends it in its own, or says who it waits for.

mod asks;
mod attempt;
mod closing;
mod convoy;
mod failures;
mod finish;
mod hold;
mod idle;
mod inquire;
mod judge;
mod message;
mod ready;
mod repeat;
mod rollout;
mod rounds;
mod scope;
#[cfg(test)]
mod sim;
mod strand;
mod task;
mod undo;
mod unforeseen;
mod verdict;
mod walk;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;
use windlass_expr::{Outside, Value};
use windlass_model::{
    At, Budget, Dependents, Event, Failure, IllegalEvent, Phase, Plan, Record, RunState, RunStatus, Scope,
    Verdict,
};

pub(crate) use attempt::APPROVE;
pub use message::Stop;
pub(crate) use message::{Ask, Deed, Finished, Found, Input, Inquiry, Order, Start, Timer};
use ready::{Lane, Ready};
pub(crate) use scope::expression;
use strand::{Doing, Strand, StrandKey, Strands};
use unforeseen::Gaps;

use crate::action::{Actions, Mode};
use crate::redact::Redactor;
use crate::secret::Secrets;
use crate::state::Values;
use crate::vars::World;

/// How many strands one call of [`Dispatcher::pump`] takes up at most, so that signals and the disk get their
/// turn while a million pure steps run: about a millisecond's worth.
const QUANTUM: usize = 1024;

/// What a dispatcher is told once.
pub(crate) struct Config {
    pub actions: Actions,
    pub mode: Mode,
    /// How many steps run at once on this machine.
    pub parallelism: usize,
    /// What expressions see besides variables: `run`, `env`, `secrets`, ….
    pub specials: BTreeMap<String, Value>,
    /// What lookups in expressions reach.
    pub outside: Option<Arc<dyn Outside>>,
    pub redactor: Arc<Redactor>,
    /// The run's secrets: passwords of hosts are among them.
    pub secrets: Arc<Secrets>,
    /// What is done about steps in doubt that say `on_doubt: hold`.
    pub in_doubt: Option<Verdict>,
    /// Whether it is kept how things were on hosts that are far away, outside of transactions too.
    pub keep: bool,
    /// The state of the jitter's random numbers.
    pub seed: u64,
    pub pid: u32,
    /// The run's values, shared with its steps.
    pub values: Values,
    /// Whether what a finished run did is to be taken back.
    pub undo: bool,
    /// What a run may spend, beside what its plan says.
    pub limit: Option<Budget>,
    /// Whether there are budgets that the run shares with others.
    pub shared_budgets: bool,
}

/// Where the run is heading.
#[derive(Clone, Debug, PartialEq)]
enum Course {
    /// On.
    Going,
    /// To a safe point, to be resumed; with `hard`, running steps are ended.
    Interrupting { reason: String, hard: bool },
    /// To its end before its time: what runs is ended, what did not start is skipped.
    Closing { status: RunStatus, failure: Failure },
    /// Everything is done but the last record: what was registered is taken back before it.
    Leaving(Event),
    /// It is there.
    Ended,
}

/// The policy of one run.
pub(crate) struct Dispatcher {
    plan: Arc<Plan>,
    state: RunState,
    config: Config,
    world: World,
    course: Course,
    now: u64,
    /// For each task, how many of the tasks that it needs have not ended.
    waiting: Vec<u32>,
    dependents: Dependents,
    /// For each task, how many of its hosts are not done.
    hosts_left: Vec<u32>,
    open_tasks: usize,
    ready: Ready,
    strands: Strands,
    /// Strands whose step an executor has, and how many of them work on this machine.
    running: usize,
    running_here: usize,
    /// For each host of the plan, whether it is this machine.
    is_here: Vec<bool>,
    /// Tasks that go over their hosts bit by bit.
    rolls: BTreeMap<u32, rollout::Roll>,
    /// Hosts that a task lost, by the task and the host's index in the plan.
    lost: BTreeSet<(u32, u32)>,
    /// Tasks of which more hosts failed than may.
    too_many: BTreeSet<u32>,
    /// The stages that are repeated.
    repeated: Vec<u32>,
    /// Those that are over, or will not go on.
    over: BTreeSet<u32>,
    /// Attempts that wait for the shared budgets, with their numbers.
    holding: BTreeMap<At, (u32, attempt::Prepared)>,
    /// Whether a batch waits for them.
    probing: bool,
    /// Strands that wait for a key of the run's state.
    wanting: BTreeSet<StrandKey>,
    /// Keys that steps may write or not, looked for when one is missed first.
    offered: OnceLock<BTreeSet<String>>,
    /// Tasks that ended, and whose dependents have not been told.
    ended: Vec<u32>,
    /// With the batched strategy: tasks of the batch under way, how many of them are open, and the next batch.
    batch: Vec<u32>,
    batch_open: usize,
    next_batch: BTreeSet<u32>,
    /// When each stage with a time-out began.
    stage_began: Vec<Option<u64>>,
    records: Vec<Record>,
    orders: Vec<Order>,
    /// What is being taken back.
    passes: Vec<undo::Pass>,
    /// Stages whose transaction failed, and that are taken back when all their tasks have ended.
    failed_stages: BTreeSet<u32>,
    /// Stages of which nothing goes on, and why.
    closed_stages: BTreeMap<u32, String>,
    broken: Option<IllegalEvent>,
    /// What tasks hand on that a check cannot know.
    gaps: BTreeMap<u32, Gaps>,
    /// Which texts ask for what has effects of its own, and what is being asked.
    asks: asks::Asks,
    inquiries: inquire::Inquiries,
}

impl Dispatcher {
    /// A dispatcher over a run as its journal left it; a new run has no records yet.
    pub(crate) fn new(state: RunState, config: Config, now: u64) -> Self {
        let plan = state.plan().clone();
        let world = World::new(&plan, config.specials.clone(), config.outside.clone());
        let limits: Vec<Option<u32>> = plan.stages.iter().map(|s| s.policy.max_parallelism).collect();
        let mut dispatcher = Self {
            asks: asks::Asks::new(&plan),
            inquiries: inquire::Inquiries::default(),
            gaps: BTreeMap::new(),
            waiting: Vec::new(),
            dependents: plan.dependents(),
            hosts_left: plan.tasks.iter().map(|task| plan.hosts_of(task).len() as u32).collect(),
            open_tasks: 0,
            ready: Ready::new(limits),
            strands: Strands::new(),
            running: 0,
            running_here: 0,
            is_here: plan.hosts.iter().map(|host| plan.inventory.is_local(host)).collect(),
            rolls: BTreeMap::new(),
            lost: BTreeSet::new(),
            too_many: BTreeSet::new(),
            repeated: (0u32..)
                .zip(&plan.stages)
                .filter(|(_, s)| s.repeat.is_some())
                .map(|(n, _)| n)
                .collect(),
            over: BTreeSet::new(),
            holding: BTreeMap::new(),
            probing: false,
            offered: OnceLock::new(),
            wanting: BTreeSet::new(),
            ended: Vec::new(),
            batch: Vec::new(),
            batch_open: 0,
            next_batch: BTreeSet::new(),
            stage_began: vec![None; plan.stages.len()],
            records: Vec::new(),
            orders: Vec::new(),
            passes: Vec::new(),
            failed_stages: BTreeSet::new(),
            closed_stages: BTreeMap::new(),
            broken: None,
            course: Course::Going,
            now,
            plan,
            state,
            config,
            world,
        };
        dispatcher.open();
        dispatcher
    }

    /// Takes the run up: what has ended counts, what is ready is queued.
    fn open(&mut self) {
        let resumed = self.state.seq > 0;
        if self.config.undo {
            return self.open_undo();
        }
        self.emit(Event::RunStarted { pid: self.config.pid, resumed });
        if resumed && self.config.mode.check {
            self.emit(Event::CheckRenewed);
        }
        for ((scope, key), value) in &self.state.values {
            self.config.values.set(*scope, key, Some(value.clone()));
        }
        let plan = self.plan.clone();
        self.over = self.stages_over();
        let open = |task: u32| self.state.tasks[task as usize].end.is_none();
        let unmet = |task: u32| {
            let needs = plan.tasks[task as usize].needs.iter();
            needs.filter(|&&need| open(need) || self.waits_for_rounds(task, need)).count() as u32
        };
        self.waiting = (0..plan.tasks.len() as u32).map(unmet).collect();
        self.open_tasks = self.state.tasks.iter().filter(|task| task.end.is_none()).count();
        self.lost = self.find_lost();
        if let Some(timeout) = plan.policy.timeout_ms {
            let began = self.state.started_at.unwrap_or(self.now);
            // A resumed run has its whole time again: the clock stood while it was interrupted.
            let began = if resumed { self.now } else { began };
            self.orders.push(Order::Wake { at: began + timeout, timer: Timer::Run });
        }
        for task in 0..plan.tasks.len() as u32 {
            if self.state.tasks[task as usize].end.is_some() {
                self.publish(task);
            } else if self.waiting[task as usize] == 0 {
                self.admit(task);
            }
        }
        self.end_rounds();
        self.next_batch();
        self.resume_undo();
    }

    /// Takes one input. Who is given back waits until what was written for it is durable.
    pub(crate) fn handle(&mut self, now: u64, input: Input) -> Option<oneshot::Sender<()>> {
        self.now = self.now.max(now);
        match input {
            Input::Finished(finished) => self.finished(*finished),
            Input::Timer(timer) => self.timer(timer),
            Input::Stop { stop, reason } => self.stop(stop, reason),
            Input::Abort { by } => self.close(RunStatus::Aborted, failures::aborted(&by)),
            Input::Answer { at, approved, by, note } => self.answer(at, approved, by, note),
            Input::Resolve { at, verdict } => self.resolve(at, verdict),
            Input::Kept { at, before, reply } => {
                if self.state.step(at).is_some_and(|step| step.phase == Phase::Running) {
                    self.emit(Event::UndoKept { at, before });
                }
                return Some(reply);
            }
            Input::Found(found) => self.found(*found),
            Input::Noted { at, attempt, note, reply } => {
                let run = self.state.step(at)?;
                if run.phase != Phase::Running || run.attempts != attempt {
                    return None;
                }
                self.emit(Event::StepNoted { at, attempt, note });
                return Some(reply);
            }
            Input::Reserved { at, refused } => self.reserved(at, refused),
            Input::Probed { refused } => self.probed(refused),
            Input::Overdrawn { failure } => self.overdrawn(failure),
            Input::Publish { scope, key, value } => self.set_value(scope, key, value),
            Input::Event(event) => self.emit(event),
        }
        None
    }

    /// Takes ready strands up to the points where they must wait. True when there is more to do right now.
    pub(crate) fn pump(&mut self, now: u64) -> bool {
        self.now = self.now.max(now);
        for _ in 0..QUANTUM {
            self.tell_dependents();
            if self.broken.is_some() || matches!(self.course, Course::Leaving(_) | Course::Ended) {
                return false;
            }
            if self.probing {
                // Nothing goes on before it is known whether the batch begins.
                return false;
            }
            match self.ready.pop(self.running_here < self.config.parallelism) {
                Some(key) => self.work(key),
                None if self.running > 0 => return false,
                None if !self.idle() => return false,
                None => {}
            }
        }
        true
    }

    /// What is to be written and what is to be done, since the last call. Orders to start a step wait until
    /// all these records are durable.
    pub(crate) fn take(&mut self) -> (Vec<Record>, Vec<Order>) {
        // The next turn will write about as much as this one.
        let room = Vec::with_capacity(self.records.len());
        (std::mem::replace(&mut self.records, room), std::mem::take(&mut self.orders))
    }

    /// Whether everything is done but the last record.
    pub(crate) fn is_leaving(&self) -> bool {
        matches!(self.course, Course::Leaving(_))
    }

    /// Writes the last record: the run ended, or was interrupted.
    pub(crate) fn leave(&mut self, now: u64) {
        self.now = self.now.max(now);
        if let Course::Leaving(last) = &self.course {
            let last = last.clone();
            self.course = Course::Ended;
            self.emit(last);
        }
    }

    /// Whether the run ended or was interrupted.
    pub(crate) fn is_over(&self) -> bool {
        self.course == Course::Ended
    }

    /// The event that the fold refused: a bug, after which nothing more may be written.
    pub(crate) fn broken(&self) -> Option<&IllegalEvent> {
        self.broken.as_ref()
    }

    /// The state so far. It may run ahead of the disk.
    pub(crate) fn state(&self) -> &RunState {
        &self.state
    }

    /// The state, when nothing more will happen.
    pub(crate) fn into_state(self) -> RunState {
        self.state
    }

    fn emit(&mut self, event: Event) {
        if self.broken.is_some() {
            return;
        }
        let record = Record { seq: self.state.seq + 1, time: self.now, event };
        match self.state.apply(&record) {
            Ok(()) => self.records.push(record),
            Err(refused) => self.broken = Some(refused),
        }
    }

    fn strand(&mut self, key: StrandKey) -> &mut Strand {
        let (plan, state) = (&self.plan, &self.state);
        let restore = || Box::new(Strand::restore(key, &plan.tasks[key.0 as usize], state));
        self.strands.entry(key).or_insert_with(restore)
    }

    fn host_of(&self, key: StrandKey) -> &Arc<str> {
        let hosts = self.plan.hosts_of(&self.plan.tasks[key.0 as usize]);
        &self.plan.hosts[hosts[key.1 as usize] as usize]
    }

    fn timer(&mut self, timer: Timer) {
        match timer {
            Timer::Strand { key, wait } => {
                if self.strands.get(&key).is_some_and(|s| s.doing == Doing::Sleeping && s.waits == wait) {
                    self.wake(key);
                }
            }
            Timer::Task(key) => self.task_expired(key),
            Timer::Stage(stage) => self.stage_expired(stage),
            Timer::Run => {
                let timeout = self.plan.policy.timeout_ms.unwrap_or_default();
                self.close(RunStatus::Failed, failures::run_expired(timeout));
            }
        }
    }

    fn wake(&mut self, key: StrandKey) {
        if let Some(strand) = self.strands.get_mut(&key) {
            strand.doing = Doing::Ready;
            self.queue(key);
        }
    }

    /// Lets a strand go on that has ended something, unless the pause of its loop comes first.
    fn go_on(&mut self, key: StrandKey) {
        if self.strands.get(&key).is_some_and(|strand| strand.doing != Doing::Sleeping) {
            self.wake(key);
        }
    }

    /// Puts a strand into the queue of those that could go on.
    fn queue(&mut self, key: StrandKey) {
        self.ready.push(key, self.lane(key));
    }

    /// What bounds a strand.
    fn lane(&self, key: StrandKey) -> Lane {
        let task = &self.plan.tasks[key.0 as usize];
        let host = self.plan.hosts_of(task)[key.1 as usize];
        if self.is_here[host as usize] { Lane::Here(task.stage) } else { Lane::There }
    }

    /// An executor gets a strand's step.
    fn count_start(&mut self, key: StrandKey) {
        let lane = self.lane(key);
        self.running += 1;
        self.running_here += usize::from(lane != Lane::There);
        self.ready.started(lane);
    }

    /// An executor is done with a strand's step.
    fn count_stop(&mut self, key: StrandKey) {
        let lane = self.lane(key);
        self.running -= 1;
        self.running_here -= usize::from(lane != Lane::There);
        self.ready.stopped(lane);
    }

    fn answer(&mut self, at: At, approved: bool, by: String, note: String) {
        let asks = self.state.step(at).is_some_and(|step| step.phase == Phase::Asking);
        let open = asks && self.state.approvals.get(&at).is_some_and(|approval| approval.answer.is_none());
        if !open || matches!(self.course, Course::Leaving(_) | Course::Ended) {
            return;
        }
        self.emit(Event::ApprovalGiven { at, approved, by: by.as_str().into(), note: note.as_str().into() });
        // While the run is being stopped the answer is only kept: the resume finds it.
        if !matches!(self.course, Course::Interrupting { .. }) {
            self.answered(at, approved, &by, &note);
        }
    }

    fn resolve(&mut self, at: At, verdict: Verdict) {
        let open = self.state.step(at).is_some_and(|step| matches!(step.phase, Phase::Held | Phase::InDoubt));
        if open && self.course == Course::Going {
            self.wanting.remove(&(at.task, at.host));
            self.resolved(at, verdict);
        }
    }

    /// Writes a value to a scope of the run's state, and wakes who waits for its key.
    fn set_value(&mut self, scope: Scope, key: String, value: Option<Arc<serde_json::Value>>) {
        self.emit(Event::StateSet { scope, key: key.clone(), value: value.clone() });
        self.config.values.set(scope, &key, value);
        for strand in std::mem::take(&mut self.wanting) {
            self.wake(strand);
        }
    }

    /// A draw in 0..1 for the jitter: xorshift, so that a seed repeats a run.
    fn draw(&mut self) -> f64 {
        let mut x = self.config.seed | 1;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.config.seed = x;
        (x >> 11) as f64 / (1u64 << 53) as f64
    }
}
