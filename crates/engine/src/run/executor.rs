//! Runs one attempt: gives the action its context, its deadline and its cancel token, and takes what comes.

mod aside;
mod late;

pub(crate) use aside::inquire;

use std::collections::VecDeque;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use windlass_model::{At, BlobId, Code, Failure, Plan, RunId, Scope, Usage};

use crate::action::{Action, Blobs, Mode, Output, StepContext, Tell};
use crate::cleanup::CleanupStack;
use crate::dispatch::{Deed, Finished, Input, Start};
use crate::notes::Notes;
use crate::progress::{Progress, Watch};
use crate::redact::Redactor;
use crate::state::{Publish, StateView, Values, Write};

/// How long an action that was told to end may take to do so; then it is dropped. Longer than the two seconds
/// that processes get between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(4);

/// What all attempts of a run share.
pub(crate) struct Surroundings {
    pub run: RunId,
    /// The store's mark, for processes.
    pub scope: String,
    pub plan: Arc<Plan>,
    pub root: Arc<Path>,
    pub mode: Mode,
    pub watch: Option<Arc<dyn Watch>>,
    pub redactor: Arc<Redactor>,
    pub blobs: Arc<dyn Blobs>,
    pub cleanup: CleanupStack,
    pub values: Values,
    pub(crate) memory: crate::RunMemory,
}

impl Surroundings {
    fn context(
        &self,
        start: Start,
        cancel: CancellationToken,
        inputs: &mpsc::UnboundedSender<Input>,
    ) -> StepContext {
        let task = &self.plan.tasks[start.at.task as usize];
        let step = &task.steps[start.at.step as usize];
        let item = start.at.item.map(|item| format!("[{item}]")).unwrap_or_default();
        let mut environment = start.environment;
        // By these marks what is left of a dead driver's processes is found and ended.
        environment.insert(crate::process::SCOPE_MARK.into(), self.scope.clone());
        environment.insert(crate::process::RUN_MARK.into(), self.run.to_string());
        environment.insert(
            crate::process::STEP_MARK.into(),
            format!("{}/{}{item}@{}", task.id, step.id, start.host),
        );
        let watch = self.watch.clone().filter(|_| !start.no_log);
        StepContext {
            run: self.run.clone(),
            task: task.id.clone(),
            step: step.id.clone(),
            host: start.host,
            target: start.target,
            at: start.at,
            attempt: start.attempt,
            input: start.input,
            scope: start.scope,
            environment,
            mode: self.mode,
            root: self.root.clone(),
            cancel,
            limit: None,
            deadline: deadline(start.limit_ms),
            progress: Progress::new(start.at, watch, self.redactor.clone()),
            state: StateView::new(self.values.clone(), start.scopes),
            blobs: if start.no_log { Arc::new(Unkept(self.blobs.clone())) } else { self.blobs.clone() },
            cleanup: self.cleanup.clone(),
            memory: self.memory.clone(),
            notes: Notes::new(
                (start.at, start.attempt),
                start.notes,
                inputs.clone(),
                self.redactor.clone(),
                start.no_log,
            ),
        }
    }
}

/// When a time that begins now is over.
fn deadline(limit_ms: Option<u64>) -> Option<Instant> {
    limit_ms.map(|ms| Instant::now() + Duration::from_millis(ms))
}

/// The contents of a step that says `no_log`: it reads like every other, and none of its output is kept.
#[derive(Debug)]
struct Unkept(Arc<dyn Blobs>);

impl Blobs for Unkept {
    fn read(&self, id: &BlobId) -> Result<Arc<[u8]>, Failure> {
        self.0.read(id)
    }

    fn keep(&self, _: &[u8]) -> Result<Option<BlobId>, Failure> {
        Ok(None)
    }
}

/// Begins an attempt. Exactly one [`Finished`] comes of it, whatever the action does.
pub(crate) fn spawn(
    surroundings: &Arc<Surroundings>,
    start: Start,
    inputs: mpsc::UnboundedSender<Input>,
) -> CancellationToken {
    if !start.then.is_empty() {
        return spawn_all(surroundings, start, inputs);
    }
    let cancel = CancellationToken::new();
    let (at, action, deed) = (start.at, start.action.clone(), start.deed.clone());
    let late = start.late.clone();
    let mut step = surroundings.context(start, cancel.clone(), &inputs);
    step.state = step
        .state
        .with_publisher(Arc::new(Wire { inputs: inputs.clone(), redactor: surroundings.redactor.clone() }));
    let (token, redactor) = (cancel.clone(), surroundings.redactor.clone());
    tokio::spawn(async move {
        let (deadline, state) = (step.deadline, step.state.clone());
        // The order may have come before the action could begin.
        let ended = Ended { timed_out: false, cancelled: token.is_cancelled() };
        let (result, ended) = if ended.cancelled {
            (Ok(never_began()), ended)
        } else {
            let deed = async {
                let step = match late {
                    None => step,
                    Some(environment) => match late::render(action.clone(), step, environment).await? {
                        late::Rendered::Step(step) => *step,
                        late::Rendered::Done(output) => return Ok(output),
                    },
                };
                perform(action.as_ref(), step, deed, inputs.clone()).await
            };
            attend(Guarded(Box::pin(deed)), token, deadline).await
        };
        let Ended { timed_out, cancelled } = ended;
        let clean = |(scope, key, value): Write| (scope, key, value.map(|value| redactor.shared(value)));
        let writes = state.take_writes().into_iter().map(clean).collect();
        let finished = Finished { at, result, timed_out, cancelled, writes };
        inputs.send(Input::Finished(Box::new(finished))).ok();
    });
    cancel
}

/// Begins steps that go together. A [`Finished`] comes of each, in their order, up to the last or to the first
/// that does not succeed.
fn spawn_all(
    surroundings: &Arc<Surroundings>,
    mut start: Start,
    inputs: mpsc::UnboundedSender<Input>,
) -> CancellationToken {
    let cancel = CancellationToken::new();
    let then = std::mem::take(&mut start.then);
    let lead = start.action.clone();
    let mut left = VecDeque::new();
    let mut steps = Vec::new();
    for start in std::iter::once(start).chain(then) {
        let (at, action) = (start.at, start.action.clone());
        let limit = start.limit_ms.map(Duration::from_millis);
        let wire = Wire { inputs: inputs.clone(), redactor: surroundings.redactor.clone() };
        let mut step = surroundings.context(start, cancel.clone(), &inputs);
        (step.deadline, step.limit) = (None, limit);
        step.state = step.state.with_publisher(Arc::new(wire));
        left.push_back((at, step.state.clone()));
        steps.push((action, step));
    }
    let (token, redactor) = (cancel.clone(), surroundings.redactor.clone());
    let told = Arc::new(Mutex::new(Told { left, inputs, redactor, token: cancel.clone() }));
    let hears = told.clone();
    let tell: Tell = Box::new(move |at, result| {
        hears.lock().unwrap_or_else(PoisonError::into_inner).hear(at, result);
    });
    tokio::spawn(async move {
        let all = Box::pin(async move {
            lead.run_all(steps, tell).await;
            // Whoever was not told of did not begin, or nobody knows: the first of them is told of as failed.
            Err(ended_early())
        });
        let (result, _) = attend(Guarded(all), token, None).await;
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, _)) = told.left.front() {
            let at = *at;
            told.hear(at, result);
        }
    });
    cancel
}

/// What was told of steps that go together.
struct Told {
    /// The steps that nothing was told of, in their order; none after one that did not succeed.
    left: VecDeque<(At, StateView)>,
    inputs: mpsc::UnboundedSender<Input>,
    redactor: Arc<Redactor>,
    token: CancellationToken,
}

impl Told {
    fn hear(&mut self, at: At, result: Result<Output, Failure>) {
        // What comes out of its order is a mistake of the action, and is left out.
        let Some((_, state)) = self.left.pop_front_if(|(next, _)| *next == at) else { return };
        if !result.as_ref().is_ok_and(|output| !output.failed) {
            self.left.clear();
        }
        let clean = |(scope, key, value): Write| (scope, key, value.map(|value| self.redactor.shared(value)));
        let writes = state.take_writes().into_iter().map(clean).collect();
        let cancelled = self.token.is_cancelled();
        let finished = Finished { at, result, timed_out: false, cancelled, writes };
        self.inputs.send(Input::Finished(Box::new(finished))).ok();
    }
}

/// Does what is to be done with a step. Where it is kept how things were before, that is durable before the
/// step begins.
async fn perform(
    action: &dyn Action,
    step: StepContext,
    deed: Deed,
    inputs: mpsc::UnboundedSender<Input>,
) -> Result<Output, Failure> {
    let must = match deed {
        Deed::Do => return action.run(step).await,
        Deed::Undo(before) => return action.undo(step, before).await,
        Deed::DoAndKeep { must } => must,
    };
    match action.before(&step).await {
        Ok(None) => {}
        Ok(Some(before)) => {
            let (reply, durable) = tokio::sync::oneshot::channel();
            inputs.send(Input::Kept { at: step.at, before: Arc::new(before), reply }).ok();
            durable.await.map_err(|_| Failure::new(Code::JournalLost, "the journal is lost"))?;
        }
        // Trying once more would find the same, and take as long.
        Err(error) if matches!(error.code, Code::Unreachable | Code::GateLost) => {
            return Ok(Output::unreachable(error));
        }
        Err(error) if must => return Err(error),
        // It can do its work all the same; it just cannot be taken back.
        Err(_) => {}
    }
    action.run(step).await
}

/// Takes what a step publishes to the dispatcher, which journals it and lets the others see it.
struct Wire {
    inputs: mpsc::UnboundedSender<Input>,
    redactor: Arc<Redactor>,
}

impl Publish for Wire {
    fn publish(&self, scope: Scope, key: &str, value: Option<Arc<Value>>) {
        let value = value.map(|value| self.redactor.shared(value));
        // After the run's end nobody listens.
        self.inputs.send(Input::Publish { scope, key: key.to_owned(), value }).ok();
    }
}

/// By what an attempt was ended, if not by itself.
#[derive(Clone, Copy, Default)]
struct Ended {
    timed_out: bool,
    cancelled: bool,
}

/// Sees work to its end: its own, or the one that an order or its deadline makes.
async fn attend<T>(
    mut action: Guarded<'_, T>,
    cancel: CancellationToken,
    deadline: Option<Instant>,
) -> (Result<T, Failure>, Ended) {
    let over = async {
        match deadline {
            Some(at) => tokio::time::sleep_until(at.into()).await,
            None => std::future::pending().await,
        }
    };
    let mut ended = Ended::default();
    tokio::select! {
        result = &mut action => {
            // An action that hears of its end may be quicker than the branch below.
            ended.cancelled = cancel.is_cancelled();
            return (result, ended);
        }
        () = over => ended.timed_out = true,
        () = cancel.cancelled() => ended.cancelled = true,
    }
    cancel.cancel();
    let result = tokio::time::timeout(GRACE, &mut action).await;
    (result.unwrap_or_else(|_| Err(ended_early())), ended)
}

/// What came of an attempt that was ended before its action could begin: nothing was used, for certain.
pub(super) fn never_began() -> Output {
    let error = Failure::new(Code::Cancelled, "the step was ended before it began");
    Output { failed: true, error: Some(error), usage: Some(Usage::default()), ..Output::default() }
}

pub(super) fn ended_early() -> Failure {
    Failure::new(Code::Cancelled, "the step was ended before it was done")
}

/// A future whose panic is a failure like others.
struct Guarded<'a, T>(Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>);

impl<T> Future for Guarded<'_, T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = &mut self.0;
        std::panic::catch_unwind(AssertUnwindSafe(|| inner.as_mut().poll(cx))).unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            Poll::Ready(Err(Failure::new(Code::ActionPanicked, format!("the action panicked: {said}"))))
        })
    }
}
