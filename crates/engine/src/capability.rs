//! What a backend can do, and what a request needs of it in which phase.

use std::fmt;

use serde::{Deserialize, Serialize};

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
