//! A graph of questions to models, in this process and without a store: for programs that bring their own executor.
//!
//! [`Flow::with_defaults`] and [`Flow::with_options`] make an [`Orchestrator`]. What a run may cost is reserved
//! before each task and counted after it; what a task is given of those before is what its executor gets. Every
//! part ([`Parts`]) can be replaced. A run that has to outlive its process, with a journal, retries and tools, is a
//! document with `prompt` steps.
//!
//! ```
//! use windlass_flow::Flow;
//! use windlass_flow::orchestrate::{Answer, Call, Control, Policy, RunState, Task};
//! use windlass_llm::Patience;
//! use windlass_model::{Cost, Money};
//!
//! // Whoever asks the model: here it answers with how much it was given.
//! let executor = |call: &Call, _: &Patience| {
//!     let given = call.request.messages.len() - 1;
//!     Ok(Answer::new(format!("{} after {given}", call.task), 120, 30))
//! };
//! let budget = Cost { amount: Money::parse("0.50").expect("an amount"), currency: "USD".into() };
//! let flow = Flow::with_defaults(Policy { max_parallelism: 4, ..Policy::new(budget) }, executor);
//!
//! let report = flow.run(
//!     vec![
//!         Task::new("facts", "claude-haiku-4-5", "List the facts."),
//!         Task::new("report", "balanced", "Write the report.").needs(["facts"]),
//!     ],
//!     &Control::default(),
//!     &mut |_| {},
//! )?;
//! assert_eq!(report.state, RunState::Completed);
//! assert_eq!(report.output("report"), Some("report after 1"));
//! // 120 tokens in and 30 out: 0.00027 for the first; 0.00054 for the second.
//! assert_eq!(report.usage.cost.amount, Money::parse("0.00081").expect("an amount"));
//!
//! let unknown = vec![Task::new("a", "claude-haiku-4", "Hello.")];
//! let refused = flow.run(unknown, &Control::default(), &mut |_| {}).expect_err("no such model");
//! assert_eq!(refused.word(), "model_unknown");
//! # Ok::<(), windlass_flow::orchestrate::Error>(())
//! ```

mod budget;
mod check;
mod drive;
mod error;
mod estimate;
mod executor;
mod graph;
mod merge;
mod parts;
mod pool;
mod prepare;
mod queue;
mod schedule;
mod task;
mod usage;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use budget::{Enforcer, Ledger, Refusing};
pub use error::Error;
pub use estimate::{Bytes, Sizer, Whole};
pub use executor::{Answer, Asking, Call, Executor, Fault};
pub use graph::{AsWritten, Distinct, Graph, Resolver};
pub use parts::{Mode, Options, Parts};
pub use pool::{Pool, Threads, Work};
pub use queue::{Fifo, MakeQueue, Queue};
pub use schedule::{Frontier, MakeScheduler, Scan, Scheduler};
pub use task::{Policy, Report, RunState, Task, TaskError, TaskReport, TaskState};
pub use usage::{ByModel, TokensOnly, Tracker};

use crate::Flow;

/// Runs graphs of questions.
#[derive(Clone)]
pub struct Orchestrator {
    policy: Policy,
    executor: Arc<dyn Executor>,
    parts: Parts,
}

impl Flow {
    /// Runs graphs of questions in this process, with the models and parts that come with the program.
    pub fn with_defaults(policy: Policy, executor: impl Executor + 'static) -> Orchestrator {
        Self::with_options(policy, executor, Options::default())
    }

    /// The same with other models or another currency.
    pub fn with_options(policy: Policy, executor: impl Executor + 'static, options: Options) -> Orchestrator {
        Orchestrator { policy, executor: Arc::new(executor), parts: options.parts() }
    }
}

impl Orchestrator {
    /// Replaces parts.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Parts)) -> Self {
        change(&mut self.parts);
        self
    }

    /// Runs a graph to its end. The error says why it was not begun: nothing was asked then. `watch` sees the run
    /// each time that something changed.
    pub fn run(
        &self,
        tasks: Vec<Task>,
        control: &Control,
        watch: &mut dyn FnMut(&Report),
    ) -> Result<Report, Error> {
        let tasks = check::check(self, tasks)?;
        let graph = self.parts.resolver.resolve(&tasks)?;
        Ok(drive::Drive::new(self, tasks, graph, control).run(watch))
    }
}

impl std::fmt::Debug for Orchestrator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Orchestrator").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// Ends a run from another thread.
#[derive(Clone, Debug, Default)]
pub struct Control(Arc<AtomicBool>);

impl Control {
    /// Ends the run soon.
    pub fn abort(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it is to end.
    pub fn aborted(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
