//! Journal records: any bytes of a journal's row are refused, or are records that the fold applies or refuses
//! whole. The first line says which plan they belong to, and what the row says of itself.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use serde_json::Value;
use windlass_fuzz::{json, plans};
use windlass_model::projection::{self, RunMeta};
use windlass_model::{Plan, Record, RunId, RunState};
use windlass_store::codec;

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|&b| b == b'\n').unwrap_or(data.len());
    let (head, rows) = data.split_at(end);
    let head: Value = serde_json::from_slice(head).unwrap_or_default();
    let number = |key: &str| head.get(key).and_then(Value::as_u64);
    let count = rows.split(|&b| b == b'\n').filter(|line| !line.is_empty()).count() as u64;
    let (first, time) = (number("first").unwrap_or(1), number("time").unwrap_or(0));
    let Ok(records) = codec::unpack(first, number("count").unwrap_or(count), time, rows) else { return };

    packed_again(&records);
    let plans = plans::plans();
    fold(&plans[number("plan").unwrap_or(0) as usize % plans.len()], records);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    json::mutate(data, size, max_size, seed)
});

/// What was read is written and read as the same.
fn packed_again(records: &[Record]) {
    let batches = codec::pack(records).expect("records that were read can be written");
    let mut again = Vec::new();
    for batch in &batches {
        let read = codec::unpack(batch.first, batch.count, batch.time, &batch.data);
        again.extend(read.expect("what was written can be read"));
    }
    assert_eq!(again, records);
}

/// Applies the records with the numbers that are due, which is how they pass the first of all checks.
fn fold(plan: &Arc<Plan>, records: Vec<Record>) {
    let mut state = RunState::new(plan.clone());
    let mut applied = Vec::new();
    for record in records {
        let record = Record { seq: state.seq + 1, ..record };
        let before = state.clone();
        match state.apply(&record) {
            Ok(()) => applied.push(record),
            Err(_) => assert_eq!(state, before, "a refused {:?} left a trace", record.event),
        }
    }
    let replayed = RunState::replay(plan.clone(), &applied).expect("what applied once applies again");
    assert_eq!(replayed, state);
    show(plan, &state, &applied);
}

/// Looks at the state as views and artifacts do.
fn show(plan: &Plan, state: &RunState, records: &[Record]) {
    let id = RunId::new("fuzz").expect("it is an id");
    let meta = RunMeta::new(id.clone(), "local", plan.digest());
    let _ = projection::run_state(&meta, state).to_string();
    let _ = projection::error_report(&meta, state).to_string();
    let mut attempts = projection::Attempts::default();
    for record in records {
        let told = attempts.note(plan, record);
        let line = projection::event_line(plan, &id, record).told(told);
        let _ = serde_json::to_string(&line).expect("a line of events is JSON");
    }
    for task in 0..plan.tasks.len() as u32 {
        let _ = (projection::task_output(state, task), projection::attempts(state, task));
        let _ = (projection::usage(state, task), projection::changed(state, task));
    }
}
