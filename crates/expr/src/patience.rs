//! How long an evaluation waits for what it asks outside: as long as whoever wants its result still does.
//!
//! It is thread-local, as the [meter](crate::meter) is: what is asked on the way, through variables and looked-up
//! templates, knows of it without being told.

use std::cell::RefCell;
use std::sync::Arc;

/// Says whether somebody still waits. It is called often, and answers at once.
pub type Patience = Arc<dyn Fn() -> bool + Send + Sync>;

thread_local! {
    static PATIENCE: RefCell<Option<Patience>> = const { RefCell::new(None) };
}

/// Gives the thread the patience back that it had before, also when the evaluation panics.
struct Before(Option<Patience>);

impl Drop for Before {
    fn drop(&mut self) {
        PATIENCE.set(self.0.take());
    }
}

/// Evaluates on this thread with a patience: a command or an address that an expression asks is given up, with an
/// error, soon after it says no.
pub fn with_patience<T>(patience: Patience, evaluate: impl FnOnce() -> T) -> T {
    let _before = Before(PATIENCE.replace(Some(patience)));
    evaluate()
}

/// The patience of the evaluation on this thread, for whoever answers what it asks; without end where it has none.
pub fn patience() -> Patience {
    PATIENCE.with_borrow(Clone::clone).unwrap_or_else(|| Arc::new(|| true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inner_patience_ends_with_its_evaluation() {
        assert!(patience()());
        with_patience(Arc::new(|| false), || {
            with_patience(Arc::new(|| true), || assert!(patience()()));
            assert!(!patience()());
        });
        assert!(patience()());
    }
}
