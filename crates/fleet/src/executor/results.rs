//! What came of a job, host by host and in all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use serde_json::{Map, Value};
use windlass_gate::Reply;
use windlass_model::{Code, Failure};

use super::Host;

/// What came of a job on one host.
#[derive(Clone, Debug, Serialize)]
pub struct HostResult {
    /// Its name in the inventory.
    #[serde(skip)]
    pub host: Arc<str>,
    /// Whether it is now other than before, or would be.
    pub changed: bool,
    /// Whether the job failed there; so it did where the host could not be reached.
    pub failed: bool,
    /// Whether it could not be reached.
    pub unreachable: bool,
    /// Whether nothing was done there.
    pub skipped: bool,
    /// One sentence for a person.
    pub msg: Option<String>,
    /// What the module said.
    pub data: Map<String, Value>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it began, in milliseconds since 1970.
    pub start_ms: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// How many hosts ended how. `failed` counts those that were unreachable too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Hosts on which it succeeded, whether it changed them or not.
    pub successful: usize,
    /// Hosts on which it failed.
    pub failed: usize,
    /// Hosts that it changed.
    pub changed: usize,
    /// Hosts that could not be reached.
    pub unreachable: usize,
    /// Hosts on which nothing was done.
    pub skipped: usize,
}

/// What came of a job on all hosts.
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    /// By host.
    pub hosts: BTreeMap<Arc<str>, HostResult>,
    /// In all.
    pub totals: Totals,
    /// When it began, in milliseconds since 1970.
    pub start_ms: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// Two clocks at one moment: one that says when, and one that measures.
pub(super) type Begun = (SystemTime, Instant);

impl HostResult {
    fn blank(host: &Host, (when, began): Begun) -> Self {
        Self {
            host: host.target.host.clone(),
            changed: false,
            failed: false,
            unreachable: false,
            skipped: false,
            msg: None,
            data: Map::new(),
            error: None,
            attempts: 0,
            start_ms: millis(when.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()),
            duration_ms: millis(began.elapsed()),
        }
    }

    pub(super) fn skipped(host: &Host, why: &str, begun: Begun) -> Self {
        Self { skipped: true, msg: Some(why.to_owned()), ..Self::blank(host, begun) }
    }

    pub(super) fn of(host: &Host, outcome: Result<Reply, Failure>, attempts: u32, begun: Begun) -> Self {
        let blank = Self { attempts, ..Self::blank(host, begun) };
        match outcome {
            Ok(reply) => Self {
                changed: reply.changed,
                failed: reply.failed,
                skipped: reply.skipped,
                msg: reply.msg,
                data: reply.fields,
                ..blank
            },
            Err(error) => Self {
                failed: true,
                unreachable: is_unreachable(&error),
                msg: Some(error.message.clone()),
                error: Some(error),
                ..blank
            },
        }
    }
}

impl Results {
    pub(super) fn new(results: Vec<HostResult>, (when, began): Begun) -> Self {
        let mut totals = Totals::default();
        for result in &results {
            totals.successful += usize::from(!result.failed && !result.skipped);
            totals.failed += usize::from(result.failed);
            totals.changed += usize::from(result.changed);
            totals.unreachable += usize::from(result.unreachable);
            totals.skipped += usize::from(result.skipped);
        }
        Self {
            hosts: results.into_iter().map(|result| (result.host.clone(), result)).collect(),
            totals,
            start_ms: millis(when.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()),
            duration_ms: millis(began.elapsed()),
        }
    }

    /// The hosts on which it failed, in the order of their names.
    pub fn failed_hosts(&self) -> impl Iterator<Item = &HostResult> {
        self.hosts.values().filter(|result| result.failed)
    }
}

/// Whether a failure is of the way to a host, and not of what it was to do.
pub(super) fn is_unreachable(error: &Failure) -> bool {
    matches!(error.code, Code::Unreachable | Code::GateLost)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
