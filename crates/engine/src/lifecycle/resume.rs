//! Goes on with a run: its plan is in the journal, so that only what is never kept has to be had again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use windlass_model::{Plan, RunId};

use super::guard::guarded;
use crate::{BackendKey, Error, Phase, Run, RunOptions, Runtime, Secrets};

/// Goes on with a run: gets its secrets again from where its plan says, then resumes it. A secret that cannot be
/// had is an error of `prepare`, and nothing has happened then.
pub async fn resume(
    runtime: &Runtime,
    id: &RunId,
    env: &BTreeMap<String, String>,
    mut options: RunOptions,
) -> Result<Run, Error> {
    let (stored, state) = runtime.load(id).map_err(|error| error.during(Phase::Load, None))?;
    if state.status.is_resumable() {
        options.secrets = Arc::new(secrets(state.plan(), env, stored.root).await?);
    }
    let key = key(state.plan());
    guarded(Phase::Execute, Some(&key), || runtime.resume(id, options))
}

/// The backend that made a plan.
fn key(plan: &Plan) -> BackendKey {
    let (mode, name) = plan.backend.split_once('/').unwrap_or((&plan.backend, ""));
    BackendKey::new(mode, name)
}

/// Gets the secrets of a plan on a thread where that may take its time.
pub(crate) async fn secrets(
    plan: &Plan,
    env: &BTreeMap<String, String>,
    root: PathBuf,
) -> Result<Secrets, Error> {
    if plan.secrets.is_empty() {
        return Ok(Secrets::default());
    }
    let (refs, env, key) = (plan.secrets.clone(), env.clone(), key(plan));
    let resolved = tokio::task::spawn_blocking(move || {
        guarded(Phase::Prepare, Some(&key), || Secrets::resolve(&refs, &env, &root))
    });
    resolved.await.unwrap_or_else(|gone| Err(Error::Panic(gone.to_string())))
}
