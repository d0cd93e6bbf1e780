//! Texts measured and cut as a terminal shows them: in columns, with escapes, wide and combining characters.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many columns a text takes; escape sequences take none.
pub(crate) fn columns(text: &str) -> usize {
    pieces(text).map(|piece| if piece.starts_with('\u{1b}') { 0 } else { piece.width() }).sum()
}

/// The text in at most `width` columns; where something was cut off, `…` says so.
pub(crate) fn fit(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let (mut room, mut fitted, mut cut) = (width.saturating_sub(1), String::new(), false);
    for piece in pieces(text) {
        if piece.starts_with('\u{1b}') {
            fitted.push_str(piece);
            continue;
        }
        for c in piece.chars().filter(|_| !cut) {
            let wide = c.width().unwrap_or(0);
            if wide > room {
                if width > 0 {
                    fitted.push('…');
                }
                cut = true;
                break;
            }
            room -= wide;
            fitted.push(c);
        }
    }
    fitted
}

/// The text with spaces behind it, up to `width` columns.
pub(crate) fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// The text with spaces before it, up to `width` columns.
pub(crate) fn pad_left(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(columns(text))))
}

/// What a program printed, made harmless for a terminal: one line without escapes and control characters.
pub(crate) fn tame(line: &str) -> String {
    pieces(line)
        .filter(|piece| !piece.starts_with('\u{1b}'))
        .flat_map(str::chars)
        .flat_map(|c| match c {
            '\t' => " ".repeat(4).chars().collect::<Vec<_>>(),
            c if c.is_control() => Vec::new(),
            c => vec![c],
        })
        .collect()
}

/// Escape sequences and the texts between them.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = match rest.strip_prefix('\u{1b}') {
            Some(after) => 1 + escape_len(after),
            None => rest.find('\u{1b}').unwrap_or(rest.len()),
        };
        let (piece, tail) = rest.split_at(end);
        rest = tail;
        Some(piece)
    })
}

/// The length of an escape sequence behind its first byte: CSI, OSC, or one character.
fn escape_len(after: &str) -> usize {
    match after.chars().next() {
        None => 0,
        Some('[') => after[1..].find(|c: char| ('@'..='~').contains(&c)).map_or(after.len(), |at| at + 2),
        Some(']') => after
            .find('\u{7}')
            .map(|at| at + 1)
            .or_else(|| after.find("\u{1b}\\").map(|at| at + 2))
            .unwrap_or(after.len()),
        Some(c) => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_a_terminal() {
        for (text, want) in
            [("abc", 3), ("größe", 5), ("日本", 4), ("\u{1b}[31mab\u{1b}[0m", 2), ("e\u{301}", 1)]
        {
            assert_eq!(columns(text), want, "{text:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_with_a_mark() {
        for (text, width, want) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("abc", 0, ""),
            ("\u{1b}[31mabcd\u{1b}[0m", 3, "\u{1b}[31mab…\u{1b}[0m"),
        ] {
            assert_eq!(fit(text, width), want, "{text:?} in {width}");
            assert!(columns(&fit(text, width)) <= width);
        }
    }

    #[test]
    fn foreign_output_cannot_move_the_cursor() {
        assert_eq!(tame("a\u{1b}[2Jb\rc\u{7}\td\u{1b}]0;title\u{7}e"), "abc    de");
        assert_eq!(tame("open \u{1b}[31"), "open ");
    }
}
