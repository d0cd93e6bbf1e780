//! What a step does: the one trait behind every module, prompt, approval and reconciliation.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use windlass_model::{At, Become, BlobId, Code, Failure, Note, RunId, StepId, TaskId, Usage};

use crate::cleanup::CleanupStack;
use crate::memory::RunMemory;
use crate::notes::Notes;
use crate::progress::Progress;
use crate::secret::{Secret, Secrets};
use crate::state::StateView;

/// A future that an action returns.
pub type ActionFuture<'a> = Pin<Box<dyn Future<Output = Result<Output, Failure>> + Send + 'a>>;

/// A future that tells how things are before a step.
pub type BeforeFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<Value>, Failure>> + Send + 'a>>;

/// A future of several steps.
pub type AllFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Hears what came of each of several steps, in their order.
pub type Tell = Box<dyn FnMut(At, Result<Output, Failure>) + Send>;

/// Whether an action touches anything outside the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only computes: it may run ahead of the disk, and running it again does no harm.
    None,
    /// It touches the world: the record of its start is durable before it begins.
    External,
}

/// What a step does. One value serves every step of its kind at once.
///
/// An action never writes to the process's own streams and changes no global state. It ends soon after its
/// cancel token is cancelled or its deadline has passed, and leaves nothing half done that it does not report.
pub trait Action: Send + Sync + 'static {
    /// The word for it in plans: a module's name, `prompt`, ….
    fn name(&self) -> &str;

    /// Whether it touches anything outside the run.
    fn effect(&self) -> Effect {
        Effect::External
    }

    /// Does the work, where it is a pure computation that ends at once; `None` where it is not. Called by the
    /// dispatcher itself, so that a million of them cost no task switch.
    fn immediate(&self, call: &Call<'_>) -> Option<Result<Output, Failure>> {
        let _ = call;
        None
    }

    /// What it will use at most, so that a budget can refuse it before it costs anything. What it did use is
    /// in [`Output::usage`], that of an attempt that failed included; one that ends with an error used nothing.
    /// One that is cut off and does not tell counts at this bound.
    fn estimate(&self, call: &Call<'_>) -> Result<Option<Estimate>, Failure> {
        let _ = call;
        Ok(None)
    }

    /// Whether steps of it can be handed over to a host together with others of which this is true, to be done
    /// one after another by [`Action::run_all`] without asking in between.
    fn goes_along(&self, target: &Target) -> bool {
        let _ = target;
        false
    }

    /// Does several steps on one host, one after another, and stops at the first that does not succeed; each is
    /// told of when it ends. The first is this action's; the others' [`Action::name`] says what they do.
    fn run_all<'a>(&'a self, steps: Vec<(Arc<dyn Action>, StepContext)>, mut tell: Tell) -> AllFuture<'a> {
        Box::pin(async move {
            for (action, mut step) in steps {
                let at = step.at;
                step.deadline = step.limit.map(|limit| Instant::now() + limit);
                let result = action.run(step).await;
                let success = result.as_ref().is_ok_and(|output| !output.failed);
                tell(at, result);
                if !success {
                    return;
                }
            }
        })
    }

    /// Whether what it does can be taken back.
    fn undoes(&self) -> bool {
        false
    }

    /// What it takes to take the step back, found before the step begins; `None` where there will be nothing
    /// to take back. It is in the journal before [`Action::run`] is called, so it must hold no secret.
    fn before<'a>(&'a self, step: &'a StepContext) -> BeforeFuture<'a> {
        let _ = step;
        Box::pin(async { Ok(None) })
    }

    /// Takes back what was done, given what [`Action::before`] found. It may be called again after a crash.
    fn undo<'a>(&'a self, step: StepContext, before: Arc<Value>) -> ActionFuture<'a> {
        let _ = (step, before);
        Box::pin(async {
            Err(Failure::new(Code::CannotUndo, "this action cannot be taken back").permanent())
        })
    }

    /// Does the work. In check mode it says what would change and changes nothing.
    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a>;
}

/// What a step will use at most, and at whose expense.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// The most that it will use.
    pub usage: Usage,
    /// The name of the key that pays, where the user may have set a budget for it. Never the key itself.
    pub key: Option<String>,
}

impl From<Usage> for Estimate {
    fn from(usage: Usage) -> Self {
        Self { usage, key: None }
    }
}

/// What an immediate action and an estimate are given.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The parameters, rendered.
    pub input: &'a Value,
    /// Whether nothing may be changed.
    pub check: bool,
    /// Whether it is for this machine.
    pub local: bool,
    /// What earlier attempts at the step wrote down, where this one goes on with it.
    pub notes: &'a [Arc<Note>],
    scope: &'a dyn Fn() -> windlass_expr::Value,
}

impl<'a> Call<'a> {
    /// A call with a way to get what expressions see, which is only taken where it is needed.
    pub fn new(
        input: &'a Value,
        check: bool,
        local: bool,
        scope: &'a dyn Fn() -> windlass_expr::Value,
    ) -> Self {
        Self { input, check, local, notes: &[], scope }
    }

    /// The same, for an attempt that goes on with what earlier ones wrote down.
    #[must_use]
    pub fn after(self, notes: &'a [Arc<Note>]) -> Self {
        Self { notes, ..self }
    }

    /// What expressions see.
    pub fn scope(&self) -> windlass_expr::Value {
        (self.scope)()
    }
}

/// What an action is given.
#[derive(Clone, Debug)]
pub struct StepContext {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskId,
    /// The step.
    pub step: StepId,
    /// The host that the step is for.
    pub host: Arc<str>,
    /// Where it is done, which `delegate_to` may make another host.
    pub target: Target,
    /// Where in the plan that is.
    pub at: At,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// The parameters, rendered.
    pub input: Value,
    /// What expressions see: for actions that render texts themselves.
    pub scope: windlass_expr::Value,
    /// What to add to the environment of processes, the run's marker included.
    pub environment: BTreeMap<String, String>,
    /// Whether to change nothing, and whether to show differences.
    pub mode: Mode,
    /// The working directory: the document's folder.
    pub root: Arc<Path>,
    /// Ends the step early.
    pub cancel: CancellationToken,
    /// When the step ends whether it is done or not.
    pub deadline: Option<Instant>,
    /// How long it may take from its beginning, for one of several steps that are handed over together; those
    /// have no deadline, for nobody knows when they begin.
    pub limit: Option<Duration>,
    /// Takes live output.
    pub progress: Progress,
    /// The run's state, as far as this step sees it.
    pub state: StateView,
    /// The contents that the plan stands on.
    pub blobs: Arc<dyn Blobs>,
    /// What is taken back when the run ends. What has to be taken back even after a crash is registered as
    /// data, and made only when that is done.
    pub cleanup: CleanupStack,
    /// What steps of the run know of each other beside their results.
    pub memory: RunMemory,
    /// What the step writes down on its way, for an attempt after a crash to go on with.
    pub notes: Notes,
}

/// Where a step is done, and as whom.
#[derive(Clone)]
pub struct Target {
    /// The host's name in the inventory.
    pub host: Arc<str>,
    /// Whether it is this machine.
    pub local: bool,
    /// The host's variables, those of its connection among them; none for a host without an inventory.
    pub vars: windlass_expr::Value,
    /// As whom, where the document says so; otherwise the host's variables do.
    pub role: Become,
    passwords: Arc<Secrets>,
}

impl Target {
    /// A place with its passwords, which are secrets named by [`Target::secret_name`].
    pub fn new(
        host: Arc<str>,
        local: bool,
        vars: windlass_expr::Value,
        role: Become,
        passwords: Arc<Secrets>,
    ) -> Self {
        Self { host, local, vars, role, passwords }
    }

    /// This machine, without an inventory.
    pub fn here() -> Self {
        Self::new(
            windlass_model::LOCALHOST.into(),
            true,
            windlass_expr::from_json(&Value::Null),
            Become::default(),
            Arc::default(),
        )
    }

    /// A variable of the host that holds a password: those are in no plan and in no expression.
    pub fn password(&self, variable: &str) -> Option<&Secret> {
        self.passwords.get(&Self::secret_name(&self.host, variable))
    }

    /// How the secret is called that a host's variable holds.
    pub fn secret_name(host: &str, variable: &str) -> String {
        format!("inventory:{host}:{variable}")
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("host", &self.host).field("local", &self.local).finish_non_exhaustive()
    }
}

/// Whether a run changes anything, and what it shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode {
    /// Predict, and change nothing.
    pub check: bool,
    /// Show differences.
    pub diff: bool,
}

/// Contents by their hash: the files that a plan stands on, and whole outputs.
pub trait Blobs: Send + Sync + std::fmt::Debug {
    /// The whole content.
    fn read(&self, id: &BlobId) -> Result<Arc<[u8]>, Failure>;

    /// Keeps a whole output for as long as the run is kept; none where the quota has no room for it.
    fn keep(&self, content: &[u8]) -> Result<Option<BlobId>, Failure>;

    /// What was remembered under the hash of a question, by a step of whichever run.
    fn recall(&self, question: &BlobId) -> Option<Arc<[u8]>> {
        let _ = question;
        None
    }

    /// Remembers an answer, for steps of whichever run. It must hold no secret.
    fn remember(&self, question: &BlobId, answer: &[u8]) -> Result<(), Failure> {
        let _ = (question, answer);
        Ok(())
    }
}

/// What came of an attempt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// Whether it changed anything (in check mode: whether it would).
    pub changed: bool,
    /// Whether the work failed; `error` says why, or the result's `msg`.
    pub failed: bool,
    /// Whether the action itself saw that there was nothing to do.
    pub skipped: bool,
    /// Whether nobody can know before a real run what it would do and tell (check mode).
    pub unknown: bool,
    /// Whether the host could not be reached.
    pub unreachable: bool,
    /// The result: Ansible's fields for a module. `ansible_facts` in it become variables of the task.
    pub result: Map<String, Value>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// What it used.
    pub usage: Option<Usage>,
}

impl Output {
    /// A success.
    pub fn ok(changed: bool) -> Self {
        Self { changed, ..Self::default() }
    }

    /// The host could not be reached. An ordinary result: later steps see it, and a `rescue` may deal with it.
    pub fn unreachable(error: Failure) -> Self {
        Self { failed: true, unreachable: true, error: Some(error), ..Self::default() }
            .with("unreachable", true)
    }

    /// Adds a field to the result.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.result.insert(name.to_owned(), value.into());
        self
    }
}

/// The actions that a runtime knows, by name.
#[derive(Clone, Default)]
pub struct Actions(BTreeMap<Arc<str>, Arc<dyn Action>>);

impl Actions {
    /// Adds an action. Two of one name are a mistake of the program, told at once.
    pub fn add(&mut self, action: Arc<dyn Action>) -> Result<(), crate::Error> {
        let name: Arc<str> = action.name().into();
        match self.0.insert(name.clone(), action) {
            None => Ok(()),
            Some(_) => Err(crate::Error::Duplicate { what: "action", name: name.to_string() }),
        }
    }

    /// The action with this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Action>> {
        self.0.get(name)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }
}

impl std::fmt::Debug for Actions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
