//! Reads `key=value` pairs as Ansible writes them in one text: `start=1 end=5 format="host %d"`.

/// What a text of pairs holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pairs {
    /// The pairs in order.
    pub named: Vec<(String, String)>,
    /// The words that are no pairs, as they stand, with blanks between them.
    pub rest: String,
}

/// Reads the pairs of a text. Quotes hold a value together, and are dropped around it.
pub(crate) fn parse(text: &str) -> Pairs {
    let mut out = Pairs::default();
    for word in words(text) {
        match word.split_once('=') {
            Some((name, value)) if is_name(name) => {
                out.named.push((name.to_owned(), unquoted(value).to_owned()));
            }
            _ => {
                out.rest.push_str(if out.rest.is_empty() { "" } else { " " });
                out.rest.push_str(word);
            }
        }
    }
    out
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn unquoted(value: &str) -> &str {
    let inner = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or(inner('\'')).unwrap_or(value)
}

/// The words of a text; blanks within quotes do not part them.
fn words(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut quote = None;
    let mut start = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => out.extend(start.take().map(|start| &text[start..at])),
            (open, c) => {
                start = start.or(Some(at));
                quote = match (open, c) {
                    (None, '"' | '\'') => Some(c),
                    (Some(open), c) if open == c => None,
                    _ => open,
                };
            }
        }
    }
    out.extend(start.map(|start| &text[start..]));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_words_come_apart() {
        let cases = [
            ("a=1 b='x y'  c=\"q\" rest of", vec![("a", "1"), ("b", "x y"), ("c", "q")], "rest of"),
            ("/a b/c length=3", vec![("length", "3")], "/a b/c"),
            ("http://x?a=b", vec![], "http://x?a=b"),
            ("a='b=c", vec![("a", "'b=c")], ""),
            ("", vec![], ""),
        ];
        for (text, named, rest) in cases {
            let named = named.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            assert_eq!(parse(text), Pairs { named, rest: rest.to_owned() }, "{text}");
        }
    }
}
