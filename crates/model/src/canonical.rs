//! Canonical JSON: no spaces, the members of every object sorted by name, so that one value has one text.
//!
//! A member is written behind those before it and then moved to its place among them: nothing but the text
//! itself is held in memory, however large a plan is.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// The canonical text of a value. It fails for maps whose keys are no texts.
pub(crate) fn to_vec(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let text = Text::default();
    let sorted = Sorted { text: text.clone(), objects: Vec::new(), members: Vec::new() };
    value.serialize(&mut Serializer::with_formatter(text.clone(), sorted))?;
    Ok(text.0.take())
}

/// The text so far. The serializer writes to it, and its formatter moves what was written.
#[derive(Clone, Default)]
struct Text(Rc<RefCell<Vec<u8>>>);

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sorts the members of each object as they come.
struct Sorted {
    text: Text,
    /// The objects that are open: where each one's members begin.
    objects: Vec<usize>,
    /// The members of the open objects. An object's finished ones are sorted; the last may still be open.
    members: Vec<Member>,
}

/// A member in the text, as `"name":value,`.
struct Member {
    start: usize,
    /// How long its name is, as it stands between the quotes.
    name: usize,
    /// Whether something of its name is escaped.
    escaped: bool,
}

impl Member {
    fn name<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        &text[self.start + 1..][..self.name]
    }
}

/// Whether one name comes before another. That is decided by what they say: where something is escaped it differs
/// from what stands there.
fn before(text: &[u8], a: &Member, b: &Member) -> bool {
    let (one, other) = (a.name(text), b.name(text));
    if !a.escaped && !b.escaped {
        return one < other;
    }
    let said = |name: &[u8]| serde_json::from_slice::<String>(&[b"\"", name, b"\""].concat()).ok();
    said(one) < said(other)
}

impl Formatter for Sorted {
    fn begin_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.objects.push(self.members.len());
        writer.write_all(b"{")
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, _: &mut W, _: bool) -> io::Result<()> {
        let start = self.text.0.borrow().len();
        self.members.push(Member { start, name: 0, escaped: false });
        Ok(())
    }

    fn end_object_key<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        let text = self.text.0.borrow();
        let member = self.members.last_mut().expect("a key ends after it began");
        member.name = text.len() - member.start - 2;
        member.escaped = member.name(&text).contains(&b'\\');
        Ok(())
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b",")?;
        let mut text = self.text.0.borrow_mut();
        let first = *self.objects.last().expect("a member ends in its object");
        let (new, sorted) = self.members[first..].split_last_mut().expect("a member ends after it began");
        if sorted.last().is_none_or(|last| before(&text, last, new)) {
            return Ok(());
        }
        let place = sorted.partition_point(|member| before(&text, member, new));
        if let Some(next) = sorted.get(place) {
            let length = text.len() - new.start;
            new.start = next.start;
            text[new.start..].rotate_right(length);
            sorted[place..].iter_mut().for_each(|member| member.start += length);
            self.members[first + place..].rotate_right(1);
        }
        Ok(())
    }

    fn end_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        let first = self.objects.pop().expect("an object ends after it began");
        if self.members.len() > first {
            self.members.truncate(first);
            // The comma behind the last member.
            self.text.0.borrow_mut().pop();
        }
        writer.write_all(b"}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[derive(Serialize)]
    struct Unsorted {
        zeta: u8,
        alpha: Value,
        #[serde(rename = "m\"")]
        middle: Option<Kind>,
        empty: Vec<u8>,
    }

    #[derive(Serialize)]
    enum Kind {
        Word,
        Much { z: f64, a: i64 },
    }

    /// What `serde_json` makes of a value whose every object is a sorted map.
    fn by_value(value: &impl Serialize) -> String {
        serde_json::to_value(value).expect("it has text keys only").to_string()
    }

    fn text(value: &impl Serialize) -> String {
        String::from_utf8(to_vec(value).expect("it has text keys only")).expect("JSON is UTF-8")
    }

    #[test]
    fn members_are_sorted_at_every_depth() {
        let value = Unsorted {
            zeta: 1,
            alpha: serde_json::json!({ "b": [{}, { "y": 1, "x": null }], "a b": "", "a": "\n", "a\"": 1.5 }),
            middle: Some(Kind::Much { z: 1e300, a: -1 }),
            empty: vec![],
        };
        assert_eq!(
            text(&value),
            r#"{"alpha":{"a":"\n","a b":"","a\"":1.5,"b":[{},{"x":null,"y":1}]},"empty":[],"m\"":{"Much":{"a":-1,"z":1e+300}},"zeta":1}"#
        );
        assert_eq!(text(&value), by_value(&value));
        assert_eq!(text(&[Some(Kind::Word), None]), r#"["Word",null]"#);
    }

    proptest! {
        #[test]
        fn it_is_what_sorted_maps_give(pairs in proptest::collection::vec(("\\PC{0,3}|[\"\n\\\\a ]{0,3}", any::<f64>()), 0..8)) {
            // A map in any order, as serde takes it from an iterator.
            struct Loose<'a>(&'a [(String, f64)]);
            impl Serialize for Loose<'_> {
                fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                    to.collect_map(self.0.iter().map(|(name, number)| (name, number)))
                }
            }
            let mut pairs = pairs;
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            pairs.dedup_by(|a, b| a.0 == b.0);
            pairs.reverse();
            prop_assert_eq!(text(&Loose(&pairs)), by_value(&Loose(&pairs)));
        }
    }
}
