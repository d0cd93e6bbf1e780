//! Faults on purpose, for tests only: `WINDLASS_FAULT` makes the program break at a place that a test chose.
//!
//! The sweeps of the testkit stand on this; CONTRIBUTING.md lists the faults. Nothing here is compiled out of
//! releases: what is tested is what people run.

use std::path::PathBuf;
use std::sync::Arc;

use rustix::process::{Signal, getpid, kill_process};
use serde_json::Value;
use windlass_engine::{Action, ActionFuture, BeforeFuture, Call, Effect, Estimate, StepContext};
use windlass_model::{Code, Failure, Record, RunId};
use windlass_store::{Error, Journal, Position, Result, Store};

/// The variable that asks for a fault.
const VARIABLE: &str = "WINDLASS_FAULT";

/// What is to go wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL once the record is durable.
    KillAfter(u64),
    /// SIGKILL when the record is to be written.
    KillBefore(u64),
    /// No space after the record.
    FullDiskAfter(u64),
    /// A panic of the driver once the record is durable.
    PanicAfter(u64),
    /// The step `task/step` fails.
    FailStep(String),
}

impl Fault {
    /// What this process's environment asks for.
    pub(crate) fn asked() -> Option<Self> {
        Self::read(&std::env::var(VARIABLE).ok()?)
    }

    /// What a text asks for. What cannot be read asks for nothing.
    fn read(text: &str) -> Option<Self> {
        let (word, place) = text.split_once(':')?;
        let record = || place.parse().ok();
        match word {
            "kill-after" => record().map(Fault::KillAfter),
            "kill-before" => record().map(Fault::KillBefore),
            "full-disk-after" => record().map(Fault::FullDiskAfter),
            "panic-after" => record().map(Fault::PanicAfter),
            "fail-step" => Some(Fault::FailStep(place.to_owned())),
            _ => None,
        }
    }

    /// The store, whose journal breaks where the fault says.
    pub(crate) fn store(&self, store: Store) -> Store {
        if let Fault::FailStep(_) = self {
            return store;
        }
        let fault = self.clone();
        store.on_append(move |journal, run, records| fault.append(journal, run, records))
    }

    /// The action, which fails in the step that the fault names.
    pub(crate) fn action(&self, action: Arc<dyn Action>) -> Arc<dyn Action> {
        match self {
            Fault::FailStep(step) => Arc::new(Failing { inner: action, step: step.clone() }),
            _ => action,
        }
    }

    /// How many records of a run are still written, where it concerns the journal.
    fn last(&self) -> Option<u64> {
        match self {
            Fault::KillAfter(n) | Fault::FullDiskAfter(n) | Fault::PanicAfter(n) => Some(*n),
            Fault::KillBefore(n) => Some(n.saturating_sub(1)),
            Fault::FailStep(_) => None,
        }
    }

    /// Whether the records reach the one after which it breaks, or go past it.
    fn breaks_in(&self, records: &[Record]) -> Option<u64> {
        let last = self.last()?;
        let reaches = |record: &Record| match self {
            // What counts is that the next one is asked for.
            Fault::KillBefore(_) | Fault::FullDiskAfter(_) => record.seq > last,
            _ => record.seq >= last,
        };
        records.last().is_some_and(reaches).then_some(last)
    }

    /// Appends what comes before the fault, and then breaks.
    fn append(&self, journal: &dyn Journal, run: &RunId, mut records: Vec<Record>) -> Result<Position> {
        let Some(last) = self.breaks_in(&records) else { return journal.append(run, records) };
        records.retain(|record| record.seq <= last);
        if !records.is_empty() {
            journal.append(run, records)?;
        }
        journal.flush()?;
        match self {
            Fault::FullDiskAfter(_) => Err(Error::Full { path: PathBuf::from("store.db") }),
            Fault::PanicAfter(n) => panic!("a panic was asked for after record {n}"),
            _ => die(),
        }
    }
}

/// Ends the process as a power cut does: nothing more is said, written or cleaned up.
fn die() -> ! {
    loop {
        // The signal cannot be refused; it may take a moment to arrive.
        kill_process(getpid(), Signal::KILL).ok();
        std::thread::yield_now();
    }
}

/// An action that fails in one step.
struct Failing {
    inner: Arc<dyn Action>,
    step: String,
}

impl Action for Failing {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn effect(&self) -> Effect {
        self.inner.effect()
    }

    fn estimate(&self, call: &Call<'_>) -> Result<Option<Estimate>, Failure> {
        self.inner.estimate(call)
    }

    fn undoes(&self) -> bool {
        self.inner.undoes()
    }

    fn before<'a>(&'a self, step: &'a StepContext) -> BeforeFuture<'a> {
        self.inner.before(step)
    }

    fn undo<'a>(&'a self, step: StepContext, before: Arc<Value>) -> ActionFuture<'a> {
        self.inner.undo(step, before)
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        if format!("{}/{}", step.task, step.step) == self.step {
            return Box::pin(async { Err(Failure::new(Code::StepFailed, "a failure was asked for")) });
        }
        self.inner.run(step)
    }
}

#[cfg(test)]
mod tests {
    use windlass_model::{Event, RunStatus};
    use windlass_store::NewRun;

    use super::*;

    #[test]
    fn faults_are_read_from_their_words() {
        assert_eq!(Fault::read("kill-after:7"), Some(Fault::KillAfter(7)));
        assert_eq!(Fault::read("kill-before:7"), Some(Fault::KillBefore(7)));
        assert_eq!(Fault::read("fail-step:a/b"), Some(Fault::FailStep("a/b".into())));
        assert_eq!(Fault::read("kill-after:soon"), None);
        assert_eq!(Fault::read("rust"), None);
        assert_eq!(Fault::read(""), None);
    }

    #[test]
    fn a_batch_is_cut_where_the_disk_is_full() {
        let store = Store::memory();
        let id = RunId::new("a").expect("a good id");
        let plan = crate::fixture::release();
        store.create(&NewRun::of(id.clone(), &plan, "/", 0)).expect("created");
        let full = Fault::FullDiskAfter(2).store(store.clone());
        let record = |seq| {
            let event = Event::RunFinished { status: RunStatus::Completed, error: None };
            Record { seq, time: 0, event }
        };
        full.append(&id, vec![record(1)]).expect("there is room");
        let refused = full.append(&id, vec![record(2), record(3)]);
        assert!(matches!(refused, Err(Error::Full { .. })));
        assert_eq!(store.scan(&id, 1).expect("it reads").len(), 2);
        assert!(full.append(&id, vec![record(3)]).is_err(), "it stays full");
    }
}
