//! The lists of packages: how old they are, and fetching them.

use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::Call;
use crate::{Error, Reply};

/// Files whose time tells when lists were fetched, the best one first.
const STAMPS: [&str; 2] = ["/var/lib/apt/periodic/update-success-stamp", "/var/lib/apt/lists"];

/// What came of the lists.
pub(super) struct Lists {
    pub(super) updated: bool,
    /// When they were fetched, in seconds since 1970.
    pub(super) time: u64,
}

impl Lists {
    /// Nobody asked for them.
    pub(super) fn untouched() -> Self {
        Self { updated: false, time: seconds(stamp()) }
    }

    /// The reply where nothing else was to be done.
    pub(super) fn reply(&self, changed: bool) -> Reply {
        Reply::changed(changed).with("cache_updated", self.updated).with("cache_update_time", self.time)
    }
}

/// Fetches the lists where they are too old.
pub(super) fn update(call: &Call<'_>) -> Result<Lists, Error> {
    let before = stamp();
    let valid = Duration::from_secs(call.args.int("cache_valid_time").max(0).unsigned_abs());
    if before.elapsed().unwrap_or_default() < valid {
        return Ok(Lists { updated: false, time: seconds(before) });
    }
    if call.cx.checks() {
        return Ok(Lists { updated: true, time: seconds(before) });
    }
    fetch(call)?;
    let after = stamp();
    Ok(Lists { updated: seconds(before) != seconds(after), time: seconds(after) })
}

/// Tries several times, with longer and longer pauses.
fn fetch(call: &Call<'_>) -> Result<(), Error> {
    let tries = call.args.int("update_cache_retries").max(0);
    let longest = Duration::from_secs(call.args.int("update_cache_retry_max_delay").max(0).unsigned_abs());
    let mut why = "unknown reason".to_owned();
    for attempt in 0..tries {
        // A list that cannot be fetched is a failure, also where an older one is there.
        let said = call.get(["-q", "-o", "APT::Update::Error-Mode=any", "update"].map(str::to_owned).to_vec())?;
        if said.ok() && !said.err.contains("Failed to fetch") {
            return Ok(());
        }
        why = said.why().to_owned();
        if attempt + 1 < tries {
            call.cx.sleep(Duration::from_secs(1 << attempt.min(16)).min(longest))?;
        }
    }
    Err(Error::Failed(format!("Failed to update apt cache after {tries} retries: {why}")))
}

fn stamp() -> SystemTime {
    let mut times = STAMPS.iter().filter_map(|file| fs::metadata(file).and_then(|meta| meta.modified()).ok());
    times.next().unwrap_or(UNIX_EPOCH)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
