//! The measurements inside this process: a graph over a store, a large run that goes on, observers on and off.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use windlass_engine::{Action, ActionFuture, Compiled, Observer, Output, RunOptions, Runtime, StepContext};
use windlass_model::{
    Code, Draft, Failure, Plan, Record, RunId, RunState, RunStatus, Step, StepId, TaskDraft, TaskId,
};
use windlass_store::Store;

use crate::Result;
use crate::clock::{Clock, Took};
use crate::graph::Shape;

/// What is measured.
#[derive(Clone, Copy)]
enum Kind {
    /// Steps that do nothing and wait for nothing.
    Pure(Shape),
    /// Steps that count as having effects, so that each start waits for the disk.
    Effect(Shape),
    /// Pure steps with an observer that follows the state.
    Observed(Shape),
    /// A run of 1,000 hosts and 120 steps that stopped before its last step goes on.
    Resume,
}

/// One measurement.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    kind: Kind,
    durable: bool,
    /// The most steps that are measured, where each costs a sync.
    most: usize,
}

const fn case(name: &'static str, kind: Kind, durable: bool) -> Case {
    let most = if matches!(kind, Kind::Effect(_)) { 2_000 } else { usize::MAX };
    Case { name, kind, durable, most }
}

/// All measurements inside a process.
pub(crate) const CASES: &[Case] = &[
    case("memory fan", Kind::Pure(Shape::Fan), false),
    case("memory layered", Kind::Pure(Shape::Layered), false),
    case("memory chain", Kind::Pure(Shape::Chain), false),
    case("memory fan observed", Kind::Observed(Shape::Fan), false),
    case("durable fan", Kind::Pure(Shape::Fan), true),
    case("durable layered", Kind::Pure(Shape::Layered), true),
    case("durable chain", Kind::Pure(Shape::Chain), true),
    case("durable fan observed", Kind::Observed(Shape::Fan), true),
    case("durable effect fan", Kind::Effect(Shape::Fan), true),
    case("durable effect chain", Kind::Effect(Shape::Chain), true),
    case("resume 120000", Kind::Resume, true),
];

impl Case {
    /// Measures it once.
    pub(crate) fn measure(&self, steps: usize) -> Result<Value> {
        let folder = tempfile::tempdir_in(Path::new("target"))?;
        let store = if self.durable { Store::open(folder.path())? } else { Store::memory() };
        let open = Arc::new(AtomicBool::new(false));
        let runtime = Runtime::builder()
            .store(store)
            .action(Arc::new(TouchNothing))
            .action(Arc::new(Gate(open.clone())))
            .build()?;
        let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let steps = steps.min(self.most);
        let mut options = RunOptions::default();
        let plan = match self.kind {
            Kind::Pure(shape) => shape.plan(steps, "noop")?,
            Kind::Effect(shape) => shape.plan(steps, "touch-nothing")?,
            Kind::Observed(shape) => {
                options.observers.push(Box::new(Follower(0)));
                shape.plan(steps, "noop")?
            }
            Kind::Resume => rollout(1_000, 120)?,
        };
        let steps: usize = plan.tasks.iter().map(|task| task.steps.len() * plan.hosts_of(task).len()).sum();
        let compiled = Compiled::new(plan, folder.path());
        let mut clock = Clock::start();
        let (id, mut state) = threads.block_on(async {
            let run = runtime.start(compiled, options)?;
            Ok::<_, windlass_engine::Error>((run.id().clone(), run.wait().await?.state))
        })?;
        if matches!(self.kind, Kind::Resume) {
            expect(&state, RunStatus::Failed)?;
            open.store(true, Ordering::Relaxed);
            clock = Clock::start();
            state = threads.block_on(async {
                Ok::<_, windlass_engine::Error>(
                    runtime.resume(&id, RunOptions::default())?.wait().await?.state,
                )
            })?;
        }
        let took = clock.took();
        expect(&state, RunStatus::Completed)?;
        self.report(steps, took, &runtime, &id)
    }

    fn report(&self, steps: usize, took: Took, runtime: &Runtime, id: &RunId) -> Result<Value> {
        let row = runtime.store().run(id)?;
        // What the run has in the journal besides its plan.
        let journal = runtime.store().size(id)?.saturating_sub(row.plan_bytes.len() as u64);
        Ok(json!({
            "case": self.name,
            "steps": steps,
            "seconds": took.wall,
            "cpu_seconds": took.cpu,
            "steps_per_second": steps as f64 / took.wall,
            "steps_per_cpu_second": if took.cpu > 0.0 { Some(steps as f64 / took.cpu) } else { None },
            "plan_bytes_per_step": row.plan_bytes.len() as f64 / steps as f64,
            "journal_bytes_per_step": journal as f64 / steps as f64,
            "peak_rss_bytes": peak_memory(),
        }))
    }
}

fn expect(state: &RunState, status: RunStatus) -> Result<()> {
    if state.status == status {
        return Ok(());
    }
    Err(format!("the run is {}: {:?}", state.status.word(), state.error).into())
}

/// One task over many hosts, all of them this machine; its last step stands before a gate.
fn rollout(hosts: usize, steps: usize) -> Result<Plan> {
    let mut draft = Draft::new("rollout", "workflow/dag");
    let mut task = TaskDraft::new(TaskId::new("all")?);
    task.hosts = (0..hosts).map(|n| format!("host{n:04}").into()).collect();
    for n in 0..steps {
        let action = if n + 1 == steps { "gate" } else { "noop" };
        task = task.step(Step::new(StepId::new(format!("s{n:03}"))?, action, Value::Null));
    }
    draft.tasks.push(task);
    Ok(draft.finish()?)
}

/// The most memory that this process ever had, in bytes; 0 where the system does not say.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

/// An action that counts as having effects and has none.
struct TouchNothing;

impl Action for TouchNothing {
    fn name(&self) -> &str {
        "touch-nothing"
    }

    fn run<'a>(&'a self, _: StepContext) -> ActionFuture<'a> {
        Box::pin(async { Ok(Output::ok(false)) })
    }
}

/// An action that fails until its gate is opened.
struct Gate(Arc<AtomicBool>);

impl Action for Gate {
    fn name(&self) -> &str {
        "gate"
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        // One host fails; what the others did stays done.
        let open = self.0.load(Ordering::Relaxed) || step.at.host > 0;
        let result = if open { Ok(Output::ok(false)) } else { Err(Failure::new(Code::StepFailed, "shut")) };
        Box::pin(async { result })
    }
}

/// An observer that looks at the state after each turn, as a live view does between two pictures.
struct Follower(usize);

impl Observer for Follower {
    fn records(&mut self, state: &RunState, records: &[Record]) {
        self.0 += records.len();
        std::hint::black_box((self.0, state.seq));
    }
}
