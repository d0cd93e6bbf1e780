//! What a bench wants, beside what it measured: a table for people, and the same for programs.

use serde_json::{Value, json};

/// Which side of a goal is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// So much, or more.
    AtLeast,
    /// So much, or less.
    AtMost,
}

/// One goal of a bench.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// What it is called.
    pub name: &'static str,
    /// The measured case that it is about, by the case's field `case`.
    pub case: &'static str,
    /// The number of that case.
    pub field: &'static str,
    /// Which side is good.
    pub side: Side,
    /// Of how much.
    pub wanted: f64,
}

/// The lines of a table: each goal whose case was measured, with what was measured. The same as JSON, in which `ratio`
/// is over one where a goal is met.
pub fn table(goals: &[Goal], cases: &[Value]) -> (Vec<String>, Vec<Value>) {
    let head = format!("{:<58} {:>9} {:>9} {:>6}", "goal", "wanted", "measured", "ratio");
    let mut lines = vec![head];
    let rows = goals.iter().filter_map(|goal| {
        let case = cases.iter().find(|case| case["case"] == goal.case)?;
        let measured = case[goal.field].as_f64()?;
        let (sign, ratio) = match goal.side {
            Side::AtLeast => ("≥", measured / goal.wanted),
            Side::AtMost => ("≤", goal.wanted / measured.max(f64::MIN_POSITIVE)),
        };
        let met = ratio >= 1.0 || (goal.side == Side::AtMost && measured <= 0.0);
        let (wanted, word) = (format!("{sign} {}", round(goal.wanted)), if met { "met" } else { "missed" });
        lines.push(format!("{:<58} {wanted:>9} {:>9} {:>6.2} {word}", goal.name, round(measured), ratio.min(99.0)));
        Some(json!({
            "goal": goal.name, "wanted": goal.wanted, "side": sign, "measured": measured, "ratio": ratio, "met": met,
        }))
    });
    let rows = rows.collect();
    (lines, rows)
}

/// A number as people read it: whole from a hundred on, with as many places as matter below.
fn round(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 1.0 => format!("{number:.1}"),
        _ => format!("{number:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_on_its_good_side_and_left_out_where_nothing_was_measured() {
        let goal = |name, field, side, wanted| Goal { name, case: "a", field, side, wanted };
        let goals = [
            goal("much", "rate", Side::AtLeast, 100.0),
            goal("little", "rate", Side::AtMost, 100.0),
            goal("below nothing", "less", Side::AtMost, 1.0),
            goal("unknown", "none", Side::AtMost, 1.0),
        ];
        let (lines, rows) = table(&goals, &[json!({ "case": "a", "rate": 150.0, "less": -0.5 })]);
        let met: Vec<_> = rows.iter().map(|row| (row["goal"].as_str(), row["met"].as_bool())).collect();
        let due = [("much", true), ("little", false), ("below nothing", true)];
        assert_eq!(met, due.map(|(name, met)| (Some(name), Some(met))));
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert!(lines[2].ends_with("0.67 missed"), "{}", lines[2]);
    }
}
