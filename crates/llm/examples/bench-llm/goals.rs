//! What is wanted of prompts.

use windlass_testkit::goals::Side::{AtLeast, AtMost};
use windlass_testkit::goals::{Goal, Side};

const fn goal(name: &'static str, case: &'static str, field: &'static str, side: Side, wanted: f64) -> Goal {
    Goal { name, case, field, side, wanted }
}

pub(crate) const GOALS: &[Goal] = &[
    goal(
        "a prompt's step over the bare call, commits and all, CPU ms",
        "prompt step",
        "over_bare_ms",
        AtMost,
        1.0,
    ),
    goal("1,000 prompts as a run, 64 at once, × the bound", "run many", "times_bound", AtMost, 1.2),
    goal("the same requests without a run, × the bound", "client many", "times_bound", AtMost, 1.2),
    goal(
        "a context of 10,000 outputs, the slowest strategy, ms",
        "context of 10,000 outputs",
        "slowest_ms",
        AtMost,
        50.0,
    ),
    goal("tokens, exactly, MB/s a core", "tokens exactly", "mb_per_second", AtLeast, 3.0),
    goal(
        "tokens, by an estimate with its bound, MB/s a core",
        "tokens by an estimate",
        "mb_per_second",
        AtLeast,
        3.0,
    ),
];
