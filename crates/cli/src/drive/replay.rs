//! A run that is over, shown once more by what showed it while it went on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use windlass_engine::{Mode, Observer};
use windlass_model::projection::RunMeta;
use windlass_model::{Event, Record, RunId, RunState};

use super::block_on;
use super::report::report_of;
use super::sight::Sight;
use crate::app::App;
use crate::compose;
use crate::error::Error;
use crate::exit::Exit;
use crate::live::{Clock, Events};
use crate::signals::{Asked, Signals};

/// How fast a run is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    /// So many times as fast as it went.
    Times(f64),
    /// At once, in plain lines.
    Instant,
}

/// Shows how a run went, from its first record to its last.
pub(crate) fn replay(app: &App, name: &str, pace: Pace) -> Result<Exit, Error> {
    let (store, id) = app.find(name)?;
    let (stored, state) = compose::runtime(app, store.clone())?.load(&id)?;
    let flag = |name: &str| stored.options.get(name).and_then(serde_json::Value::as_bool) == Some(true);
    let mode = Mode { check: flag("check"), diff: flag("diff") };
    let meta = RunMeta::new(id.clone(), &stored.row.invoker, stored.row.digest.clone());
    let records = store.scan(&id, 1)?;
    let state = RunState::new(state.plan().clone());
    let shown = block_on(async { show(app, &meta, mode, state, &records, pace).await })?;
    report_of(app, &meta, &shown, mode, stored.row.imported)?;
    Ok(Exit::Done)
}

async fn show(
    app: &App,
    meta: &RunMeta,
    mode: Mode,
    mut state: RunState,
    records: &[Record],
    pace: Pace,
) -> Result<RunState, Error> {
    let mut signals = Signals::listen().map_err(Error::Threads)?;
    let tape = Arc::new(Tape::new(records.first().map_or(0, |first| first.time), pace));
    let sight = Sight::replay(app, mode, pace != Pace::Instant, tape.clone().clock());
    let mut observers: Vec<Box<dyn Observer>> = sight.observer(app, mode).into_iter().collect();
    if app.events {
        observers.push(Box::new(Events::new(app.out.clone())));
    }
    observers.iter_mut().for_each(|observer| observer.begin(meta, &state));
    let mut stopped = None;
    for record in records {
        if matches!(record.event, Event::RunStarted { .. }) {
            // Nobody drove the run since the record before: there is nothing to see.
            tape.skip_to(record.time);
        }
        stopped = loop {
            tokio::select! {
                biased;
                asked = signals.next() => match asked {
                    Asked::End(signal) => break Some(signal),
                    Asked::Pause => tape.stand(|| sight.pause(&app.ui, "stopped: `fg` goes on with it")),
                },
                () = tape.reach(record.time) => break None,
            }
        };
        if stopped.is_some() || app.out.is_closed() {
            break;
        }
        state.apply(record).map_err(|illegal| contradiction(&meta.run_id, &illegal))?;
        observers.iter_mut().for_each(|observer| observer.records(&state, std::slice::from_ref(record)));
    }
    observers.iter_mut().for_each(|observer| observer.end(&state));
    sight.close();
    stopped.map_or(Ok(state), |signal| Err(Error::Stopped(signal)))
}

fn contradiction(run: &RunId, illegal: &windlass_model::IllegalEvent) -> Error {
    windlass_store::Error::Corrupt { run: run.clone(), why: illegal.to_string() }.into()
}

/// The time of the run while it is shown.
struct Tape {
    begun: Instant,
    /// The run's time when the showing began, in milliseconds since 1970, and all that was skipped since.
    from: AtomicU64,
    pace: Pace,
}

impl Tape {
    fn new(from: u64, pace: Pace) -> Self {
        Self { begun: Instant::now(), from: AtomicU64::new(from), pace }
    }

    fn now(&self) -> u64 {
        let passed = match self.pace {
            Pace::Times(times) => (self.begun.elapsed().as_secs_f64() * 1000.0 * times) as u64,
            Pace::Instant => 0,
        };
        self.from.load(Ordering::Relaxed).saturating_add(passed)
    }

    /// Does something while the run's time stands still.
    fn stand(&self, work: impl FnOnce()) {
        let before = self.now();
        work();
        self.from.fetch_sub(self.now().saturating_sub(before), Ordering::Relaxed);
    }

    fn skip_to(&self, time: u64) {
        self.from.fetch_add(time.saturating_sub(self.now()), Ordering::Relaxed);
    }

    /// Waits until the run's time has come to `time`.
    async fn reach(&self, time: u64) {
        let Pace::Times(times) = self.pace else { return };
        let left = time.saturating_sub(self.now()) as f64 / 1000.0 / times;
        // A clock that jumped by ages is not waited for longer than a timer can.
        tokio::time::sleep(Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX)).await;
    }

    fn clock(self: Arc<Self>) -> Clock {
        Arc::new(move || self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_as_fast_as_it_is_told_and_pauses_are_skipped() {
        let tape = Tape::new(1_000, Pace::Instant);
        assert_eq!(tape.now(), 1_000);
        tape.skip_to(90_000);
        tape.skip_to(50);
        assert_eq!(tape.now(), 90_000);
        let fast =
            Tape { begun: Instant::now() - Duration::from_secs(2), ..Tape::new(0, Pace::Times(100.0)) };
        assert!((200_000..260_000).contains(&fast.now()), "{}", fast.now());
    }

    #[tokio::test]
    async fn what_is_past_is_not_waited_for() {
        let tape = Tape::new(5_000, Pace::Times(0.001));
        tape.reach(4_000).await;
        Tape::new(0, Pace::Instant).reach(u64::MAX).await;
    }
}
