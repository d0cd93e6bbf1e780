//! `pause`: time passes, but nobody is asked anything.

use serde_json::{Map, Value};
use windlass_engine::{CompileContext, StepCall};
use windlass_model::Code;

/// Refuses a pause that would wait for a person at a terminal, which a run may not have.
pub(super) fn check(map: &Map<String, Value>, call: &StepCall<'_>, cx: &CompileContext) -> bool {
    if map.contains_key("minutes") || map.contains_key("seconds") {
        return true;
    }
    let problem = cx.problem(
        Code::BadParams,
        call.word_span,
        "pause needs `minutes` or `seconds`: it waits for nobody",
    );
    cx.note(problem.hint("a step with `approve` waits for a person's yes or no"));
    false
}
