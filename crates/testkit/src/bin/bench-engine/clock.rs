//! How long something takes: by the clock, and by the processor, which a busy machine disturbs less.

use std::time::Instant;

/// What something took, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) wall: f64,
    /// Of all threads of this process together; 0 where the system does not say.
    pub(crate) cpu: f64,
}

/// A beginning.
pub(crate) struct Clock {
    begun: Instant,
    cpu: f64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let cpu = cpu_seconds();
        Self { begun: Instant::now(), cpu }
    }

    pub(crate) fn took(&self) -> Took {
        Took { wall: self.begun.elapsed().as_secs_f64(), cpu: cpu_seconds() - self.cpu }
    }
}

/// The processor's time of all threads that live: exact to the nanosecond, which the process's own count is not.
fn cpu_seconds() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}

/// How many processes wanted a processor in the last minute.
pub(crate) fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default()
}

/// The middle of some numbers; 0 of none.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}
