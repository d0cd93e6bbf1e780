//! Where the parser's places, which count characters, lie in the bytes of the text.

use saphyr_parser::Marker;

/// Characters between two remembered offsets: a lookup walks at most so many.
const STRIDE: usize = 128;

/// A table from character numbers to byte offsets.
pub(crate) struct Places<'s> {
    text: &'s str,
    /// The byte offset of each `STRIDE`th character; empty where all characters are single bytes.
    marks: Vec<u32>,
}

impl<'s> Places<'s> {
    pub(crate) fn new(text: &'s str) -> Self {
        let marks = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().step_by(STRIDE).map(|(at, _)| at as u32).collect()
        };
        Self { text, marks }
    }

    /// The byte offset of a place; the end of the text for one past it.
    pub(crate) fn offset(&self, marker: &Marker) -> usize {
        self.byte(marker.index())
    }

    fn byte(&self, index: usize) -> usize {
        if self.marks.is_empty() {
            return index.min(self.text.len());
        }
        let Some(&mark) = self.marks.get(index / STRIDE) else { return self.text.len() };
        let rest = &self.text[mark as usize..];
        rest.char_indices().nth(index % STRIDE).map_or(self.text.len(), |(at, _)| mark as usize + at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_found_and_what_is_past_the_end_is_the_end() {
        for text in ["plain".to_owned(), "äöü€x".repeat(100), String::new(), "€".repeat(STRIDE)] {
            let places = Places::new(&text);
            for (index, (at, _)) in text.char_indices().enumerate() {
                assert_eq!(places.byte(index), at);
            }
            assert_eq!(places.byte(text.chars().count()), text.len());
            assert_eq!(places.byte(text.len() + 1000), text.len());
        }
    }
}
