//! What a run in check mode foresees, here and on its hosts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use windlass_engine::{RunMemory, Target};
use windlass_gate::{Forecast, Reply};

use crate::reach::role_of;

/// What one run foresees. This process has the forecast of this machine; each gate has that of its host and user,
/// under the run's number.
#[derive(Debug)]
pub struct Foresight {
    number: u64,
    here: Forecast,
    /// As whom steps would have changed a machine.
    changed: Mutex<BTreeMap<String, BTreeSet<String>>>,
    resumed: std::sync::atomic::AtomicBool,
}

impl Default for Foresight {
    fn default() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self {
            number: LAST.fetch_add(1, Ordering::Relaxed) + 1,
            here: Forecast::new(),
            changed: Mutex::default(),
            resumed: Default::default(),
        }
    }
}

impl Foresight {
    /// That of a run.
    pub(crate) fn of(memory: &RunMemory) -> Arc<Self> {
        let foresight = memory.get::<Self>();
        foresight.resumed.store(memory.is_resumed(), Ordering::Relaxed);
        foresight
    }

    /// The number by which gates know it.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The forecast of this machine, for a step that is done in this process.
    pub(crate) fn here(&self) -> &Forecast {
        if let Some(doubt) = self.doubt(&Target::here()) {
            self.here.doubt(doubt);
        }
        &self.here
    }

    /// What the forecast of a target does not know: what steps would have done as somebody else.
    pub(crate) fn doubt(&self, target: &Target) -> Option<String> {
        let (machine, user) = place(target);
        let changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let others = changed.get(&machine).into_iter().flatten().filter(|other| **other != user);
        let mut causes: Vec<String> = others.map(|other| format!("what steps {other} would do")).collect();
        if self.resumed.load(Ordering::Relaxed) {
            causes.push("what the run foresaw before it was interrupted".into());
        }
        (!causes.is_empty()).then(|| causes.join(", "))
    }

    /// Takes note of what a step said.
    pub(crate) fn note(&self, target: &Target, reply: &Reply) {
        if reply.changed || reply.skipped {
            let (machine, user) = place(target);
            let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
            changed.entry(machine).or_default().insert(user);
        }
    }
}

/// The machine, and as whom.
fn place(target: &Target) -> (String, String) {
    let machine = if target.local { String::new() } else { target.host.to_string() };
    let user =
        role_of(target).map_or_else(|| "as the user of the connection".into(), |user| format!("as {user}"));
    (machine, user)
}
