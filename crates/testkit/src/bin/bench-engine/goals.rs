//! What is wanted, beside what was measured.

use serde_json::{Value, json};

/// Which side of a goal is good.
#[derive(Clone, Copy)]
enum Side {
    AtLeast,
    AtMost,
}
use Side::{AtLeast, AtMost};

/// One goal: what it is called, the number of which case it is about, which side is good, and of how much.
struct Goal {
    name: &'static str,
    case: &'static str,
    field: &'static str,
    side: Side,
    wanted: f64,
    /// How many of the measured are one of the goal's unit.
    unit: f64,
}

const fn goal(
    name: &'static str,
    case: &'static str,
    field: &'static str,
    side: Side,
    wanted: f64,
    unit: f64,
) -> Goal {
    Goal { name, case, field, side, wanted, unit }
}

/// The field of throughputs.
const RATE: &str = "steps_per_second";
const MB: f64 = 1e6;
/// Seconds in a millisecond.
const MS: f64 = 1e-3;

const GOALS: &[Goal] = &[
    goal("fan in memory, steps/s", "memory fan", RATE, AtLeast, 1e6, 1.0),
    goal("layered in memory, steps/s", "memory layered", RATE, AtLeast, 1e6, 1.0),
    goal("chain in memory, steps/s", "memory chain", RATE, AtLeast, 5e5, 1.0),
    goal("chain, ten times as long, CPU a step ×", "memory chain", "cpu_growth", AtMost, 1.2, 1.0),
    goal("durable fan, steps/s", "durable fan", RATE, AtLeast, 1e5, 1.0),
    goal("durable layered, steps/s", "durable layered", RATE, AtLeast, 1e5, 1.0),
    goal("durable pure chain, steps/s", "durable chain", RATE, AtLeast, 5e4, 1.0),
    goal(
        "effectful chain / bare SQLite commits",
        "durable effect chain",
        "of_bare_commits",
        AtLeast,
        0.9,
        1.0,
    ),
    goal(
        "memory beyond payload, fan, B/step",
        "memory of fan",
        "beyond_payload_per_step",
        AtMost,
        200.0,
        1.0,
    ),
    goal(
        "memory beyond payload, layered, B/step",
        "memory of layered",
        "beyond_payload_per_step",
        AtMost,
        200.0,
        1.0,
    ),
    goal("journal, durable fan, B/step", "durable fan", "journal_bytes_per_step", AtMost, 300.0, 1.0),
    goal("plan of 1,000 hosts × 120 steps, ms", "program plan 1000x120", "seconds", AtMost, 150.0, MS),
    goal("the same, MB", "program plan 1000x120", "memory_bytes", AtMost, 120.0, MB),
    goal("resume of 120,000 steps, s", "resume 120000", "seconds", AtMost, 1.0, 1.0),
    goal("live view on, slower by", "program live view", "slower", AtMost, 0.05, 1.0),
    goal("windlass --version, ms", "program version", "seconds", AtMost, 5.0, MS),
    goal("10 steps beside their commands, ms", "program ten steps", "beside_seconds", AtMost, 30.0, MS),
    goal("idle memory, MB", "program idle", "memory_bytes", AtMost, 15.0, MB),
];

/// Prints the table of goals and gives it as JSON. `ratio` is over one where a goal is met.
pub(crate) fn table(cases: &[Value]) -> Vec<Value> {
    println!("\n{:<42} {:>11} {:>11} {:>11} {:>7}", "goal", "wanted", "measured", "per CPU s", "ratio");
    let rows = GOALS.iter().filter_map(|goal| {
        let case = cases.iter().find(|case| case["case"] == goal.case)?;
        let measured = case[goal.field].as_f64()? / goal.unit;
        let (sign, ratio) = match goal.side {
            AtLeast => ("≥", measured / goal.wanted),
            AtMost => ("≤", goal.wanted / measured.max(f64::MIN_POSITIVE)),
        };
        let met = if ratio >= 1.0 || measured <= 0.0 { "met" } else { "missed" };
        let cpu = case["steps_per_cpu_second"].as_f64().filter(|_| goal.field == RATE);
        println!(
            "{:<42} {:>11} {:>11} {:>11} {:>7.2} {met}",
            goal.name,
            format!("{sign} {}", round(goal.wanted)),
            round(measured),
            cpu.map(round).unwrap_or_default(),
            ratio.min(99.0),
        );
        Some(json!({
            "goal": goal.name,
            "wanted": goal.wanted,
            "side": sign,
            "measured": measured,
            "per_cpu_second": cpu,
            "ratio": ratio,
            "met": met == "met",
        }))
    });
    rows.collect()
}

/// A number as people read it: whole from a hundred on, with as many places as matter below.
fn round(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 1.0 => format!("{number:.1}"),
        _ => format!("{number:.3}"),
    }
}
