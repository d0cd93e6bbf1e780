//! Makes a plan that can be saved.

use std::sync::Arc;

use windlass_store::Scope;

use super::observe::observe;
use super::provenance::{Asked, Home, Provenance, place};
use super::{SavedPlan, secret};
use crate::lifecycle::{self, Lifecycle};
use crate::{Compiled, Error, Request, Runtime};

/// A plan that can be saved, with what it stands on.
#[derive(Clone, Debug)]
pub struct Made {
    /// What to write.
    pub saved: SavedPlan,
    /// The plan with what it stands on, and what is worth telling about it.
    pub compiled: Arc<Compiled>,
}

/// Plans a request and asks each step what it finds, by a run in check mode: nothing is changed. `scope` is
/// where it is to be applied. A plan that would hold the value of a declared secret is an
/// error.
pub async fn plan(runtime: &Runtime, request: Request, scope: Option<&Scope>) -> Result<Made, Error> {
    let document = place(request.document.as_ref())?;
    let planned = lifecycle::planned(Lifecycle::new(runtime, request)).await?;
    let request = planned.request();
    let compiled = planned.compiled().clone();
    let secrets = Arc::new(lifecycle::secrets(&compiled.plan, &request.env, compiled.root.clone()).await?);
    let observed = observe(runtime, &compiled, &secrets, &request.env).await?;
    let provenance = Provenance {
        windlass: env!("CARGO_PKG_VERSION").into(),
        digest: compiled.plan.digest(),
        document,
        request: Asked::of(request),
        invoker: request.invoker.word().into(),
        scope: scope.and_then(Home::of),
        observed,
        unchecked: compiled.unchecked.clone(),
    };
    let saved = SavedPlan::new(compiled.plan.clone(), provenance);
    secret::refuse(&saved, &secrets)?;
    planned.end().await;
    Ok(Made { saved, compiled })
}
