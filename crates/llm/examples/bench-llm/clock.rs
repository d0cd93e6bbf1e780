//! How long something takes: by the clock, and by the processor, which a busy machine disturbs less.

use std::fs::read_to_string;
use std::time::Instant;

use crate::Result;

/// What something took, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
}

/// What a child process takes that is started and waited for in `call`.
pub(crate) fn of_child<T>(call: impl FnOnce() -> Result<T>) -> Result<(T, Took)> {
    let (begun, before) = (Instant::now(), children()?);
    let done = call()?;
    Ok((done, Took { wall: begun.elapsed().as_secs_f64(), cpu: children()? - before }))
}

/// Nanoseconds that this thread has run.
pub(crate) fn of_thread() -> Result<u64> {
    let text = read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

/// Seconds of the processor that children took who were waited for. The system counts in hundredths.
fn children() -> Result<f64> {
    let text = read_to_string("/proc/self/stat")?;
    // After the program's name in brackets the state is the third field, and the children's times are 16 and 17.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: Vec<u64> = fields.skip(13).take(2).map(str::parse).collect::<std::result::Result<_, _>>()?;
    Ok(ticks.iter().sum::<u64>() as f64 / 100.0)
}

/// How many processes wanted a processor in the last minute.
pub(crate) fn load() -> f64 {
    let text = read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default()
}

/// The middle of some numbers; 0 of none.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}
