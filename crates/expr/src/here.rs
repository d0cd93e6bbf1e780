//! What an evaluation stands in: its scope, and what is outside. Functions and filters that ask for more than
//! their arguments find it here.
//!
//! It is thread-local for the same reason as the [meter](crate::meter), and only set for texts that ask.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use minijinja::{Error, Value};

use crate::args::invalid;
use crate::outside::Outside;
use crate::refs::References;
use crate::scope::Scope;

/// How deep templates may look up templates.
const MAX_DEPTH: usize = 10;

#[derive(Clone)]
pub(crate) struct Here {
    pub scope: Value,
    outside: Option<Arc<dyn Outside>>,
    depth: usize,
}

thread_local! {
    static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
}

/// Keeps the place of one evaluation; an outer one has its own back afterwards.
pub(crate) struct Placed(Option<Option<Here>>);

impl Placed {
    /// Enters the evaluation of a text, if it asks for anything.
    pub(crate) fn start(references: &References, scope: &Value) -> Placed {
        if !references.asks {
            return Placed(None);
        }
        let here = Here { scope: scope.clone(), outside: Scope::outside(scope), depth: 0 };
        Placed(Some(HERE.replace(Some(here))))
    }

    /// Stands before something outside, with no text to evaluate.
    pub(crate) fn before(outside: Arc<dyn Outside>) -> Placed {
        let here = Here { scope: Value::UNDEFINED, outside: Some(outside), depth: 0 };
        Placed(Some(HERE.replace(Some(here))))
    }

    /// Enters the evaluation of a text that is a part of the present one.
    pub(crate) fn within(scope: &Value) -> Result<Placed, Error> {
        let outer = here()?;
        if outer.depth >= MAX_DEPTH {
            return Err(invalid("templates look each other up without end"));
        }
        let here = Here { scope: scope.clone(), depth: outer.depth + 1, ..outer };
        Ok(Placed(Some(HERE.replace(Some(here)))))
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        if let Some(outer) = self.0.take() {
            HERE.set(outer);
        }
    }
}

/// Where the present evaluation stands.
pub(crate) fn here() -> Result<Here, Error> {
    let here = HERE.with_borrow(Clone::clone);
    here.ok_or_else(|| invalid("this expression cannot ask for anything outside of its variables"))
}

/// Asks for something outside.
pub(crate) fn ask<T>(question: impl FnOnce(&dyn Outside) -> io::Result<T>) -> Result<T, Error> {
    let outside =
        here()?.outside.ok_or_else(|| invalid("nothing outside of the variables is in reach here"))?;
    question(&*outside).map_err(|error| invalid(error.to_string()))
}
