//! What a backend can do, and what a request needs of it in which phase.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{BackendKey, Error, Phase, Request};

/// Something that a backend can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Applying a plan again and again ends in the same state.
    Reconcile,
    /// Its plan can be shown without touching anything.
    DryRun,
    /// It tells what a change affects.
    ImpactAnalysis,
    /// It logs in to a cluster.
    ClusterAuth,
    /// It logs in to a forge.
    ForgeAuth,
    /// It tells its progress step by step.
    StructuredProgress,
    /// Its plan is all that execution needs.
    PlanExecute,
    /// Its steps predict what they would change.
    Check,
}

impl Capability {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Capability::Reconcile => "reconcile",
            Capability::DryRun => "dry-run",
            Capability::ImpactAnalysis => "impact-analysis",
            Capability::ClusterAuth => "cluster-auth",
            Capability::ForgeAuth => "forge-auth",
            Capability::StructuredProgress => "structured-progress",
            Capability::PlanExecute => "plan-execute",
            Capability::Check => "check",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Capability {
    /// The phase that needs it. Each capability is bound to one, so that none is declared for nothing.
    pub fn phase(self) -> Phase {
        match self {
            Capability::ClusterAuth | Capability::ForgeAuth => Phase::Prepare,
            Capability::PlanExecute | Capability::DryRun | Capability::ImpactAnalysis => Phase::Plan,
            Capability::Reconcile | Capability::Check => Phase::Execute,
            Capability::StructuredProgress => Phase::Report,
        }
    }
}

/// What a request needs of its backend, each with the phase that needs it, in the order of the phases. It looks
/// at the request alone, and is asked before anything is touched.
pub fn derive_required(request: &Request) -> Vec<(Capability, Phase)> {
    let mode = request.backend.as_ref().map_or("", |key| &key.mode);
    let mut needed = BTreeSet::from([Capability::PlanExecute]);
    needed.extend(match mode {
        "gitops" => &[Capability::Reconcile, Capability::ImpactAnalysis][..],
        "docker" | "kubernetes" | "cluster" => &[Capability::Reconcile],
        _ => &[],
    });
    needed.extend(request.dry_run.then_some(Capability::DryRun));
    needed.extend(request.check.then_some(Capability::Check));
    let mut needed: Vec<_> = needed.into_iter().map(|needed| (needed, needed.phase())).collect();
    needed.sort_by_key(|&(needed, phase)| (phase, needed));
    needed
}

/// Checks that a backend has all that is needed of it; an error names everything that it lacks.
pub(crate) fn check_required(
    key: &BackendKey,
    has: &BTreeSet<Capability>,
    needed: &[(Capability, Phase)],
) -> Result<(), Error> {
    let missing: Vec<String> = needed
        .iter()
        .filter(|(needed, _)| !has.contains(needed))
        .map(|(needed, _)| needed.to_string())
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Error::Incapable { backend: key.to_string(), missing }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(mode: &str, dry_run: bool, check: bool) -> Request {
        Request { backend: Some(BackendKey::new(mode, "x")), dry_run, check, ..Request::default() }
    }

    #[test]
    fn each_need_is_bound_to_its_phase() {
        use Capability::*;
        let cases = [
            (request("workflow", false, false), vec![(PlanExecute, Phase::Plan)]),
            (request("workflow", true, false), vec![(DryRun, Phase::Plan), (PlanExecute, Phase::Plan)]),
            (request("fleet", false, true), vec![(PlanExecute, Phase::Plan), (Check, Phase::Execute)]),
            (request("docker", false, false), vec![(PlanExecute, Phase::Plan), (Reconcile, Phase::Execute)]),
            (
                request("gitops", false, false),
                vec![(ImpactAnalysis, Phase::Plan), (PlanExecute, Phase::Plan), (Reconcile, Phase::Execute)],
            ),
        ];
        for (request, want) in cases {
            assert_eq!(derive_required(&request), want, "{:?}", request.backend);
        }
    }

    #[test]
    fn everything_that_a_backend_lacks_is_named() {
        let key = BackendKey::new("docker", "compose");
        let has = BTreeSet::from([Capability::PlanExecute]);
        let error =
            check_required(&key, &has, &derive_required(&request("docker", true, false))).unwrap_err();
        let want = "backend \"docker/compose\" is missing required capabilities: dry-run, reconcile";
        assert_eq!(error.to_string(), want);
    }
}
