//! How the records of a batch are packed: one JSON line for each, with what follows from its neighbours left
//! out. Self-describing, so that later versions read it: unknown fields are ignored, missing ones have defaults.

use serde::{Deserialize, Serialize};
use windlass_model::{Event, Record};

/// The packing that [`Batch`] writes; rows of the journal name theirs.
pub const FORMAT: u32 = 1;

/// The largest batch, in packed bytes: what a reader of the journal holds in memory at a time.
const BATCH_BYTES: usize = 1 << 20;

#[derive(Serialize)]
struct LineOut<'a> {
    #[serde(rename = "d", skip_serializing_if = "is_zero")]
    delta: i64,
    #[serde(rename = "e")]
    event: &'a Event,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "d", default)]
    delta: i64,
    #[serde(rename = "e")]
    event: Event,
}

fn is_zero(n: &i64) -> bool {
    *n == 0
}

/// Records of one run that follow each other, packed.
#[derive(Debug, PartialEq)]
pub struct Batch {
    /// The number of the first one.
    pub first: u64,
    /// How many there are.
    pub count: u64,
    /// The time of the first one.
    pub time: u64,
    /// One line for each: the milliseconds since the line before, and the event.
    pub data: Vec<u8>,
}

/// Packs records that follow each other into as few batches as their size allows.
pub fn pack<'a>(records: impl IntoIterator<Item = &'a Record>) -> serde_json::Result<Vec<Batch>> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut last_time = 0;
    for record in records {
        if batches.last().is_none_or(|batch| batch.data.len() >= BATCH_BYTES) {
            last_time = record.time;
            batches.push(Batch { first: record.seq, count: 0, time: record.time, data: Vec::new() });
        }
        let batch = batches.last_mut().expect("one was pushed if there was none");
        // Clocks go backward at times; the difference wraps and so does the sum when it is read.
        let delta = record.time.wrapping_sub(last_time) as i64;
        serde_json::to_writer(&mut batch.data, &LineOut { delta, event: &record.event })?;
        batch.data.push(b'\n');
        batch.count += 1;
        last_time = record.time;
    }
    Ok(batches)
}

/// Reads a batch back; the error says which record cannot be read.
pub fn unpack(first: u64, count: u64, time: u64, data: &[u8]) -> Result<Vec<Record>, String> {
    let mut records = Vec::with_capacity(usize::try_from(count).unwrap_or(0).min(data.len()));
    let mut time = time;
    for (nth, line) in (0..).zip(data.split(|&b| b == b'\n').filter(|line| !line.is_empty())) {
        let seq = first.checked_add(nth).ok_or_else(|| format!("no record can come after {}", u64::MAX))?;
        let line: Line = serde_json::from_slice(line).map_err(|e| format!("record {seq}: {e}"))?;
        time = time.wrapping_add(line.delta as u64);
        records.push(Record { seq, time, event: line.event });
    }
    if records.len() as u64 != count {
        return Err(format!("{count} records were due from {first} on, {} are there", records.len()));
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_lies_about_itself_is_refused() {
        let line = br#"{"d":-5,"e":{"run_started":{"pid":1}}}"#;
        let two = [line.as_slice(), line].join(&b'\n');
        for (first, count, data, why) in [
            (1, 1, two.as_slice(), "1 records were due from 1 on, 2 are there"),
            (1, u64::MAX, &two, "18446744073709551615 records were due from 1 on, 2 are there"),
            (u64::MAX, 2, &two, "no record can come after 18446744073709551615"),
            (7, 1, b"{}", "record 7: missing field `e`"),
        ] {
            let error = unpack(first, count, 0, data).expect_err(why);
            assert!(error.starts_with(why), "{error}");
        }
        assert_eq!(
            unpack(u64::MAX, 1, 3, line).expect("one fits").first().map(|r| r.time),
            Some(u64::MAX - 1)
        );
    }
}
