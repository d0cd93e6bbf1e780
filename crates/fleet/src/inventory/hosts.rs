//! Hosts as sources write them: names with ranges and ports, and variables that are set at once.

use serde_json::Value;
use windlass_model::{Code, Diagnostic, Location};

use super::draft::{Draft, shown};
use super::{address, range};

/// The names that a written name stands for, and its port; `None` where it is refused.
pub(super) fn expand(
    draft: &mut Draft,
    written: &str,
    place: &Location,
) -> Option<(Vec<String>, Option<u64>)> {
    let (pattern, port) = address::parse(written).unwrap_or((written, None));
    let problem = match range::expand(pattern) {
        Ok(names) => {
            if names.is_empty() {
                draft.warn(Some(place), format!("the range in `{}` holds no host", shown(written)));
            }
            return Some((names, port));
        }
        Err(range::Problem::Form(why)) => {
            Diagnostic::new(Code::BadInventory, format!("in the host `{}`, {why}", shown(written)))
        }
        Err(range::Problem::TooMany) => {
            let message = format!("`{}` stands for more than {} hosts", shown(written), range::MOST);
            Diagnostic::new(Code::RangeTooBig, message).hint("look for a digit too many in the range")
        }
    };
    draft.problem(problem.at(place.clone()));
    None
}

/// The most bytes of variables that ranges may set for several hosts each.
const MOST_COPIED: usize = 256 << 20;

/// Adds hosts to a group and sets the same variables for each.
pub(super) fn add(
    draft: &mut Draft,
    names: &[String],
    port: Option<u64>,
    group: usize,
    vars: &[(String, Value)],
    place: &Location,
) {
    if names.len() > 1 {
        let bytes: usize = vars.iter().map(|(key, value)| key.len() + weight(value)).sum();
        draft.copied = draft.copied.saturating_add(names.len().saturating_mul(bytes));
        if draft.copied > MOST_COPIED {
            let message = "the variables of the hosts in ranges take too much memory";
            let hint = "set them for a group, whose hosts share them";
            return draft.problem(Diagnostic::new(Code::RangeTooBig, message).at(place.clone()).hint(hint));
        }
    }
    for name in names {
        if draft.add_host(name, Some(group), port, place).is_none() {
            continue;
        }
        for (key, value) in vars {
            draft.set(name, key, value.clone(), place);
        }
    }
}

/// How much memory a value takes, roughly. Values are as deep as readers let them be, which bounds this.
fn weight(value: &Value) -> usize {
    const EACH: usize = 32;
    EACH + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(map) => map.iter().map(|(key, value)| key.len() + EACH + weight(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
