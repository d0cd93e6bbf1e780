//! Cuts the middle out of a text.

use crate::tokens::Estimator;

/// What stands where a text was cut.
const MARK: &str = "\n[… left out …]\n";

/// The beginning and the end of a text, with so many tokens each at most, and a mark between them. Nothing where
/// not even the mark has room.
pub(super) fn cut(text: &str, head: u64, tail: u64, tokens: &dyn Estimator) -> String {
    let mark = tokens.count(MARK);
    let room = (head + tail).saturating_sub(mark);
    if room == 0 {
        return String::new();
    }
    // Each side pays its share of the mark.
    let head = (u128::from(room) * u128::from(head) / u128::from(head + tail)) as u64;
    let tail = room - head;
    let begin = longest(text.len(), head, |len| tokens.count(&text[..floor(text, len)]));
    let begin = floor(text, begin);
    let end = longest(text.len() - begin, tail, |len| tokens.count(&text[ceil(text, text.len() - len)..]));
    let end = ceil(text, text.len() - end);
    let short = format!("{}{MARK}{}", &text[..begin], &text[end..]);
    // Joined, texts can be a token or two more than apart.
    if tokens.count(&short) > room + mark { String::new() } else { short }
}

/// The most bytes whose count is within the limit. Counts grow with the length, nearly always: the answer is one
/// that was counted.
fn longest(most: usize, limit: u64, count: impl Fn(usize) -> u64) -> usize {
    // A token of a long text rarely has more than 16 bytes: what is far beyond need not be counted.
    let most = most.min(usize::try_from(limit.saturating_mul(16)).unwrap_or(usize::MAX));
    let (mut fits, mut over) = (0, most + 1);
    while fits + 1 < over {
        let middle = fits.midpoint(over);
        if count(middle) <= limit { fits = middle } else { over = middle }
    }
    fits
}

/// The nearest boundary of a character at or before this place.
fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The nearest boundary of a character at or after this place.
fn ceil(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}
