//! Ranges in the names of hosts: `web[01:50:2]`, `db-[a:f]`, several in one name.

/// The most hosts that one name with ranges may stand for.
pub(super) const MOST: usize = 100_000;

/// The longest name with ranges, in bytes: each of its hosts gets a name as long.
const LONGEST: usize = 2048;

/// Why a range cannot be expanded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// It is written wrongly.
    Form(String),
    /// It stands for more than [`MOST`] hosts.
    TooMany,
}

fn form(text: &str) -> Problem {
    Problem::Form(text.to_owned())
}

/// The names that a name stands for; itself where it has no range.
pub(super) fn expand(pattern: &str) -> Result<Vec<String>, Problem> {
    if pattern.len() > LONGEST && pattern.contains('[') {
        return Err(form("a name with ranges cannot be that long"));
    }
    let mut names = vec![pattern.to_owned()];
    while names.first().is_some_and(|name| name.contains('[')) {
        // All names have the same ranges left, so the first range of each has the same members.
        let parts = split(&names[0])?;
        let members = members(&parts.1)?;
        if names.len().saturating_mul(members.len()) > MOST {
            return Err(Problem::TooMany);
        }
        let mut longer = Vec::with_capacity(names.len() * members.len());
        for name in &names {
            let (head, _, tail) = split(name)?;
            longer.extend(members.iter().map(|member| format!("{head}{member}{tail}")));
        }
        names = longer;
    }
    Ok(names)
}

/// What stands before, in and after the first brackets.
fn split(name: &str) -> Result<(String, String, String), Problem> {
    let marked = name.replacen('[', "|", 1).replacen(']', "|", 1);
    let mut parts = marked.split('|').map(str::to_owned);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(head), Some(range), Some(tail), None) => Ok((head, range, tail)),
        _ => Err(form("a range needs `[` and `]` in pairs, and no `|` beside it")),
    }
}

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn members(range: &str) -> Result<Vec<String>, Problem> {
    let bounds: Vec<&str> = range.split(':').collect();
    let (begin, end, step) = match bounds[..] {
        [begin, end] => (begin, end, "1"),
        [begin, end, step] => (begin, end, step),
        _ => return Err(form("a range is `[begin:end]` or `[begin:end:step]`")),
    };
    let begin = if begin.is_empty() { "0" } else { begin };
    if end.is_empty() {
        return Err(form("a range needs its end: `[begin:end]`"));
    }
    let width = if begin.len() > 1 && begin.starts_with('0') { begin.len() } else { 0 };
    if width > 0 && width != end.len() {
        return Err(form("the begin and the end of a range with leading zeros need the same length"));
    }
    let Some(step) = number(step) else { return Err(form("the step of a range is a whole number")) };
    if step == 0 {
        return Err(form("the step of a range cannot be 0"));
    }
    if let (Some(first), Some(last)) = (LETTERS.find(begin), LETTERS.find(end)) {
        return letters(first, last, step);
    }
    match (number(begin), number(end)) {
        (Some(first), Some(last)) => numbers(first, last, step, width),
        _ => Err(form("a range goes from a number to a number, or from a letter to a letter")),
    }
}

fn letters(first: usize, last: usize, step: i64) -> Result<Vec<String>, Problem> {
    if first > last {
        return Err(form("a range of letters goes upwards, from `a` to `z` and then from `A` to `Z`"));
    }
    let span = LETTERS[first..=last].chars();
    Ok(match usize::try_from(step) {
        Ok(step) => span.step_by(step).map(String::from).collect(),
        // In Python a slice with a negative step and its ends upwards is empty.
        Err(_) => Vec::new(),
    })
}

fn numbers(first: i64, last: i64, step: i64, width: usize) -> Result<Vec<String>, Problem> {
    // As Python's range(first, last + 1, step).
    let stop = last.saturating_add(1);
    let count = match step > 0 {
        true => stop.saturating_sub(first).max(0).div_euclid(step) as usize,
        false => first.saturating_sub(stop).max(0).div_euclid(step.saturating_abs()) as usize,
    };
    if count > MOST {
        return Err(Problem::TooMany);
    }
    let mut members = Vec::new();
    let mut at = first;
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        members.push(padded(at, width));
        let Some(next) = at.checked_add(step) else { break };
        at = next;
    }
    Ok(members)
}

/// As Python's `str(n).zfill(width)`: the sign counts, and comes first.
fn padded(number: i64, width: usize) -> String {
    match number < 0 {
        true => format!("-{:0>1$}", number.unsigned_abs(), width.saturating_sub(1)),
        false => format!("{number:0>width$}"),
    }
}

/// As Python's `int(text)`.
fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let fits = digits.split('_').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    fits.then(|| text.replace('_', "").parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `ansible.plugins.inventory.expand_hostname_range` gives.
    #[test]
    fn ranges_expand_as_in_ansible() {
        for (pattern, want) in [
            ("web", vec!["web"]),
            ("web[1:3]", vec!["web1", "web2", "web3"]),
            ("web[01:05:2]", vec!["web01", "web03", "web05"]),
            ("web[:2]", vec!["web0", "web1", "web2"]),
            ("db-[a:c].x", vec!["db-a.x", "db-b.x", "db-c.x"]),
            ("[y:B]", vec!["y", "z", "A", "B"]),
            ("[a:f:2]", vec!["a", "c", "e"]),
            ("r[1:2]n[a:b]", vec!["r1na", "r1nb", "r2na", "r2nb"]),
            ("[098:101]", vec!["098", "099", "100", "101"]),
            ("[3:1]", vec![]),
            ("[5:1:-2]", vec!["5", "3"]),
            ("[-1:1]", vec!["-1", "0", "1"]),
            ("[1:10:4]", vec!["1", "5", "9"]),
        ] {
            let want = want.into_iter().map(str::to_owned).collect();
            assert_eq!(expand(pattern), Ok(want), "{pattern}");
        }
    }

    #[test]
    fn ranges_that_say_nothing_are_refused() {
        for pattern in [
            "[1]",
            "[1:]",
            "[:]",
            "[a:3]",
            "[001:10]",
            "[1:2:0]",
            "[1:2:x]",
            "[b:a]",
            "x[1:2",
            "x|[1:2]",
            "[]",
            "[1:2:3:4]",
        ] {
            assert!(matches!(expand(pattern), Err(Problem::Form(_))), "{pattern}");
        }
        let long = format!("{}[1:2]", "a".repeat(3000));
        assert!(matches!(expand(&long), Err(Problem::Form(_))));
        for pattern in ["[0:99999999]", "[0:999][0:999]", "[0:9223372036854775807]", "[1:1000000:2]"] {
            assert_eq!(expand(pattern), Err(Problem::TooMany), "{pattern}");
        }
    }
}
