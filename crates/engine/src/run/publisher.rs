//! Tells observers what became durable, and nothing before that.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use windlass_model::{Record, RunState, projection::RunMeta};
use windlass_store::{Durable, Position};

use super::options::Observer;

/// How many batches may wait for slow observers before the run waits for them: a batch is at most what one
/// turn of the dispatcher writes, so this is some seconds of the busiest run.
const QUEUE: usize = 1024;

/// How long nothing happens before observers are told so.
const TICK: std::time::Duration = std::time::Duration::from_millis(500);

/// The records of one turn, with the position at which they are durable.
pub(crate) type Batch = (Position, Arc<[Record]>);

/// The way to the observers of a run. They live on a thread of their own, because they may wait for disks and
/// terminals.
pub(crate) struct Publisher {
    queue: mpsc::Sender<Batch>,
    thread: std::thread::JoinHandle<()>,
}

impl Publisher {
    /// Starts the thread; `state` is what was durable before.
    pub(crate) fn start(
        meta: RunMeta,
        state: RunState,
        observers: Vec<Box<dyn Observer>>,
        durable: watch::Receiver<Durable>,
    ) -> std::io::Result<Self> {
        let (queue, batches) = mpsc::channel(QUEUE);
        let handle = Handle::current();
        let thread = std::thread::Builder::new()
            .name("windlass-views".into())
            .spawn(move || publish(&handle, &meta, state, observers, durable, batches))?;
        Ok(Self { queue, thread })
    }

    /// Hands a batch over; waits while the queue is full.
    pub(crate) async fn send(&self, batch: Batch) {
        // The thread ends early only when the journal failed; the driver sees that for itself.
        self.queue.send(batch).await.ok();
    }

    /// Waits until observers have heard of everything.
    pub(crate) async fn finish(self) {
        drop(self.queue);
        let thread = self.thread;
        tokio::task::spawn_blocking(move || thread.join().ok()).await.ok();
    }
}

fn publish(
    handle: &Handle,
    meta: &RunMeta,
    mut state: RunState,
    mut observers: Vec<Box<dyn Observer>>,
    mut durable: watch::Receiver<Durable>,
    mut batches: mpsc::Receiver<Batch>,
) {
    observers.iter_mut().for_each(|observer| observer.begin(meta, &state));
    loop {
        let next = handle.block_on(async { tokio::time::timeout(TICK, batches.recv()).await });
        let Ok(next) = next else {
            observers.iter_mut().for_each(|observer| observer.tick(&state));
            continue;
        };
        let Some((position, records)) = next else { break };
        let reached = handle.block_on(durable.wait_for(|d| d.position >= position || d.failed.is_some()));
        if reached.is_err() || reached.is_ok_and(|d| d.position < position) {
            break;
        }
        for record in records.iter() {
            let applied = state.apply(record);
            debug_assert!(applied.is_ok(), "the dispatcher's own state took it: {applied:?}");
        }
        observers.iter_mut().for_each(|observer| observer.records(&state, &records));
    }
    observers.iter_mut().for_each(|observer| observer.end(&state));
}
