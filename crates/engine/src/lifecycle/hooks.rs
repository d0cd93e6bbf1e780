//! Takes a request through all phases, with a word to its caller at each that matters.

use super::guard::guarded;
use super::{Ended, Lifecycle, Planned, Report};
use crate::cleanup::{CleanupReport, TOTAL_TIMEOUT};
use crate::saved::{SavedPlan, Verified, verified};
use crate::{Compiled, Error, Phase, Request, Run, RunOptions, Runtime};

/// What a caller of [`run`] hears and says on the way. Everything is optional.
pub trait Hooks: Send {
    /// The plan is made. A dry run shows it here.
    fn planned(&mut self, compiled: &Compiled) {
        let _ = compiled;
    }

    /// How the run is started; invoker, mode and secrets come from the request and the plan.
    fn options(&mut self, compiled: &Compiled) -> RunOptions {
        let _ = compiled;
        RunOptions::default()
    }

    /// The run has begun and is durable.
    fn started(&mut self, run: &Run) {
        let _ = run;
    }

    /// What came of it.
    fn report(&mut self, report: &Report<'_>) -> Result<(), Error> {
        let _ = report;
        Ok(())
    }

    /// Everything was taken back, or could not be, however it ended.
    fn cleaned(&mut self, cleanup: &CleanupReport) {
        let _ = cleanup;
    }
}

/// A caller that says nothing.
impl Hooks for () {}

/// Takes a request through all phases. An error is one of a phase before or after the run; how the run itself
/// ended is in [`Ended`]. The cleanup has run when this returns, whatever it returns.
pub async fn run(runtime: &Runtime, request: Request, hooks: &mut dyn Hooks) -> Result<Ended, Error> {
    through(runtime, request, hooks, None).await
}

/// The same; with a saved plan only if what was planned now is still that, and then as its one application.
pub(crate) async fn through(
    runtime: &Runtime,
    request: Request,
    hooks: &mut dyn Hooks,
    saved: Option<&SavedPlan>,
) -> Result<Ended, Error> {
    let begun = Lifecycle::new(runtime, request);
    // While this is held, a phase that fails leaves the cleanup to the lines below, where it can be awaited.
    let guard = begun.guard();
    let result = phases(runtime, begun, hooks, saved).await;
    let rest = guard.0.run_all(TOTAL_TIMEOUT).await;
    match result {
        Ok(mut ended) => {
            ended.cleanup.merge(rest);
            hooks.cleaned(&ended.cleanup);
            Ok(ended)
        }
        Err(error) => {
            hooks.cleaned(&rest);
            Err(error)
        }
    }
}

async fn phases(
    runtime: &Runtime,
    begun: Lifecycle<super::New>,
    hooks: &mut dyn Hooks,
    saved: Option<&SavedPlan>,
) -> Result<Ended, Error> {
    let again = planned(begun).await;
    let (planned, secrets) = match saved {
        None => (again?, None),
        Some(saved) => {
            let Verified { planned, secrets } = verified(runtime, saved, again).await?;
            (planned, Some(secrets))
        }
    };
    let key = planned.request().backend.clone();
    guarded(Phase::Plan, key.as_ref(), || {
        hooks.planned(planned.compiled());
        Ok(())
    })?;
    let executed = if planned.request().dry_run {
        planned.skip()
    } else {
        let mut options = guarded(Phase::Execute, key.as_ref(), || Ok(hooks.options(planned.compiled())))?;
        options.plan_id = saved.map(|saved| saved.plan_id.clone());
        options.secrets = secrets.unwrap_or(options.secrets);
        let running = planned.start(options).await?;
        guarded(Phase::Execute, key.as_ref(), || {
            hooks.started(running.run());
            Ok(())
        })?;
        running.wait().await
    };
    Ok(executed.report(|report| hooks.report(report))?.cleanup().await)
}

/// Takes a request up to its plan. Reading and planning take processor time and files: not on a thread that
/// serves others.
pub(crate) async fn planned(begun: Lifecycle<super::New>) -> Result<Lifecycle<Planned>, Error> {
    let work = || begun.load()?.resolve()?.validate()?.prepare()?.plan();
    let planned = tokio::task::spawn_blocking(work).await;
    planned.unwrap_or_else(|gone| Err(Error::Panic(gone.to_string())))
}
