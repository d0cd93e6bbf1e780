//! Reads a mapping key by key, and says which keys nobody asked for.

use std::ops::RangeBounds;
use std::time::Duration;

use windlass_model::{Code, Span};

use super::convert::{self, Bad, quoted};
use super::{Reader, Spanned, Text};
use crate::build::shown;
use crate::{Node, nearest};

/// Unknown keys reported for one mapping; a mapping with more is another kind of thing altogether.
const REPORTED: usize = 10;

/// A mapping that is being read.
///
/// A getter takes its key: what no getter took is unknown, and [`Map::finish`] says so. A key without a
/// value counts as not given.
#[derive(Debug)]
pub struct Map<'r, 'n> {
    reader: &'r Reader,
    node: &'n Node,
    entries: &'n [(Node, Node)],
    taken: Vec<bool>,
    known: Vec<String>,
}

impl<'r, 'n> Map<'r, 'n> {
    pub(super) fn new(reader: &'r Reader, node: &'n Node, entries: &'n [(Node, Node)]) -> Self {
        Self { reader, node, entries, taken: vec![false; entries.len()], known: Vec::new() }
    }

    /// The reader that notes its problems.
    pub fn reader(&self) -> &'r Reader {
        self.reader
    }

    /// The place of the whole mapping.
    pub fn span(&self) -> Span {
        self.node.span
    }

    /// All entries, taken or not.
    pub fn entries(&self) -> &'n [(Node, Node)] {
        self.entries
    }

    /// Whether the key is there with a value; it is not taken by asking.
    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_some_and(|index| !self.entries[index].1.is_null())
    }

    /// The place of a key, if it is there.
    pub fn key_span(&self, key: &str) -> Option<Span> {
        self.find(key).map(|index| self.entries[index].0.span)
    }

    fn find(&self, key: &str) -> Option<usize> {
        self.entries.iter().position(|(k, _)| k.as_str() == Some(key))
    }

    /// Takes the value of a key as it is, null too.
    pub fn node(&mut self, key: &str) -> Option<&'n Node> {
        self.known.push(key.to_owned());
        let index = self.find(key)?;
        self.taken[index] = true;
        Some(&self.entries[index].1)
    }

    fn given(&mut self, key: &str) -> Option<&'n Node> {
        self.node(key).filter(|node| !node.is_null())
    }

    fn read<T>(&mut self, key: &str, convert: impl FnOnce(&'n Node) -> Result<T, Bad>) -> Option<Spanned<T>> {
        let node = self.given(key)?;
        self.reader.read(node, Some(key), convert)
    }

    /// Any scalar as it is written: `1.10` stays `1.10`.
    pub fn text(&mut self, key: &str) -> Option<Text> {
        self.read(key, convert::text)
    }

    /// A scalar or a list of scalars, each as it is written.
    pub fn texts(&mut self, key: &str) -> Option<Vec<Text>> {
        let node = self.given(key)?;
        self.reader.read_texts(node, Some(key))
    }

    /// A boolean; `yes`, `no`, `on` and `off` count too.
    pub fn bool(&mut self, key: &str) -> Option<Spanned<bool>> {
        self.read(key, convert::bool)
    }

    /// A whole number.
    pub fn int(&mut self, key: &str) -> Option<Spanned<i64>> {
        self.int_in(key, ..)
    }

    /// A whole number within bounds, such as `1..`.
    pub fn int_in(&mut self, key: &str, range: impl RangeBounds<i64>) -> Option<Spanned<i64>> {
        self.read(key, |node| convert::int(node, &range))
    }

    /// A number that is finite.
    pub fn float(&mut self, key: &str) -> Option<Spanned<f64>> {
        self.read(key, convert::float)
    }

    /// A duration such as `30s`; a number without a unit is refused.
    pub fn duration(&mut self, key: &str) -> Option<Spanned<Duration>> {
        self.read(key, convert::duration)
    }

    /// A number of seconds, as Ansible's `delay`, or a duration.
    pub fn seconds(&mut self, key: &str) -> Option<Spanned<Duration>> {
        self.read(key, convert::seconds)
    }

    /// An amount of money in nano-units: `2.50` is 2 500 000 000.
    pub fn money(&mut self, key: &str) -> Option<Spanned<i64>> {
        self.read(key, convert::money)
    }

    /// A size in bytes, such as `64KiB`.
    pub fn size(&mut self, key: &str) -> Option<Spanned<u64>> {
        self.read(key, convert::size)
    }

    /// One of a few words, with what each means.
    pub fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<Spanned<T>> {
        self.read(key, |node| convert::choice(node, choices))
    }

    /// The elements of a list.
    pub fn list(&mut self, key: &str) -> Option<Spanned<&'n [Node]>> {
        self.read(key, convert::list)
    }

    /// The entries of a mapping whose keys are the author's own.
    pub fn pairs(&mut self, key: &str) -> Option<Spanned<&'n [(Node, Node)]>> {
        self.read(key, convert::entries)
    }

    /// A mapping with known keys, to be read the same way.
    pub fn map(&mut self, key: &str) -> Option<Map<'r, 'n>> {
        let node = self.given(key)?;
        let entries = self.reader.read(node, Some(key), convert::entries)?.value;
        Some(Map::new(self.reader, node, entries))
    }

    /// Notes a problem if the key is missing or has no value; does not take it. Says whether it is there.
    pub fn required(&mut self, key: &str) -> bool {
        if self.has(key) {
            return true;
        }
        let (span, message) = match self.key_span(key) {
            Some(span) => (span, format!("the key `{key}` has no value")),
            None => (self.opening(), format!("the key `{key}` is missing")),
        };
        self.known.push(key.to_owned());
        self.reader
            .note(self.reader.problem(Code::MissingKey, span, message).hint(format!("add `{key}: …`")));
        false
    }

    /// The only one of these keys that is there; notes a problem if there are several.
    pub fn exclusive<'k>(&mut self, keys: &[&'k str]) -> Option<&'k str> {
        let mut there = keys.iter().copied().filter(|key| self.has(key));
        let first = there.next()?;
        let Some(second) = there.next() else { return Some(first) };
        let at = |key: &str| self.key_span(key).unwrap_or(self.node.span);
        let message = format!("`{second}` cannot stand beside `{first}`");
        let problem = self
            .reader
            .problem(Code::ExclusiveKeys, at(second), message)
            .hint(format!("keep one of {}", quoted(keys)))
            .related(self.reader.location(at(first)), format!("`{first}` stands here"));
        self.reader.note(problem);
        None
    }

    /// Like [`Map::exclusive`], and one of the keys must be there.
    pub fn one_of<'k>(&mut self, keys: &[&'k str]) -> Option<&'k str> {
        if keys.iter().any(|key| self.has(key)) {
            return self.exclusive(keys);
        }
        self.known.extend(keys.iter().map(|key| (*key).to_owned()));
        let message = format!("one of the keys {} is missing", quoted(keys));
        self.reader
            .note(self.reader.problem(Code::MissingKey, self.opening(), message).hint("add one of them"));
        None
    }

    /// The first key, where a problem of the whole mapping is shown: a mapping may go on for pages.
    fn opening(&self) -> Span {
        self.entries.first().map_or(self.node.span, |(key, _)| key.span)
    }

    /// Takes all entries that no getter has taken.
    pub fn rest(&mut self) -> Vec<(&'n Node, &'n Node)> {
        let entries = self.entries.iter().zip(&mut self.taken);
        entries
            .filter_map(|((key, value), taken)| (!std::mem::replace(taken, true)).then_some((key, value)))
            .collect()
    }

    /// Notes every key that no getter has asked for.
    pub fn finish(self) {
        self.finish_with(&[]);
    }

    /// Like [`Map::finish`], where `others` are keys that would be known too: they are suggested.
    pub fn finish_with(mut self, others: &[&str]) {
        let unknown = self.rest();
        let mut known = std::mem::take(&mut self.known);
        known.extend(others.iter().map(|other| (*other).to_owned()));
        known.sort();
        known.dedup();
        for (key, _) in unknown.iter().take(REPORTED) {
            self.unknown(key, &known);
        }
        if let Some((key, _)) = unknown.get(REPORTED) {
            let message = format!("{} more unknown keys follow", unknown.len() - REPORTED);
            self.reader.note(self.reader.problem(Code::UnknownKey, key.span, message));
        }
    }

    fn unknown(&self, key: &Node, known: &[String]) {
        let name = key.as_str().unwrap_or_default();
        let problem =
            self.reader.problem(Code::UnknownKey, key.span, format!("unknown key `{}`", shown(name)));
        let list = format!("known keys: {}", quoted(known));
        let hint = match nearest(name, known.iter().map(String::as_str)) {
            Some(close) => format!("did you mean `{close}`? {list}"),
            None if known.is_empty() => "no keys are known here".to_owned(),
            None => list,
        };
        self.reader.note(problem.hint(hint));
    }
}
