//! `repeat` of a stage: its tasks are done again, round after round, until something holds.

use windlass_model::Code;
use windlass_yaml::{Map, Reader};

use super::{Rounds, condition};

/// More rounds than this are a mistake: each keeps what its tasks gave.
const MOST: i64 = 1000;

/// Takes `repeat`.
pub(super) fn read(reader: &Reader, map: &mut Map<'_, '_>) -> Option<Rounds> {
    let transaction = map.key_span("transaction");
    let place = map.key_span("repeat");
    let mut map = map.map("repeat")?;
    for key in ["until", "max_rounds"] {
        map.required(key);
    }
    let until = condition::read(reader, &mut map, "until").unwrap_or_default();
    let max_rounds = map.int_in("max_rounds", 1..=MOST).map_or(1, |most| most.value as u32);
    map.finish();
    if let (Some(first), Some(second)) = (place, transaction) {
        let message = "a stage that is repeated cannot be a transaction";
        let problem = reader.problem(Code::ExclusiveKeys, first, message);
        let problem = problem.related(reader.location(second), "`transaction` stands here");
        reader.note(problem.hint("leave one of them out"));
    }
    Some(Rounds { until, max_rounds })
}
