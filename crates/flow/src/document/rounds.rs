//! `repeat` of a stage: its tasks are done again, round after round, until something holds.
//!
//! Such a stage is no transaction, and none of its tasks is. Each round builds on what those before it made and handed
//! on. To take back the round that failed, it would have to be known how everything was before that round, and what is
//! kept is how it was before the first; to take back all rounds would undo work that had ended well, and leave behind
//! what it handed on, which is state of the stage and decides about the next round. Neither is all or nothing, so that a
//! document has to say what it means: a `rescue` within the round, or a transaction in a stage that needs this one.

use windlass_model::Code;
use windlass_yaml::{Map, Reader};

use super::{Rounds, condition};

/// Why nothing of a repeated stage is a transaction.
pub(crate) const WHY: &str =
    "it is kept how things were before the first round, not before the one that fails";

/// What to write instead.
pub(crate) const INSTEAD: &str =
    "take back what a round does by a `rescue` in it, or make a transaction of a stage that needs this one";

/// More rounds than this are a mistake: each keeps what its tasks gave.
const MOST: i64 = 1000;

/// Takes `repeat` of a stage that is to be a transaction, or not.
pub(super) fn read(reader: &Reader, map: &mut Map<'_, '_>, transaction: bool) -> Option<Rounds> {
    let transaction = map.key_span("transaction").filter(|_| transaction);
    let place = map.key_span("repeat");
    let mut map = map.map("repeat")?;
    for key in ["until", "max_rounds"] {
        map.required(key);
    }
    let until = condition::read(reader, &mut map, "until").unwrap_or_default();
    let max_rounds = map.int_in("max_rounds", 1..=MOST).map_or(1, |most| most.value as u32);
    map.finish();
    if let (Some(first), Some(second)) = (place, transaction) {
        let message = format!("a stage that is repeated cannot be a transaction: {WHY}");
        let problem = reader.problem(Code::ExclusiveKeys, first, message);
        let problem = problem.related(reader.location(second), "`transaction` stands here");
        reader.note(problem.hint(INSTEAD));
    }
    Some(Rounds { until, max_rounds })
}
