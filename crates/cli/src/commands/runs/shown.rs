//! Which lines of a step were shown while it ran, so that its whole output repeats none of them.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

use windlass_model::At;

/// A step's stream: which step, and whether it is standard error.
type Of = (At, bool);

/// What was shown of steps that run.
#[derive(Default)]
pub(super) struct Shown {
    hasher: RandomState,
    /// A hash for each line, in order: outputs may be long.
    lines: HashMap<Of, Vec<u64>>,
    ended: BTreeSet<At>,
}

impl Shown {
    /// Notes a line; false where its step has ended, and was shown whole.
    pub(super) fn live(&mut self, of: Of, line: &str) -> bool {
        let fresh = !self.ended.contains(&of.0);
        if fresh {
            let hash = self.hasher.hash_one(line);
            self.lines.entry(of).or_default().push(hash);
        }
        fresh
    }

    /// A step begins, perhaps once more.
    pub(super) fn began(&mut self, at: At) {
        self.ended.remove(&at);
    }

    /// Whether lines of this stream were shown while the step ran.
    pub(super) fn was_live(&self, of: Of) -> bool {
        self.lines.contains_key(&of)
    }

    /// The lines of a step's whole output that were not shown while it ran: those before anybody looked, and those that
    /// went by too fast.
    pub(super) fn rest<'t>(&mut self, of: Of, whole: &'t str) -> Vec<&'t str> {
        self.ended.insert(of.0);
        let shown = self.lines.remove(&of).unwrap_or_default();
        let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
        for (place, hash) in shown.iter().enumerate() {
            places.entry(*hash).or_default().push(place);
        }
        // Both are in one order. From the end: what was shown first may be of an earlier attempt.
        let (mut before, mut rest) = (shown.len(), Vec::new());
        for line in whole.lines().rev() {
            let known = places.get(&self.hasher.hash_one(line)).map(Vec::as_slice).unwrap_or_default();
            match known.partition_point(|place| *place < before).checked_sub(1) {
                Some(last) => before = known[last],
                None => rest.push(line),
            }
        }
        rest.reverse();
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_shown_once() {
        let at = At { task: 0, step: 0, host: 0, item: None };
        for (live, whole, rest) in [
            (&[][..], "a\nb\n", &["a", "b"][..]),
            (&["a", "b"], "a\nb\n", &[]),
            (&["b"], "a\nb\n", &["a"]),
            (&["a", "c"], "a\nb\nc\n", &["b"]),
            (&["x", "x"], "x\nx\nx\n", &["x"]),
            // What an earlier attempt said is not in the result.
            (&["a", "x", "a", "b"], "a\nb\n", &[]),
            (&["b", "a"], "a\nb\n", &["a"]),
        ] {
            let mut shown = Shown::default();
            assert!(!shown.was_live((at, false)));
            assert!(live.iter().all(|line| shown.live((at, false), line)));
            assert_eq!(shown.was_live((at, false)), !live.is_empty());
            assert_eq!(shown.rest((at, false), whole), rest, "{live:?} {whole:?}");
            assert!(!shown.live((at, false), "late"), "it is over");
            shown.began(at);
            assert!(shown.live((at, false), "again"));
        }
    }
}
