//! A store after one of whose records the process dies, as by a power cut.

use rustix::process::{Signal, getpid, kill_process};
use windlass_store::Store;

/// The store, which ends the process once record `last` is durable, or, where it is `late`, as the next one is
/// asked for.
pub(crate) fn dying(store: Store, last: u64, late: bool) -> Store {
    let reach = last + u64::from(late);
    store.on_append(move |journal, run, mut records| {
        if records.last().is_none_or(|record| record.seq < reach) {
            return journal.append(run, records);
        }
        records.retain(|record| record.seq <= last);
        if !records.is_empty() {
            journal.append(run, records)?;
        }
        journal.flush()?;
        loop {
            // The signal cannot be refused; it may take a moment to arrive.
            kill_process(getpid(), Signal::KILL).ok();
            std::thread::yield_now();
        }
    })
}
