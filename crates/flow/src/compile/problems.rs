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

    /// All problems in the order of their places, each with something to do about it.
    pub(super) fn sorted(self) -> Diagnostics {
        let mut all = Diagnostics::default();
        for problem in self.all.into_inner() {
            let page = format!("`windlass explain {}` says more", problem.code);
            all.push(if problem.hint.is_some() { problem } else { problem.hint(page) });
        }
        all.sort();
        all
    }
}

/// A problem at a place, to be given a hint and noted.
pub(super) fn problem(code: Code, at: &Location, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(code, message).at(at.clone())
}
