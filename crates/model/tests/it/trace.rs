//! A trace of any run is well-formed: slices that end, in the order of time, each within the one around it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use windlass_model::projection::{RunMeta, Trace};
use windlass_model::{
    At, Event, Fragment, Outcome, Plan, Record, RunId, RunState, RunStatus, Status, TaskEnd,
};

use crate::fold::{event, plan};

fn trace(plan: &Plan, records: &[Record]) -> Vec<Value> {
    let meta = RunMeta::new(RunId::new("r1").expect("a good id"), "local", plan.digest());
    let mut trace = Trace::new(&meta, plan);
    let mut events = trace.take();
    for record in records {
        trace.record(record);
        events.extend(trace.take());
    }
    trace.end();
    events.extend(trace.take());
    events
}

/// Checks the form of each event and the nesting of all, and returns how many slices there are by category.
fn check(events: &[Value]) -> BTreeMap<String, usize> {
    let mut open: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    let mut times: BTreeMap<u64, u64> = BTreeMap::new();
    let mut named = BTreeMap::new();
    let mut slices: BTreeMap<String, usize> = BTreeMap::new();
    let mut running = 0;
    for event in events {
        assert_eq!(event["pid"], 1, "{event}");
        let track = event["tid"].as_u64().expect("a track");
        let phase = event["ph"].as_str().expect("a phase");
        if phase == "M" {
            named.insert((track, event["name"].to_string()), event["args"].clone());
            continue;
        }
        let time = event["ts"].as_u64().expect("a time");
        let before = times.insert(track, time).unwrap_or(0);
        assert!(time >= before, "time goes back on track {track}: {event}");
        assert!(named.contains_key(&(track, "\"thread_name\"".into())), "track {track} has no name");
        match phase {
            "B" => {
                assert!(event["name"].as_str().is_some_and(|name| !name.is_empty()), "{event}");
                let category = event["cat"].as_str().expect("a category").to_owned();
                *slices.entry(category.clone()).or_default() += 1;
                open.entry(track).or_default().push(category);
            }
            "E" => drop(open.entry(track).or_default().pop().expect("it ends what began")),
            "C" => running = event["args"]["steps"].as_u64().expect("a number"),
            "i" => assert_eq!(event["s"], "t"),
            other => panic!("{other} is no phase"),
        }
        let stack = open.get(&track).map_or(&[][..], |stack| stack);
        let order = ["run", "task", "loop", "step", "person"];
        let place = |category: &String| order.iter().position(|name| name == category).expect("a category");
        // A run's slice lies alone; attempts that overlap on a track would lie in each other.
        assert!(stack.iter().filter(|category| *category == "run").count() <= 1, "{stack:?}");
        assert!(stack.first().is_none_or(|first| place(first) <= 1), "{stack:?}");
    }
    assert!(open.values().all(Vec::is_empty), "{open:?}");
    assert_eq!(running, 0, "nothing is under way at the end");
    slices
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn slices_end_and_lie_in_each_other(
        events in proptest::collection::vec((event(), 0..1000u64), 1..120)
    ) {
        let plan = plan();
        let mut state = RunState::new(plan.clone());
        let mut records = Vec::new();
        let first = (Event::RunStarted { pid: 1, resumed: false }, 500);
        for (event, time) in std::iter::once(first).chain(events) {
            let record = Record { seq: state.seq + 1, time, event };
            if state.apply(&record).is_ok() {
                records.push(record);
            }
        }
        let events = trace(&plan, &records);
        let slices = check(&events);
        let count = |wanted: fn(&Event) -> bool| records.iter().filter(|r| wanted(&r.event)).count();
        let of = |category: &str| slices.get(category).copied().unwrap_or(0);
        prop_assert_eq!(of("run"), count(|event| matches!(event, Event::RunStarted { .. })));
        prop_assert_eq!(of("step"), count(|event| matches!(event, Event::StepStarted { .. })));
        prop_assert_eq!(of("loop"), count(|event| matches!(event, Event::PlanExtended { .. })));
    }
}

#[test]
fn a_trace_tells_attempts_items_waits_and_what_was_cut_off() {
    let plan = plan();
    let at = |task, step| At { task, step, host: 0, item: None };
    let begin = |at, attempt| Event::StepStarted { at, attempt, reserved: None };
    let done = |at, status| Event::StepFinished { at, outcome: Outcome::bare(status) };
    let failure = windlass_model::Failure::new(windlass_model::Code::StepFailed, "not yet");
    let items = Fragment::Items(std::sync::Arc::new(vec![json!("x"), json!("y")]));
    let story = [
        (100, Event::RunStarted { pid: 7, resumed: false }),
        (110, begin(at(0, 0), 1)),
        (
            120,
            Event::StepRetried {
                at: at(0, 0),
                attempt: 1,
                error: Box::new(failure),
                delay_ms: 30,
                used: None,
            },
        ),
        (150, begin(at(0, 0), 2)),
        (160, Event::ApprovalAsked { at: at(0, 0), prompt: "Really?".into() }),
        (170, Event::ApprovalGiven { at: at(0, 0), approved: true, by: "Ada".into(), note: "".into() }),
        (180, done(at(0, 0), Status::Changed)),
        (180, Event::PlanExtended { at: at(0, 1), fragment: items, digest: "d".into() }),
        (190, begin(At { item: Some(0), ..at(0, 1) }, 1)),
        (200, done(At { item: Some(0), ..at(0, 1) }, Status::Ok)),
        (200, begin(At { item: Some(1), ..at(0, 1) }, 1)),
        // Killed here; taken up again a day later, by a clock that lags.
        (150, Event::RunStarted { pid: 8, resumed: true }),
        (
            5000,
            Event::DoubtResolved {
                at: At { item: Some(1), ..at(0, 1) },
                verdict: windlass_model::Verdict::Rerun,
            },
        ),
        (5010, begin(At { item: Some(1), ..at(0, 1) }, 2)),
        (5020, done(At { item: Some(1), ..at(0, 1) }, Status::Ok)),
        (5030, done(at(0, 1), Status::Ok)),
        (5040, done(at(0, 2), Status::Skipped)),
        (
            5050,
            Event::TaskFinished {
                task: 0,
                end: TaskEnd::Completed,
                reason: None,
                outputs: None,
                error: None,
            },
        ),
        (5060, Event::RunInterrupted { reason: "SIGTERM".into() }),
    ];
    let records: Vec<Record> =
        (1..).zip(story).map(|(seq, (time, event))| Record { seq, time, event }).collect();
    let state = RunState::replay(plan.clone(), &records).expect("legal");
    assert_eq!(state.status, RunStatus::Interrupted);
    let events = trace(&plan, &records);
    let slices = check(&events);
    let counts = [("loop", 1), ("person", 1), ("run", 2), ("step", 5), ("task", 2)];
    assert_eq!(slices, counts.map(|(category, count)| (category.to_owned(), count)).into());
    let of = |phase: &str, track: u64| -> Vec<String> {
        let on = events.iter().filter(|e| e["ph"] == phase && e["tid"] == track);
        on.map(|e| format!("{} {}", e["ts"], e["name"].as_str().unwrap_or("-"))).collect()
    };
    assert_eq!(of("B", 1), ["0 run", "100000 resumed"]);
    assert_eq!(
        of("B", 2),
        [
            "10000 t0",
            "10000 s0",
            "50000 s0 (attempt 2)",
            "60000 waits for an answer",
            "80000 s1",
            "90000 s1 [0]",
            "100000 s1 [1]",
            "4910000 t0",
            "4910000 s1 [1] (attempt 2)",
        ]
    );
    assert_eq!(of("i", 2), ["4930000 s1: ok", "4940000 c: skipped"]);
    assert_eq!(of("i", 1), ["4960000 interrupted"]);
    let ends: Vec<&Value> =
        events.iter().filter(|e| e["ph"] == "E" && e["tid"] == 2).map(|e| &e["args"]).collect();
    assert_eq!(ends[0]["error"]["message"], "not yet");
    assert_eq!((&ends[1]["by"], &ends[2]["status"]), (&json!("Ada"), &json!("changed")));
    assert!(ends.iter().any(|args| args["end"] == "cut off"));
}
