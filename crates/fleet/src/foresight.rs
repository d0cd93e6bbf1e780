//! What a run in check mode foresees, here and on its hosts.
//!
//! Each process that does modules foresees for itself: this one, and each gate. What one foresaw of a host is kept
//! here for the others of that host, be they another user's or made after the connection was lost.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use windlass_engine::{RunMemory, Target};
use windlass_gate::{Forecast, Part};

/// This process, among those that foresee. Gates are numbered from one.
const HERE: u64 = 0;

/// How much of contents is kept of a host; what is past it is known by its sum and length.
const CONTENTS: usize = 128 << 20;

/// How many parts are kept of a host.
const PARTS: usize = 1 << 20;

/// What one run foresees.
#[derive(Debug)]
pub struct Foresight {
    number: u64,
    here: Forecast,
    /// By machine.
    hosts: Mutex<BTreeMap<String, Host>>,
}

/// What was foreseen of one host.
#[derive(Debug, Default)]
struct Host {
    /// By what they are about: when it was told, by whom, and what.
    parts: BTreeMap<String, (u64, u64, Part)>,
    last: u64,
    /// Up to when each process knows it.
    seen: BTreeMap<u64, u64>,
    contents: usize,
}

impl Default for Foresight {
    fn default() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self {
            number: LAST.fetch_add(1, Ordering::Relaxed) + 1,
            here: Forecast::new(),
            hosts: Mutex::default(),
        }
    }
}

impl Foresight {
    /// That of a run.
    pub(crate) fn of(memory: &RunMemory) -> Arc<Self> {
        memory.get::<Self>()
    }

    /// The number by which gates know it.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The forecast of this machine, for a step that is done in this process.
    pub(crate) fn here(&self) -> &Forecast {
        let uid = rustix::process::geteuid().as_raw();
        self.here.learn(self.unknown_to(HERE, uid, ""));
        &self.here
    }

    /// What a gate of a machine does not know yet, as far as this user may; from now on it does.
    pub(crate) fn unknown_to(&self, gate: u64, uid: u32, machine: &str) -> Vec<Part> {
        let mut hosts = self.hosts();
        let host = hosts.entry(machine.to_owned()).or_default();
        if machine.is_empty() {
            host.learn(HERE, self.here.untold());
        }
        host.unknown_to(gate, uid)
    }

    /// Takes in what a gate of a machine foresaw.
    pub(crate) fn learn(&self, gate: u64, machine: &str, parts: Vec<Part>) {
        self.hosts().entry(machine.to_owned()).or_default().learn(gate, parts);
    }

    fn hosts(&self) -> MutexGuard<'_, BTreeMap<String, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    fn learn(&mut self, from: u64, parts: Vec<Part>) {
        for mut part in parts {
            if self.parts.len() >= PARTS {
                part = Part::doubt("what steps would do to more files than are kept in mind");
            }
            if self.contents + part.content() > CONTENTS {
                part = part.summed();
            }
            self.contents += part.content();
            self.last += 1;
            let old = self.parts.insert(part.key(), (self.last, from, part));
            self.contents -= old.map_or(0, |(_, _, part)| part.content());
        }
    }

    fn unknown_to(&mut self, gate: u64, uid: u32) -> Vec<Part> {
        let seen = self.seen.insert(gate, self.last).unwrap_or_default();
        let unknown = self.parts.values().filter(|(when, from, _)| *when > seen && *from != gate);
        Part::bounded(unknown.map(|(_, _, part)| part.shown_to(uid)).collect())
    }
}

/// By what a target's machine is known; this one by nothing.
pub(crate) fn machine(target: &Target) -> String {
    if target.local { String::new() } else { target.host.to_string() }
}
