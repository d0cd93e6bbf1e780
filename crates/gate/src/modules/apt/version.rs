//! Versions of packages: which is newer, as Debian's policy says, and patterns of them.

use std::cmp::Ordering;

/// Compares two versions: epoch, upstream's part, Debian's part.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (parts(a), parts(b));
    a.0.cmp(&b.0).then_with(|| piece(a.1, b.1)).then_with(|| piece(a.2, b.2))
}

fn parts(version: &str) -> (u64, &str, &str) {
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch.parse().unwrap_or(0), upstream, revision)
}

/// Texts and numbers by turns: texts with `~` before everything and letters before other signs, numbers by value.
fn piece(mut a: &str, mut b: &str) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (text_a, rest_a) = take(a, |c| !c.is_ascii_digit());
        let (text_b, rest_b) = take(b, |c| !c.is_ascii_digit());
        let order = text(text_a, text_b);
        if order != Ordering::Equal {
            return order;
        }
        let (number_a, rest_a) = take(rest_a, |c| c.is_ascii_digit());
        let (number_b, rest_b) = take(rest_b, |c| c.is_ascii_digit());
        let (number_a, number_b) = (number_a.trim_start_matches('0'), number_b.trim_start_matches('0'));
        let order = number_a.len().cmp(&number_b.len()).then_with(|| number_a.cmp(number_b));
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

fn take(text: &str, of: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !of(c)).unwrap_or(text.len()))
}

fn text(a: &str, b: &str) -> Ordering {
    let weigh = |c: Option<char>| match c {
        Some('~') => -1,
        None => 0,
        Some(c) if c.is_ascii_alphabetic() => i64::from(u32::from(c)),
        Some(c) => i64::from(u32::from(c)) + 256,
    };
    let (mut a, mut b) = (a.chars(), b.chars());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (x, y) if weigh(x) != weigh(y) => return weigh(x).cmp(&weigh(y)),
            _ => {}
        }
    }
}

/// Whether text is what a pattern describes: `*`, `?`, `[…]` and `[!…]`, as in Python's fnmatch.
pub(super) fn matches(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    // The place after the last star, and the text that it has taken: one step back is enough.
    let (mut t, mut p, mut star) = (0, 0, None);
    while t < text.len() {
        match one(&pattern, p, text[t]) {
            Some(next) => (t, p) = (t + 1, next),
            None if pattern.get(p) == Some(&'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            None => match star {
                Some((after, taken)) => {
                    star = Some((after, taken + 1));
                    (t, p) = (taken + 1, after);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The place in the pattern after what stands for one character, if it does.
fn one(pattern: &[char], at: usize, c: char) -> Option<usize> {
    match pattern.get(at)? {
        '*' => None,
        '?' => Some(at + 1),
        '[' => {
            let negated = pattern.get(at + 1) == Some(&'!');
            let begin = at + 1 + usize::from(negated);
            // A bracket right at the beginning is a member.
            let end = (begin + 1..pattern.len()).find(|end| pattern[*end] == ']');
            let Some(end) = end else { return (c == '[').then_some(at + 1) };
            (member(&pattern[begin..end], c) != negated).then_some(end + 1)
        }
        other => (*other == c).then_some(at + 1),
    }
}

fn member(set: &[char], c: char) -> bool {
    let mut at = 0;
    while at < set.len() {
        if set.get(at + 1) == Some(&'-')
            && let Some(last) = set.get(at + 2)
        {
            if (set[at]..=*last).contains(&c) {
                return true;
            }
            at += 3;
        } else {
            if set[at] == c {
                return true;
            }
            at += 1;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        let sorted = [
            "1.0~~", "1.0~beta1", "1.0~rc1", "1.0", "1.0-0.1", "1.0-1", "1.0-1+b1", "1.0-1.1", "1.0-2", "1.0a", "1.0+git", "1.0.1",
            "1.2", "1.10", "2", "1:0.5", "1:0.10-1",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} {b}");
            }
        }
        assert_eq!(compare("1.0", "0:1.00"), Ordering::Equal);
        assert_eq!(compare("1.0-0", "1.0"), Ordering::Equal);
    }

    #[test]
    fn patterns_are_those_of_fnmatch() {
        for (text, pattern) in [
            ("1.0-1", "1.0*"), ("abc", "a*c"), ("abcbc", "a*bc"), ("", "*"), ("apt", "a?t"), ("b1", "b[0-9]"), ("bx", "b[!0-9]"),
            ("a[b", "a[b"), ("]", "[]]"),
        ] {
            assert!(matches(text, pattern), "{text} {pattern}");
        }
        for (text, pattern) in [("2.0", "1.0*"), ("ab", "a"), ("a", "ab"), ("b1", "b[!0-9]"), ("", "?"), ("abd", "a*c")] {
            assert!(!matches(text, pattern), "{text} {pattern}");
        }
    }
}
