//! Which known name a mistyped one was probably meant to be.

/// Longer names are not compared: the cost is quadratic, and nobody mistypes them so.
const LONGEST: usize = 64;

/// The candidate that is closest to `name`, if any is close: letter case and `-` for `_` count nothing,
/// otherwise one edit in three characters is allowed. The first of equals wins.
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let wanted = folded(name);
    if wanted.is_empty() || wanted.len() > LONGEST {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other = folded(candidate);
        let longest = wanted.len().max(other.len());
        let allowed = (longest / 3).max(1);
        if other.len() > LONGEST || wanted.len().abs_diff(other.len()) > allowed || candidate == name {
            continue;
        }
        let edits = distance(&wanted, &other);
        if edits <= allowed && edits < longest && best.is_none_or(|(least, _)| edits < least) {
            best = Some((edits, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn folded(name: &str) -> Vec<char> {
    name.chars().flat_map(char::to_lowercase).map(|c| if c == '-' { '_' } else { c }).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from one to the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_another_word_is_not() {
        let known = ["tasks", "stages", "timeout", "max_parallelism", "id", "when", "vars"];
        for (name, want) in [
            ("task", Some("tasks")),
            ("taks", Some("tasks")),
            ("tsaks", Some("tasks")),
            ("Timeout", Some("timeout")),
            ("time_out", Some("timeout")),
            ("max-parallelism", Some("max_parallelism")),
            ("maxparalelism", Some("max_parallelism")),
            ("var", Some("vars")),
            ("i", Some("id")),
            ("x", None),
            ("handlers", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), want, "{name:?}");
        }
        assert_eq!(nearest(&"a".repeat(100_000), known), None);
    }
}
