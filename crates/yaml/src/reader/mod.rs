//! Takes typed values out of a tree and notes every problem on the way.

mod convert;
mod map;
mod spanned;

use std::cell::RefCell;
use std::ops::RangeBounds;
use std::sync::Arc;
use std::time::Duration;

use windlass_model::{Code, Diagnostic, Diagnostics, Location, Source, Span};

pub use map::Map;
pub use spanned::{Spanned, Text};

use crate::Node;
use convert::Bad;

/// Reads the trees of one text and collects what is wrong with them.
///
/// Getters return `None` after noting a problem, so that the caller goes on and finds the next one; at
/// the end [`Reader::into_result`] says whether anything was wrong.
#[derive(Debug)]
pub struct Reader {
    source: Arc<Source>,
    problems: RefCell<Diagnostics>,
}

impl Reader {
    /// Reads trees that were parsed from `source`.
    pub fn new(source: &Arc<Source>) -> Self {
        Self { source: source.clone(), problems: RefCell::default() }
    }

    /// The text that the places lie in.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// A place in the text.
    pub fn location(&self, span: Span) -> Location {
        Location { source: self.source.clone(), span }
    }

    /// A problem at a place, not yet noted: add a hint and hand it to [`Reader::note`].
    pub fn problem(&self, code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, message).at(self.location(span))
    }

    /// Notes a problem.
    pub fn note(&self, problem: Diagnostic) {
        self.problems.borrow_mut().push(problem);
    }

    /// Whether nothing is wrong so far.
    pub fn is_clean(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// All problems, in the order in which they were found.
    pub fn into_problems(self) -> Diagnostics {
        self.problems.into_inner()
    }

    /// `value` where nothing was wrong, otherwise all the problems in the order of their places.
    pub fn into_result<T>(self, value: T) -> Result<T, Diagnostics> {
        self.into_problems().into_result(value)
    }

    /// A mapping, to be read key by key.
    pub fn map<'r, 'n>(&'r self, node: &'n Node) -> Option<Map<'r, 'n>> {
        let entries = self.read(node, None, convert::entries)?.value;
        Some(Map::new(self, node, entries))
    }

    /// The elements of a list.
    pub fn list<'n>(&self, node: &'n Node) -> Option<&'n [Node]> {
        Some(self.read(node, None, convert::list)?.value)
    }

    /// Any scalar as it is written: `1.10` stays `1.10`.
    pub fn text(&self, node: &Node) -> Option<Text> {
        self.read(node, None, convert::text)
    }

    /// A scalar or a list of scalars, each as it is written.
    pub fn texts(&self, node: &Node) -> Option<Vec<Text>> {
        self.read_texts(node, None)
    }

    /// A boolean; `yes`, `no`, `on` and `off` count too.
    pub fn bool(&self, node: &Node) -> Option<Spanned<bool>> {
        self.read(node, None, convert::bool)
    }

    /// A whole number.
    pub fn int(&self, node: &Node) -> Option<Spanned<i64>> {
        self.int_in(node, ..)
    }

    /// A whole number within bounds.
    pub fn int_in(&self, node: &Node, range: impl RangeBounds<i64>) -> Option<Spanned<i64>> {
        self.read(node, None, |node| convert::int(node, &range))
    }

    /// A number that is finite.
    pub fn float(&self, node: &Node) -> Option<Spanned<f64>> {
        self.read(node, None, convert::float)
    }

    /// A duration such as `30s`.
    pub fn duration(&self, node: &Node) -> Option<Spanned<Duration>> {
        self.read(node, None, convert::duration)
    }

    /// One of a few words, with what each means.
    pub fn choice<T: Copy>(&self, node: &Node, choices: &[(&str, T)]) -> Option<Spanned<T>> {
        self.read(node, None, |node| convert::choice(node, choices))
    }

    /// Runs a conversion and notes what it finds wrong, under the key if there is one.
    fn read<'n, T>(
        &self,
        node: &'n Node,
        key: Option<&str>,
        convert: impl FnOnce(&'n Node) -> Result<T, Bad>,
    ) -> Option<Spanned<T>> {
        match convert(node) {
            Ok(value) => Some(Spanned { value, span: node.span }),
            Err(bad) => {
                let message = match key {
                    Some(key) => format!("`{key}`: {}", bad.message),
                    None => bad.message,
                };
                let problem = self.problem(bad.code, node.span, message);
                self.note(match bad.hint {
                    Some(hint) => problem.hint(hint),
                    None => problem,
                });
                None
            }
        }
    }

    fn read_texts(&self, node: &Node, key: Option<&str>) -> Option<Vec<Text>> {
        let items = self.read(node, key, convert::one_or_many)?.value;
        let texts: Vec<Text> = items.iter().filter_map(|item| self.read(item, key, convert::text)).collect();
        (texts.len() == items.len()).then_some(texts)
    }
}
