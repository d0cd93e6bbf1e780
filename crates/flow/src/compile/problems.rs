//! What is wrong, each thing once: a text that several steps share is looked at for each of them.

use std::cell::RefCell;
use std::collections::HashSet;

use windlass_model::{Code, Diagnostic, Diagnostics, Location, Span};

/// What tells two problems apart.
type Key = (Code, String, Span, String);

/// Problems that are kept: what comes after so many is left unsaid.
const KEPT: usize = 1000;

/// Problems that are shown, the first by their places.
const SHOWN: usize = 100;

/// Collects problems.
#[derive(Default)]
pub(super) struct Problems {
    seen: RefCell<HashSet<Key>>,
    all: RefCell<Diagnostics>,
}

impl Problems {
    /// Whether there are so many that nobody reads more: then none is worth a search for a near name.
    pub(super) fn is_full(&self) -> bool {
        self.seen.borrow().len() >= KEPT
    }

    /// Notes a problem, unless it was noted before.
    pub(super) fn note(&self, problem: Diagnostic) {
        if self.is_full() {
            return;
        }
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
        if all.len() <= SHOWN {
            return all;
        }
        let more = all.len() - SHOWN;
        let mut shown = Diagnostics::default();
        all.into_iter().take(SHOWN).for_each(|problem| shown.push(problem));
        let rest = Diagnostic::new(Code::TooBig, format!("{more} or more other problems are not shown"));
        shown.push(rest.hint("mend these first"));
        shown
    }
}

/// A problem at a place, to be given a hint and noted.
pub(super) fn problem(code: Code, at: &Location, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(code, message).at(at.clone())
}
