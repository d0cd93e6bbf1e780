//! Modules as actions: what only the controller can render is rendered here, the rest is the module's.

mod bare;
mod copy;
mod far;
mod long;
mod output;
mod patience;
mod script;
mod template;
mod undo;
mod vars;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};
use windlass_engine::{
    Action, ActionFuture, AllFuture, BeforeFuture, Blobs, Call, Effect, Output, Progress as Live,
    StepContext, Stream, Target, Tell,
};
use windlass_gate::{Cancel, Context, Forecast, Module, Progress, Reply, Silent};
use windlass_model::Failure;

use self::patience::Time;
use crate::Foresight;
use crate::local::{CAPTURE, LocalRunner, Surroundings, call};
use crate::reach::{Reach, becomes};

/// Modules that only compute, and so are done by the dispatcher itself. Others may have no effect either
/// (`stat`, `wait_for`), and still wait for a disk or for a clock.
const IMMEDIATE: [&str; 5] = ["assert", "debug", "fail", "ping", "set_fact"];

/// Modules that are the controller's work, whichever host they are for.
const HERE: [&str; 6] = ["assert", "debug", "fail", "include_vars", "pause", "set_fact"];

/// A native module as an action.
pub struct ModuleAction {
    module: &'static dyn Module,
    runner: LocalRunner,
    reach: Reach,
}

impl ModuleAction {
    /// An action that runs `module` by `runner`, and on other hosts through gates.
    pub fn new(module: &'static dyn Module, runner: LocalRunner, reach: Reach) -> Self {
        Self { module, runner, reach }
    }

    /// Whether it is done through a gate there: on another host, or here as another user.
    fn is_far(&self, target: &Target) -> bool {
        !HERE.contains(&self.name()) && (!target.local || becomes(target))
    }
}

impl std::fmt::Debug for ModuleAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ModuleAction({})", self.name())
    }
}

impl Action for ModuleAction {
    fn name(&self) -> &str {
        self.module.spec().name
    }

    fn effect(&self) -> Effect {
        match self.module.spec().effect {
            windlass_gate::Effect::None => Effect::None,
            windlass_gate::Effect::Changes => Effect::External,
        }
    }

    fn immediate(&self, step: &Call<'_>) -> Option<Result<Output, Failure>> {
        let here = step.local || HERE.contains(&self.name());
        (here && IMMEDIATE.contains(&self.name())).then(|| {
            let reply = compute(self.module, step.input.clone(), step.check, || step.scope());
            output::of(self.module.spec(), reply)
        })
    }

    fn goes_along(&self, target: &Target) -> bool {
        self.is_far(target)
    }

    fn run_all<'a>(&'a self, steps: Vec<(Arc<dyn Action>, StepContext)>, tell: Tell) -> AllFuture<'a> {
        if let Some((_, first)) = steps.first() {
            self.reach.during(&first.memory, &first.run);
        }
        Box::pin(far::run_all(&self.reach, steps, tell))
    }

    fn undoes(&self) -> bool {
        windlass_gate::undo::undoes(self.name())
    }

    fn before<'a>(&'a self, step: &'a StepContext) -> BeforeFuture<'a> {
        if self.is_far(&step.target) {
            self.reach.during(&step.memory, &step.run);
            return Box::pin(far::before(&self.reach, self.module, step));
        }
        Box::pin(undo::before(self, step))
    }

    fn undo<'a>(&'a self, step: StepContext, before: Arc<Value>) -> ActionFuture<'a> {
        if self.is_far(&step.target) {
            self.reach.during(&step.memory, &step.run);
            return Box::pin(far::undo(&self.reach, self.module, step, before));
        }
        Box::pin(undo::undo(self, step, before))
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        if self.is_far(&step.target) {
            self.reach.during(&step.memory, &step.run);
            return Box::pin(far::run(&self.reach, self.module, step));
        }
        Box::pin(async move {
            let module = self.module;
            let work = Work { input: step.input, scope: step.scope, blobs: step.blobs };
            let around = Surroundings {
                check: step.mode.check,
                foresight: Foresight::of(&step.memory),
                diff: step.mode.diff,
                root: step.root,
                environment: step.environment,
                cancel: step.cancel,
                deadline: step.deadline,
                capture: long::WHOLE,
                listener: Arc::new(Listener(step.progress)),
            };
            let reply = self.runner.drive(around, move |cx| {
                let (scope, blobs) = (work.scope.clone(), work.blobs.clone());
                perform(module, work, cx).map(|reply| long::shorten(reply, &scope, &*blobs))
            });
            output::of(module.spec(), reply.await)
        })
    }
}

/// What a module's work stands on, beyond its surroundings.
struct Work {
    /// The parameters, rendered, with what the plan added to them.
    input: Value,
    /// What expressions see.
    scope: windlass_expr::Value,
    /// The contents that the plan names.
    blobs: Arc<dyn Blobs>,
}

/// What becomes of the parameters once they are as the module takes them.
type End<'a> = dyn FnMut(Value) -> Result<Reply, Failure> + 'a;

fn perform(module: &'static dyn Module, work: Work, cx: &Context<'_>) -> Result<Reply, Failure> {
    prepare(module, work, cx, &mut |params| call(module, params, cx))
}

/// The parameters of a `template` with its text rendered, for a module that runs elsewhere. It may block.
pub(crate) fn rendered(
    input: Value,
    scope: windlass_expr::Value,
    blobs: Arc<dyn Blobs>,
    root: &Path,
) -> Result<Value, Failure> {
    let (env, cancel) = (BTreeMap::new(), Cancel::new());
    let mut done = Value::Null;
    template::run(Work { input, scope, blobs }, &bare_context(root, &env, &cancel), &mut |params| {
        done = params;
        Ok(Reply::ok())
    })?;
    Ok(done)
}

/// A context for work that has no use for most of it.
fn bare_context<'a>(cwd: &'a Path, env: &'a BTreeMap<String, String>, cancel: &'a Cancel) -> Context<'a> {
    Context {
        check: None,
        diff: false,
        cwd,
        env,
        cancel,
        deadline: None,
        progress: &Silent,
        capture_limit: CAPTURE,
    }
}

/// Renders and lays out what the module needs, for as long as `end` takes. What expressions ask on the way is given up
/// when the step is over.
fn prepare(
    module: &'static dyn Module,
    work: Work,
    cx: &Context<'_>,
    end: &mut End<'_>,
) -> Result<Reply, Failure> {
    let cancel = cx.cancel.clone();
    let time = Time::new(move || cancel.is_cancelled(), cx.deadline);
    let mut begun = false;
    let result = time.during(|| {
        lay_out(module, work, cx, &mut |params| {
            begun = true;
            end(params)
        })
    });
    // A module that began says itself why it failed.
    if begun { result } else { time.judge(result) }
}

fn lay_out(
    module: &'static dyn Module,
    work: Work,
    cx: &Context<'_>,
    end: &mut End<'_>,
) -> Result<Reply, Failure> {
    match module.spec().name {
        "assert" => end(bare::assert(work.input, || work.scope.clone())?),
        "assemble" | "copy" | "unarchive" => copy::run(work, cx, end),
        "debug" => end(bare::debug(work.input, || work.scope.clone())?),
        "include_vars" => vars::run(work, cx, end),
        "script" => script::run(work, cx, end),
        "template" => template::run(work, cx, end),
        _ => end(work.input),
    }
}

/// Runs a module that only computes, on this thread. It sees no host, and so has no use for a folder.
fn compute(
    module: &'static dyn Module,
    input: Value,
    check: bool,
    scope: impl FnOnce() -> windlass_expr::Value,
) -> Result<Reply, Failure> {
    let input = match module.spec().name {
        "assert" => bare::assert(input, scope)?,
        "debug" => bare::debug(input, scope)?,
        _ => input,
    };
    let (env, cancel) = (BTreeMap::new(), Cancel::new());
    let forecast = Forecast::new();
    let cx = Context { check: check.then_some(&forecast), ..bare_context(Path::new("/"), &env, &cancel) };
    call(module, input, &cx)
}

/// A step's parameters by name; what is no mapping has none, and the module says what it lacks.
fn params(input: Value) -> Map<String, Value> {
    match input {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Passes a module's live output on.
struct Listener(Live);

impl Progress for Listener {
    fn output(&self, stream: windlass_gate::Stream, line: &str) {
        let stream = match stream {
            windlass_gate::Stream::Stdout => Stream::Stdout,
            windlass_gate::Stream::Stderr => Stream::Stderr,
        };
        self.0.line(stream, line);
    }
}
