//! What is wrong, each thing once: a text that several steps share is looked at for each of them.

use std::cell::RefCell;
use std::collections::HashSet;

use windlass_model::{Code, Diagnostic, Diagnostics, Location, Span};

/// What tells two problems apart.
type Key = (Code, String, Span, String);

/// Collects problems.
#[derive(Default)]
pub(super) struct Problems {
    seen: RefCell<HashSet<Key>>,
    all: RefCell<Diagnostics>,
}

impl Problems {
    /// Notes a problem, unless it was noted before.
    pub(super) fn note(&self, problem: Diagnostic) {
        let (name, span) = match &problem.location {
            Some(at) => (at.source.name.clone(), at.span),
            None => (String::new(), Span::default()),
        };
        if self.seen.borrow_mut().insert((problem.code, name, span, problem.message.clone())) {
            self.all.borrow_mut().push(problem);
        }
    }

    pub(super) fn extend(&self, problems: Diagnostics) {
        problems.into_iter().for_each(|problem| self.note(problem));
    }

    pub(super) fn into_inner(self) -> Diagnostics {
        self.all.into_inner()
    }
}

/// A problem at a place, to be given a hint and noted.
pub(super) fn problem(code: Code, at: &Location, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(code, message).at(at.clone())
}
