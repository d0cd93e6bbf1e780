//! One measurement: a shape, a store, an action.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use windlass_engine::{Action, ActionFuture, Compiled, Output, RunOptions, Runtime, StepContext};
use windlass_model::RunStatus;
use windlass_store::Store;

use crate::Result;
use crate::graph::Shape;

/// One measurement.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    shape: Shape,
    durable: bool,
    /// Whether the steps count as having effects, so that each start waits for the disk.
    effects: bool,
    /// The most steps that are measured, where each costs a sync.
    most: usize,
}

const fn case(name: &'static str, shape: Shape, durable: bool, effects: bool) -> Case {
    let most = if effects { 2_000 } else { usize::MAX };
    Case { name, shape, durable, effects, most }
}

/// All measurements.
pub(crate) const CASES: &[Case] = &[
    case("memory fan", Shape::Fan, false, false),
    case("memory layered", Shape::Layered, false, false),
    case("memory chain", Shape::Chain, false, false),
    case("durable fan", Shape::Fan, true, false),
    case("durable layered", Shape::Layered, true, false),
    case("durable chain", Shape::Chain, true, false),
    case("durable effect fan", Shape::Fan, true, true),
    case("durable effect chain", Shape::Chain, true, true),
];

impl Case {
    /// Runs the graph once and says how it went.
    pub(crate) fn measure(&self, steps: usize) -> Result<Value> {
        let plan =
            self.shape.plan(steps.min(self.most), if self.effects { "touch-nothing" } else { "noop" })?;
        let steps = plan.tasks.len();
        let folder = tempfile::tempdir_in(Path::new("target"))?;
        let store = if self.durable { Store::open(folder.path())? } else { Store::memory() };
        let runtime = Runtime::builder().store(store).action(Arc::new(TouchNothing)).build()?;
        let compiled =
            Compiled { plan, root: folder.path().into(), blobs: Default::default(), warnings: vec![] };
        let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let begun = Instant::now();
        let (id, state) = threads.block_on(async {
            let run = runtime.start(compiled, RunOptions::default())?;
            Ok::<_, windlass_engine::Error>((run.id().clone(), run.wait().await?.state))
        })?;
        let seconds = begun.elapsed().as_secs_f64();
        if state.status != RunStatus::Completed {
            return Err(format!("the run is {}: {:?}", state.status.word(), state.error).into());
        }
        let bytes = runtime.store().size(&id)?;
        Ok(json!({
            "case": self.name,
            "steps": steps,
            "seconds": seconds,
            "steps_per_second": steps as f64 / seconds,
            "bytes_per_step": bytes as f64 / steps as f64,
            "peak_rss_bytes": peak_memory(),
        }))
    }
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
