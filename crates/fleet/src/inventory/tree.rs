//! How deep groups lie below `all`, and the circles that they must not have.

use windlass_model::{Code, Diagnostic, Diagnostics};

use super::draft::{Draft, Group, placed, shown};

/// Groups below each other; everything that walks up or down is bounded by it.
const DEEPEST: usize = 128;

/// The depth of each group: the longest way to it from the top.
pub(super) fn depths(draft: &Draft) -> Result<Vec<usize>, Diagnostics> {
    let groups = &draft.groups;
    let mut missing: Vec<usize> = groups.iter().map(|group| group.parents.len()).collect();
    let mut depths = vec![0; groups.len()];
    let mut ready: Vec<usize> = (0..groups.len()).filter(|id| missing[*id] == 0).collect();
    let mut done = 0;
    while let Some(id) = ready.pop() {
        done += 1;
        for &child in &groups[id].children {
            depths[child] = depths[child].max(depths[id] + 1);
            missing[child] -= 1;
            if missing[child] == 0 {
                ready.push(child);
            }
        }
    }
    if done < groups.len() {
        return Err(circle(groups, &missing).into());
    }
    match depths.iter().position(|depth| *depth > DEEPEST) {
        Some(id) => {
            let name = shown(&groups[id].name);
            let message = format!("the group `{name}` lies more than {DEEPEST} groups below `all`");
            Err(Diagnostic::new(Code::BadInventory, message).into())
        }
        None => Ok(depths),
    }
}

/// Names one circle. Every group that was never ready has a parent of the same kind, so going up from any
/// of them comes round.
fn circle(groups: &[Group], missing: &[usize]) -> Diagnostic {
    let is_left = |id: &usize| missing[*id] > 0;
    let mut at = (0..groups.len()).find(is_left).unwrap_or_default();
    let mut seen = vec![false; groups.len()];
    let mut way = Vec::new();
    while !seen[at] {
        seen[at] = true;
        way.push(at);
        match groups[at].parents.iter().copied().find(is_left) {
            Some(parent) => at = parent,
            None => break,
        }
    }
    let start = way.iter().position(|id| *id == at).unwrap_or_default();
    let mut round: Vec<usize> = way.split_off(start);
    // From parent to child, beginning with the group that was named first.
    round.reverse();
    let first = round.iter().enumerate().min_by_key(|(_, id)| **id).map_or(0, |(place, _)| place);
    round.rotate_left(first);
    let names: Vec<String> =
        round.iter().chain(round.first()).map(|id| format!("`{}`", shown(&groups[*id].name))).collect();
    // The edge that closes the circle is the one from the last to the first.
    let last = &groups[round.last().copied().unwrap_or_default()];
    let closing = last.children.iter().position(|child| Some(child) == round.first());
    let place = closing.and_then(|at| last.named[at].as_ref());
    let message = format!("groups hold each other in a circle: {}", names.join(" > "));
    placed(Diagnostic::new(Code::InventoryLoop, message), place).hint("remove one of these `children`")
}
