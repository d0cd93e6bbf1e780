//! The loop of a run: what can start is made ready, started as places come free, and merged when it is done.
//!
//! In batches, all that is ready is checked against the budget in the order of ids before any of it starts, and is
//! merged in that order when all of it is done: two runs with the same answers are the same, whoever was quicker.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use windlass_llm::Patience;
use windlass_model::{Money, Strategy};

use super::merge::Came;
use super::prepare::{Denied, Prepared};
use super::{
    Answer, Control, Error, Fault, Graph, Mode, Orchestrator, Queue, Report, RunState, Scheduler, Task,
    TaskError, TaskReport, TaskState,
};

/// How often a waiting loop looks whether the run is to end.
const TURN: Duration = Duration::from_millis(20);

/// How long an executor may take to notice that its time is over, before it is left alone with its thread.
const GRACE: Duration = Duration::from_secs(2);

type Done = (usize, Result<Answer, Fault>);

/// A task whose executor has not come back.
struct Running {
    prepared: Prepared,
    deadline: Option<Instant>,
}

/// A run.
pub(super) struct Drive<'a> {
    pub(super) flow: &'a Orchestrator,
    pub(super) control: &'a Control,
    pub(super) tasks: Vec<Task>,
    pub(super) graph: Graph,
    pub(super) scheduler: Box<dyn Scheduler>,
    queue: Box<dyn Queue>,
    pub(super) report: Report,
    /// For each task its inputs, with what was brought there.
    pub(super) inputs: Vec<BTreeMap<String, Arc<str>>>,
    /// For each task the needs whose output was brought there.
    pub(super) routed: Vec<BTreeSet<usize>>,
    /// What is reserved for tasks that are not merged yet.
    pub(super) reserved: Money,
    waiting: BTreeMap<usize, Prepared>,
    running: BTreeMap<usize, Running>,
    /// What came of the tasks of a batch that is not done yet.
    came: BTreeMap<usize, (Prepared, Came)>,
    /// Tasks that came back after their time.
    overdue: BTreeSet<usize>,
    /// When the run was told to end.
    ending: Option<Instant>,
    pub(super) failure: Option<Error>,
    tell: Sender<Done>,
    told: Receiver<Done>,
}

impl<'a> Drive<'a> {
    pub(super) fn new(flow: &'a Orchestrator, tasks: Vec<Task>, graph: Graph, control: &'a Control) -> Self {
        let (tell, told) = channel();
        let ids = tasks.iter().map(|task| (task.id.clone(), TaskReport::default()));
        Self {
            report: Report { tasks: ids.collect(), ..Report::default() },
            scheduler: (flow.parts.scheduler)(&graph),
            queue: (flow.parts.queue)(),
            inputs: tasks.iter().map(|task| task.inputs.clone()).collect(),
            routed: vec![BTreeSet::new(); tasks.len()],
            flow,
            control,
            tasks,
            graph,
            reserved: Money::ZERO,
            waiting: BTreeMap::new(),
            running: BTreeMap::new(),
            came: BTreeMap::new(),
            overdue: BTreeSet::new(),
            ending: None,
            failure: None,
            tell,
            told,
        }
    }

    /// Runs to the end.
    pub(super) fn run(mut self, watch: &mut dyn FnMut(&Report)) -> Report {
        self.report.state = RunState::Running;
        watch(&self.report);
        loop {
            self.look_for_end();
            self.admit();
            self.fill();
            if self.running.is_empty() {
                break;
            }
            if self.flow.parts.mode == Mode::Corrected {
                watch(&self.report);
            }
            self.wait();
            if self.barrier() {
                self.settle();
                watch(&self.report);
            }
        }
        self.end();
        watch(&self.report);
        self.report
    }

    pub(super) fn state(&self, at: usize) -> TaskState {
        self.report.tasks.get(&self.tasks[at].id).map_or(TaskState::Pending, |task| task.state)
    }

    fn set(&mut self, at: usize, state: TaskState) {
        if let Some(task) = self.report.tasks.get_mut(&self.tasks[at].id) {
            task.state = state;
        }
    }

    /// Whether a task came back after its time.
    pub(super) fn late(&self, at: usize) -> bool {
        self.overdue.contains(&at)
    }

    fn eager(&self) -> bool {
        self.flow.policy.strategy == Strategy::Eager
    }

    fn look_for_end(&mut self) {
        if self.control.aborted() && self.ending.is_none() {
            self.ending = Some(Instant::now());
        }
    }

    /// Whether nothing new may be started.
    fn closing(&self) -> bool {
        self.ending.is_some() || self.failure.is_some()
    }

    /// Makes ready what can start: all of it as one batch, or each as soon as it can.
    fn admit(&mut self) {
        let busy = !self.running.is_empty() || !self.waiting.is_empty();
        if self.closing() || (busy && !self.eager()) {
            return;
        }
        let (report, tasks) = (&self.report, &self.tasks);
        let state = |at: usize| report.tasks.get(&tasks[at].id).map_or(TaskState::Pending, |task| task.state);
        match self.scheduler.ready(self.report.state, &state) {
            Err(error) => self.failure = Some(error),
            Ok(ready) if self.eager() => self.admit_each(ready),
            Ok(ready) => self.admit_batch(ready),
        }
    }

    /// A batch is checked as a whole: where one task is denied, none of it starts.
    fn admit_batch(&mut self, ready: Vec<usize>) {
        let mut allowed = Vec::with_capacity(ready.len());
        let mut denied = Vec::new();
        for at in ready {
            match self.prepare(at) {
                Ok(prepared) => {
                    self.reserved = self.reserved.plus(prepared.cost.amount);
                    allowed.push((at, prepared));
                }
                Err(why) => denied.push((at, why)),
            }
        }
        if denied.is_empty() {
            allowed.into_iter().for_each(|(at, prepared)| self.enqueue(at, prepared));
            return;
        }
        for (_, prepared) in allowed {
            self.release(&prepared);
        }
        denied.into_iter().for_each(|(at, why)| self.deny(at, why));
    }

    /// Each task is checked by itself. One that does not fit beside what is reserved waits until something of that
    /// is free again.
    fn admit_each(&mut self, ready: Vec<usize>) {
        for at in ready {
            match self.prepare(at) {
                Ok(prepared) => {
                    self.reserved = self.reserved.plus(prepared.cost.amount);
                    self.enqueue(at, prepared);
                }
                Err(Denied { run: Error::BudgetExceeded(_), .. }) if self.reserved > Money::ZERO => return,
                Err(why) => return self.deny(at, why),
            }
        }
    }

    fn enqueue(&mut self, at: usize, prepared: Prepared) {
        self.scheduler.taken(at);
        self.set(at, TaskState::Ready);
        self.waiting.insert(at, prepared);
        self.queue.push(at);
    }

    fn deny(&mut self, at: usize, why: Denied) {
        self.scheduler.taken(at);
        self.fail_with(at, why.task, why.run);
    }

    fn release(&mut self, prepared: &Prepared) {
        self.reserved = Money(self.reserved.0.saturating_sub(prepared.cost.amount.0));
    }

    /// Starts what waits, as far as there are places. A batch goes on after a failure, so that what is done of it
    /// does not depend on who was quicker.
    fn fill(&mut self) {
        let stop = self.ending.is_some() || (self.eager() && self.failure.is_some());
        while !stop && self.running.len() < self.flow.policy.max_parallelism.max(1) {
            let Some(at) = self.queue.pop() else { return };
            let Some(prepared) = self.waiting.remove(&at) else { continue };
            self.start(at, prepared);
        }
    }

    fn start(&mut self, at: usize, prepared: Prepared) {
        self.set(at, TaskState::Running);
        let deadline = self.flow.policy.timeout.map(|limit| Instant::now() + limit);
        let control = self.control.clone();
        let patience = Patience::new(move || !control.aborted());
        let patience = deadline.map_or(patience.clone(), |end| patience.until(end));
        let (executor, call, tell) = (self.flow.executor.clone(), prepared.call.clone(), self.tell.clone());
        let work = move || {
            let asked = catch_unwind(AssertUnwindSafe(|| executor.execute(&call, &patience)));
            let panicked = |_| Err(Fault { unknown: true, ..Fault::new("the executor panicked") });
            // Nobody listens any more where the run ended before.
            let _ = tell.send((at, asked.unwrap_or_else(panicked)));
        };
        if let Err(why) = self.flow.parts.pool.start(Box::new(work)) {
            // It is we who listen, and still do.
            let _ = self.tell.send((at, Err(Fault::new(why))));
        }
        self.running.insert(at, Running { prepared, deadline });
    }

    /// Waits until something comes back, or somebody's time is over.
    fn wait(&mut self) {
        match self.told.recv_timeout(TURN) {
            Ok(done) => {
                self.back(done);
                while let Ok(done) = self.told.try_recv() {
                    self.back(done);
                }
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        self.give_up();
    }

    fn back(&mut self, (at, result): Done) {
        let Some(Running { prepared, deadline }) = self.running.remove(&at) else { return };
        if deadline.is_some_and(|end| Instant::now() >= end) {
            self.overdue.insert(at);
        }
        self.came.insert(at, (prepared, Came::Back(result)));
    }

    /// Leaves those alone that did not come back although their time is over, or the run's.
    fn give_up(&mut self) {
        let over = |since: Option<Instant>| since.is_some_and(|since| since.elapsed() > GRACE);
        let all = over(self.ending);
        let lost = self.running.iter().filter(|(_, running)| all || over(running.deadline));
        for at in lost.map(|(at, _)| *at).collect::<Vec<_>>() {
            if let Some(Running { prepared, .. }) = self.running.remove(&at) {
                self.came.insert(at, (prepared, Came::Lost { aborted: all }));
            }
        }
    }

    /// Whether it is time to merge: when all of a batch is done, or when anything is.
    fn barrier(&self) -> bool {
        let batch_done = self.running.is_empty() && (self.waiting.is_empty() || self.ending.is_some());
        !self.came.is_empty() && (self.eager() || batch_done)
    }

    /// Merges what came, in the order of ids.
    fn settle(&mut self) {
        for (at, (prepared, came)) in std::mem::take(&mut self.came) {
            self.release(&prepared);
            self.merge(at, &prepared, came);
        }
    }

    /// Says how it ended.
    fn end(&mut self) {
        let open: Vec<usize> = (0..self.tasks.len()).filter(|at| !self.state(*at).terminal()).collect();
        let aborted = self.ending.is_some();
        if self.failure.is_none() && !open.is_empty() && !aborted {
            self.failure = Some(Error::Deadlock(open.iter().map(|at| self.tasks[*at].id.clone()).collect()));
        }
        let corrected = self.flow.parts.mode == Mode::Corrected;
        let incomplete = self.failure.is_some() || !open.is_empty();
        self.report.state = match (aborted, self.failure.is_some()) {
            (true, _) if corrected && incomplete => RunState::Aborted,
            // As claude-workflow has it, a run that was ended while something ran has failed.
            (_, true) => RunState::Failed,
            (true, false) if incomplete => RunState::Aborted,
            _ => RunState::Completed,
        };
        self.report.error = match self.report.state {
            RunState::Aborted => Some(Error::Aborted),
            _ => self.failure.take(),
        };
        if corrected {
            let (code, why) =
                if aborted { ("cancelled", "the run was aborted") } else { ("skipped", "the run failed") };
            for at in open {
                self.set(at, TaskState::Skipped);
                if let Some(task) = self.report.tasks.get_mut(&self.tasks[at].id) {
                    task.error = Some(TaskError::new(code, why));
                }
            }
        }
    }
}
