//! Finding one's way in the lines of a broken text.

/// The beginning of the line that `at` is in.
pub(super) fn start(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().rposition(|&b| b == b'\n').map_or(0, |n| n + 1)
}

/// The number of the line that `at` is in, from 1.
pub(super) fn number(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|&&b| b == b'\n').count() + 1
}

/// The beginning of the last line before `at` that is not blank; of this one, if there is text before `at`.
pub(super) fn last(text: &str, at: usize) -> usize {
    let before = text.as_bytes()[..at].iter().rposition(|b| !b.is_ascii_whitespace()).unwrap_or(0);
    start(text, before)
}

/// The line that begins at `at`, without its end.
pub(super) fn line(text: &str, at: usize) -> &str {
    text[at..].split('\n').next().unwrap_or_default()
}

/// The white space that a line begins with.
pub(super) fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Where the first text stands in the line that `at` is in.
pub(super) fn first(text: &str, at: usize) -> usize {
    let start = start(text, at);
    start + indent(line(text, start)).len()
}

/// Where the value of a line begins: after its dashes and its key.
pub(super) fn value(line: &str) -> usize {
    let mut start = indent(line).len();
    while let Some(rest) = line[start..].strip_prefix("- ") {
        start = line.len() - rest.trim_start().len();
    }
    match line[start..].find(": ") {
        Some(n) if !line[start..start + n].contains(['"', '\'', '{', '#']) => {
            start + n + 2 + indent(&line[start + n + 2..]).len()
        }
        _ => start,
    }
}

/// The last bracket before `at` that nothing closes. Quotes are not looked at, so it is only a guess.
pub(super) fn open_bracket(text: &str, at: usize) -> Option<usize> {
    let mut closed = 0;
    text.as_bytes()[..at].iter().rposition(|b| match b {
        b']' | b'}' => {
            closed += 1;
            false
        }
        b'[' | b'{' if closed > 0 => {
            closed -= 1;
            false
        }
        b'[' | b'{' => true,
        _ => false,
    })
}
