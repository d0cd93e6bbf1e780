//! What the disk can do in the minute of the bench: a durable step costs at least a share of one sync.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// How many syncs are timed.
const SYNCS: usize = 200;

/// How long the disk takes to make a small write durable, in microseconds.
pub(crate) struct SyncTimes {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
}

/// Times small appends with `fdatasync` in `folder`.
pub(crate) fn sync_times(folder: &Path) -> std::io::Result<SyncTimes> {
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::tempfile_in(folder)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&[7; 4096])?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed().as_micros() as u64);
    }
    times.sort_unstable();
    Ok(SyncTimes { p50: times[SYNCS / 2], p99: times[SYNCS * 99 / 100] })
}
