//! Applies a saved plan, where it still holds.

use std::sync::Arc;

use super::SavedPlan;
use super::compare;
use super::observe::observe;
use super::provenance::Caller;
use super::stale::{Change, Part, Stale, Turn};
use crate::lifecycle::{self, Ended, Hooks, Lifecycle, Planned};
use crate::{Error, Runtime, Secrets};

/// Runs a saved plan, through all phases: plans again from what it was made from, asks its steps again what they
/// find, and refuses with [`Error::Stale`] before anything is written where that has changed. Of all that apply
/// one plan in one store, in whichever processes, one succeeds; it counts as applied when its run is written down,
/// before its first step.
pub async fn apply(
    runtime: &Runtime,
    saved: &SavedPlan,
    caller: Caller,
    hooks: &mut dyn Hooks,
) -> Result<Ended, Error> {
    unapplied(runtime, saved)?;
    let request = saved.provenance.request(&saved.plan.backend, caller)?;
    let ended = lifecycle::through(runtime, request, hooks, Some(saved)).await;
    if let Err(Error::Stale(_)) = &ended {
        // What has changed may be the work of who applied it meanwhile.
        unapplied(runtime, saved)?;
    }
    ended
}

fn unapplied(runtime: &Runtime, saved: &SavedPlan) -> Result<(), Error> {
    match runtime.store().claimed(&saved.plan_id)? {
        Some(run) => Err(windlass_store::Error::PlanApplied { plan: saved.plan_id.clone(), run }.into()),
        None => Ok(()),
    }
}

/// What has changed in what a plan was made from, as far as planning again tells: the document, variables, the
/// environment, files. No step is asked and no secret is had, so that any file can be looked at; what steps find
/// is compared by [`apply`].
pub async fn changes(runtime: &Runtime, saved: &SavedPlan, caller: Caller) -> Result<Vec<Change>, Error> {
    let request = saved.provenance.request(&saved.plan.backend, caller)?;
    match lifecycle::planned(Lifecycle::new(runtime, request)).await {
        Ok(planned) => {
            let found = compare::plans(&saved.plan, &planned.compiled().plan);
            planned.end().await;
            Ok(found)
        }
        Err(error) => broken(error).map(|stale| stale.0),
    }
}

/// A plan that was made again and still holds, with the secrets that it needs.
pub(crate) struct Verified {
    pub(crate) planned: Lifecycle<Planned>,
    pub(crate) secrets: Arc<Secrets>,
}

/// Compares what was planned again with what was saved.
pub(crate) async fn verified(
    runtime: &Runtime,
    saved: &SavedPlan,
    again: Result<Lifecycle<Planned>, Error>,
) -> Result<Verified, Error> {
    let planned = match again {
        Ok(planned) => planned,
        Err(error) => return Err(Error::Stale(broken(error)?)),
    };
    let compiled = planned.compiled().clone();
    if compiled.plan.digest() != saved.provenance.digest {
        return Err(Error::Stale(Stale(compare::plans(&saved.plan, &compiled.plan))));
    }
    let env = &planned.request().env;
    let secrets = Arc::new(lifecycle::secrets(&compiled.plan, env, compiled.root.clone()).await?);
    let now = observe(runtime, &compiled, &secrets, env).await?;
    let found = saved.provenance.observed.changes(&now);
    if found.is_empty() { Ok(Verified { planned, secrets }) } else { Err(Error::Stale(Stale(found))) }
}

/// A document that no longer gives a plan is another than it was. Other errors are not about the plan.
fn broken(error: Error) -> Result<Stale, Error> {
    let Error::Document(problems) = error.root() else { return Err(error) };
    let told = problems.iter().map(|problem| {
        let place = problem.location.as_ref().map(|location| {
            let (line, column) = location.line_column();
            format!(" ({}:{line}:{column})", location.source.name)
        });
        let why = format!("{}{} [{}]", problem.message, place.unwrap_or_default(), problem.code);
        Part::Document.is(Turn::Broken(why))
    });
    let told: Vec<Change> = told.collect();
    if told.is_empty() { Err(error) } else { Ok(Stale(told)) }
}
