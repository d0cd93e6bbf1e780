//! How a run is started or resumed, and who hears of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_model::{Budget, PlanId, Record, RunId, RunState, Verdict, projection::RunMeta};
use windlass_store::Pot;

use crate::action::Mode;
use crate::run::Command;
use crate::secret::Secrets;
use crate::{CleanupStack, Invoker, Watch};

/// What may be spent, beside what documents and the ledgers of shared budgets say: all of it holds.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// By each run.
    pub run: Option<Budget>,
    /// By what runs share.
    pub shared: Vec<(Pot, Budget)>,
}

/// How a run is started or resumed.
#[derive(Default)]
pub struct RunOptions {
    /// Its id; by default one that is new.
    pub id: Option<RunId>,
    /// Who asks.
    pub invoker: Invoker,
    /// Whether to change nothing, and whether to show differences. A resume takes the run's own mode.
    pub mode: Mode,
    /// The secrets that the plan declares.
    pub secrets: Arc<Secrets>,
    /// The environment that lookups of expressions see, and that commands which they run get.
    pub environment: BTreeMap<String, String>,
    /// Who hears what became durable.
    pub observers: Vec<Box<dyn Observer>>,
    /// Who hears live output.
    pub watch: Option<Arc<dyn Watch>>,
    /// What is done about steps in doubt that say `on_doubt: hold`; by default a person is waited for.
    pub in_doubt: Option<Verdict>,
    /// Whether it is kept how things were on hosts that are far away, so that the run can be taken back there. In
    /// transactions it is kept anyway. A resume does as the run did.
    pub keep: bool,
    /// The saved plan that the run applies: a plan is applied once. A resume takes no notice of it.
    pub plan_id: Option<PlanId>,
    /// What the document is called.
    pub document: Option<String>,
    /// The inventory's sources and the limit, by which a resume reads passwords of hosts again.
    pub inventory: Option<(Vec<String>, Option<String>)>,
    /// What is taken back when the run ends; by default an empty stack that the runtime's handlers serve.
    pub cleanup: Option<CleanupStack>,
    /// What the run is told before anything else.
    pub commands: Vec<Command>,
}

/// Hears what became durable, in order, on a thread of its own. It may take its time, files and terminals
/// included: 1,024 batches may wait for it, then the run does.
pub trait Observer: Send {
    /// The run begins or goes on; `state` is what was durable before.
    fn begin(&mut self, meta: &RunMeta, state: &RunState) {
        let _ = (meta, state);
    }

    /// These records became durable; `state` is the sum of all records up to the last of them.
    fn records(&mut self, state: &RunState, records: &[Record]);

    /// Nothing happened for half a second: a chance to write what was put off.
    fn tick(&mut self, state: &RunState) {
        let _ = state;
    }

    /// Nothing more will come from this driver.
    fn end(&mut self, state: &RunState) {
        let _ = state;
    }
}
