//! Where in the document a place within a text lies.
//!
//! A scalar's text is not always what stands in the document: quotes, escapes, folding and indentation lie
//! between. Where the two agree the place is exact; otherwise it is where the scalar begins.

use windlass_model::{Location, Span};
use windlass_yaml::Style;

use crate::document::Written;

/// The place of the byte `offset` of what was written.
pub(super) fn within(written: &Written, offset: usize) -> Location {
    let whole = written.at();
    let Some(value) = written.node.text() else { return whole };
    let text = &written.source.text;
    let (start, end) = (whole.span.start as usize, (whole.span.end as usize).min(text.len()));
    let Some(raw) = text.get(start..end) else { return whole };
    let found = match written.node.style {
        Style::Plain => raw.starts_with(value).then_some(start + offset),
        Style::Quoted => raw.get(1..).filter(|inner| inner.starts_with(value)).map(|_| start + 1 + offset),
        Style::Block => in_block(raw, value, offset).map(|at| start + at),
    };
    let at = found.filter(|&at| at <= end && text.is_char_boundary(at));
    // A whole name is shown, otherwise one character.
    let in_name = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let length = |at: usize| match text[at..end].chars().take_while(in_name).map(char::len_utf8).sum() {
        0 => text[at..end].chars().next().map_or(0, char::len_utf8),
        length => length,
    };
    at.map_or(whole.clone(), |at| Location { span: Span::new(at, at + length(at)), ..whole })
}

/// The line of the offset, found again with its indentation. What stands there begins with the first line's
/// text: the header and the first indentation lie before it.
fn in_block(raw: &str, value: &str, offset: usize) -> Option<usize> {
    let before = value.get(..offset)?;
    let number = before.matches('\n').count();
    let column = offset - before.rfind('\n').map_or(0, |at| at + 1);
    let line = value.lines().nth(number)?;
    let mut lines = raw.split_inclusive('\n');
    let start: usize = lines.by_ref().take(number).map(str::len).sum();
    let there = lines.next()?.trim_end_matches(['\n', '\r']);
    let indent = there.len().checked_sub(line.len())?;
    (there.get(indent..)? == line && there[..indent].trim().is_empty()).then_some(start + indent + column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_model::Source;

    fn place(document: &str, needle: &str) -> (usize, usize) {
        let source = Source::new("a.yaml", document);
        let node = windlass_yaml::parse(&source, &windlass_yaml::Limits::default()).expect("good YAML");
        let node = node.get("a").expect("the key is there").clone();
        let offset = node.text().expect("a text").find(needle).expect("the needle is there");
        within(&Written { source, node }, offset).line_column()
    }

    #[test]
    fn places_in_texts_are_places_in_the_document() {
        assert_eq!(place("a: echo {{ x }}\n", "x"), (1, 12));
        assert_eq!(place("a: 'echo {{ x }}'\n", "x"), (1, 13));
        assert_eq!(place("a: \"größe {{ x }}\"\n", "x"), (1, 14));
        assert_eq!(place("a: |\n  one\n\n  two {{ x }}\nb: 1\n", "x"), (4, 10));
        // An escape shifts what follows: the beginning of the scalar is shown.
        assert_eq!(place("a: \"tab\\t{{ x }}\"\n", "x"), (1, 4));
        assert_eq!(place("a: >\n  folded\n  {{ x }}\n", "x"), (2, 3));
    }
}
