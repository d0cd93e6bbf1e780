//! A module on another host, or here as another user: rendered here, done by a gate.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use windlass_engine::{Action, Output, StepContext, Tell};
use windlass_gate::undo::Before;
use windlass_gate::{Module, Reply, find};
use windlass_model::{At, Code, Failure};

use super::patience::Time;
use super::{Listener, long, output};
use crate::Foresight;
use crate::failure;
use crate::local::Surroundings;
use crate::reach::{Lost, Reach};
use crate::remote::{RemoteRunner, Request, Said};

/// Does one step.
pub(super) async fn run(
    reach: &Reach,
    module: &'static dyn Module,
    step: StepContext,
) -> Result<Output, Failure> {
    let seen = Seen::of(module, &step);
    let around = around(&step);
    let (run, target, cancel) = (step.run.clone(), step.target.clone(), step.cancel.clone());
    let request = prepare(module, step).await?.foreseeing(&around, &target);
    let runner = match reach.runner(&run, &target, &cancel).await {
        Ok(runner) => runner,
        Err(lost) => return unreached(lost),
    };
    let reply = runner.perform(request, &around).await;
    seen.output(reply)
}

/// How everything is on the host that a step is about to change; its contents are in the store then. A step
/// whose parameters are no good has nothing to keep: it fails by itself.
pub(super) async fn before(
    reach: &Reach,
    module: &'static dyn Module,
    step: &StepContext,
) -> Result<Option<Value>, Failure> {
    let around = around(step);
    let request = match prepare(module, step.clone()).await {
        Err(error) if error.code == Code::Cancelled => return Err(error),
        Err(_) => return Ok(None),
        Ok(request) => request.around(&around),
    };
    let runner = reach.runner(&step.run, &step.target, &step.cancel).await.map_err(Lost::failure)?;
    let late = async {
        match around.deadline {
            Some(at) => tokio::time::sleep_until(at.into()).await,
            None => std::future::pending().await,
        }
    };
    let kept = tokio::select! {
        biased;
        kept = runner.gate().keep(request, &step.blobs) => kept,
        () = step.cancel.cancelled() => Err(failure::cancelled()),
        () = late => Err(failure::late()),
    };
    kept.or_else(|error| match error.code {
        Code::BadParams | Code::UnknownModule => Ok(None),
        Code::ModuleFailed | Code::HostIo => Err(Failure { code: Code::CannotUndo, ..error }.permanent()),
        _ => Err(error),
    })
}

/// Puts everything back.
pub(super) async fn undo(
    reach: &Reach,
    module: &'static dyn Module,
    step: StepContext,
    before: Arc<Value>,
) -> Result<Output, Failure> {
    let Some(before) = Before::from_json(&before) else {
        return Err(Failure::new(Code::CannotUndo, "the journal does not say how it was before").permanent());
    };
    let request = Request::undo(module.spec().name, &before, &step.blobs)?;
    let runner = match reach.runner(&step.run, &step.target, &step.cancel).await {
        Ok(runner) => runner,
        Err(lost) => return unreached(lost),
    };
    match runner.perform(request, &around(&step)).await {
        Ok(reply) => Ok(Output::ok(true).with("notes", reply.fields.get("notes").cloned())),
        Err(error) if error.code == Code::ModuleFailed => Err(Failure { code: Code::CannotUndo, ..error }),
        Err(error) => Err(error),
    }
}

/// Does several steps, one after another, as one batch.
pub(super) async fn run_all(reach: &Reach, steps: Vec<(Arc<dyn Action>, StepContext)>, mut tell: Tell) {
    let Some((_, first)) = steps.first() else { return };
    let (run, target, cancel) = (first.run.clone(), first.target.clone(), first.cancel.clone());
    let first = first.at;
    let Ok(prepared) = tokio::task::spawn_blocking(move || prepare_all(steps)).await else {
        return tell(first, Err(failure::cancelled()));
    };
    let Prepared { requests, seen, broken } = prepared;
    if !requests.is_empty() {
        let runner = match reach.runner(&run, &target, &cancel).await {
            Ok(runner) => runner,
            Err(lost) => return tell(first, unreached(lost)),
        };
        if !batch(&runner, requests, &seen, &cancel, &mut tell).await {
            return;
        }
    }
    if let Some((at, error)) = broken {
        tell(at, Err(error));
    }
}

/// True when all of them went well.
async fn batch(
    runner: &RemoteRunner,
    requests: Vec<Request>,
    seen: &[(At, Seen)],
    cancel: &tokio_util::sync::CancellationToken,
    tell: &mut Tell,
) -> bool {
    let mut batch = match runner.gate().batch(requests, None).await {
        Ok(batch) => batch,
        Err(error) => {
            tell(seen[0].0, seen[0].1.output(Err(error)));
            return false;
        }
    };
    let mut given_up = false;
    loop {
        let (index, said) = tokio::select! {
            biased;
            said = batch.next() => match said {
                Some(said) => said,
                None => return true,
            },
            () = cancel.cancelled(), if !given_up => {
                given_up = true;
                batch.cancel();
                continue;
            }
        };
        let result = match said {
            Said::Started => continue,
            Said::Done(done) => done,
            Said::Lost(lost) => Err(lost),
            Said::NotStarted => Err(failure::cancelled()),
        };
        let (at, kept) = &seen[index];
        let output = kept.output(result);
        let success = output.as_ref().is_ok_and(|output| !output.failed);
        tell(*at, output);
        if !success {
            return false;
        }
    }
}

/// Steps that are ready to be sent, up to the first that is not.
#[derive(Default)]
struct Prepared {
    requests: Vec<Request>,
    seen: Vec<(At, Seen)>,
    /// Why that one is not. It is told of when those before it are done.
    broken: Option<(At, Failure)>,
}

/// Prepares the steps of a batch, all of them on the caller's thread: one after another they come to little. It may
/// block.
fn prepare_all(steps: Vec<(Arc<dyn Action>, StepContext)>) -> Prepared {
    let mut prepared = Prepared::default();
    for (action, step) in steps {
        let at = step.at;
        let Some(module) = find(action.name()) else {
            let unknown = Failure::new(Code::UnknownModule, format!("there is no module {}", action.name()));
            prepared.broken = Some((at, unknown));
            break;
        };
        let (kept, around, target) = (Seen::of(module, &step), around(&step), step.target.clone());
        // Lines that nobody looks at need not travel.
        let heard = step.progress.is_watched().then(|| around.listener.clone());
        match ready(module, step) {
            Ok(request) => {
                let request = request.around(&around).foreseeing(&around, &target);
                prepared.requests.push(heard.into_iter().fold(request, Request::heard_by));
                prepared.seen.push((at, kept));
            }
            Err(error) => {
                prepared.broken = Some((at, error));
                break;
            }
        }
    }
    prepared
}

/// Renders the parameters and finds the files, on a thread where that may take its time.
async fn prepare(module: &'static dyn Module, step: StepContext) -> Result<Request, Failure> {
    let work = move || ready(module, step);
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(failure::cancelled()))
}

/// The same on the caller's own.
fn ready(module: &'static dyn Module, step: StepContext) -> Result<Request, Failure> {
    let (name, deadline) = (module.spec().name, deadline(&step));
    let StepContext { input, root, blobs, scope, cancel, .. } = step;
    let time = Time::new(move || cancel.is_cancelled(), deadline);
    time.judge(time.during(|| Request::prepare(name, input, &root, &blobs, scope)))
}

/// When a step is out of time. One of several has no deadline but a length, which begins with its request.
fn deadline(step: &StepContext) -> Option<Instant> {
    step.deadline.or_else(|| Some(Instant::now() + step.limit?))
}

/// The surroundings of a step.
fn around(step: &StepContext) -> Surroundings {
    Surroundings {
        check: step.mode.check,
        foresight: Foresight::of(&step.memory),
        diff: step.mode.diff,
        root: step.root.clone(),
        environment: step.environment.clone(),
        cancel: step.cancel.clone(),
        deadline: deadline(step),
        capture: long::WHOLE,
        listener: Arc::new(Listener(step.progress.clone())),
    }
}

/// What a reply becomes a result with.
struct Seen {
    module: &'static dyn Module,
    scope: windlass_expr::Value,
    blobs: Arc<dyn windlass_engine::Blobs>,
}

impl Seen {
    fn of(module: &'static dyn Module, step: &StepContext) -> Self {
        Self { module, scope: step.scope.clone(), blobs: step.blobs.clone() }
    }

    fn output(&self, reply: Result<Reply, Failure>) -> Result<Output, Failure> {
        match reply {
            Err(error) if error.code == Code::GateLost => Ok(Output::unreachable(error)),
            reply => {
                let reply = reply.map(|reply| long::shorten(reply, &self.scope, &*self.blobs));
                output::of(self.module.spec(), reply)
            }
        }
    }
}

fn unreached(lost: Lost) -> Result<Output, Failure> {
    match lost {
        Lost::Connection(error) => Ok(Output::unreachable(error)),
        Lost::Host(error) => Err(error),
        Lost::Cancelled => Err(failure::cancelled()),
    }
}
