//! Exact counts by OpenAI's vocabularies, which lie in this program.

use std::collections::HashSet;

use tiktoken_rs::CoreBPE;

use super::Estimator;

/// Texts are counted in pieces of about this many bytes, so that a very long one needs little memory. The pieces
/// end where the vocabularies' own rules end a word in any case: counts add up exactly.
const PIECE: usize = 64 * 1024;

/// One of OpenAI's vocabularies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tiktoken {
    /// GPT-4o and later.
    O200k,
    /// GPT-4 and GPT-3.5.
    Cl100k,
}

impl Tiktoken {
    /// The vocabulary, read when it is first needed.
    fn vocabulary(self) -> &'static CoreBPE {
        match self {
            Self::O200k => tiktoken_rs::o200k_base_singleton(),
            Self::Cl100k => tiktoken_rs::cl100k_base_singleton(),
        }
    }
}

impl Estimator for Tiktoken {
    fn name(&self) -> &str {
        match self {
            Self::O200k => "o200k",
            Self::Cl100k => "cl100k",
        }
    }

    fn count(&self, text: &str) -> u64 {
        let (vocabulary, none) = (self.vocabulary(), HashSet::new());
        // Some texts are too much for the rule that finds words. A byte is never more than one token.
        let count = |piece: &str| vocabulary.count(piece, &none).unwrap_or(piece.len()) as u64;
        pieces(text).map(count).sum()
    }
}

/// Cuts a text after line ends that are followed by a letter, where it is long.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = rest.split_at(cut(rest));
        rest = after;
        Some(piece)
    })
}

/// Where the first piece of a text ends.
fn cut(text: &str) -> usize {
    let bytes = text.as_bytes();
    let ends = (PIECE..bytes.len()).find(|&at| bytes[at - 1] == b'\n' && bytes[at].is_ascii_alphabetic());
    ends.unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_lose_nothing_and_count_as_the_whole() {
        let line = "fn main() { println!(\"{}\", 42); }\n\n  indented, and so on\nWord ";
        let text = line.repeat(4 * PIECE / line.len());
        assert_eq!(pieces(&text).collect::<String>(), text);
        assert!(pieces(&text).count() > 2);
        for vocabulary in [Tiktoken::O200k, Tiktoken::Cl100k] {
            let whole =
                vocabulary.vocabulary().count(&text, &HashSet::new()).expect("an ordinary text") as u64;
            assert_eq!(vocabulary.count(&text), whole, "{vocabulary:?}");
        }
    }
}
