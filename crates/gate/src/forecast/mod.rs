//! What the steps of a check run would have made of a host so far.
//!
//! * `state`: which names would lead to what, and what would be so of files that are on the disk.
//! * `walk`: finding what a path leads to, link by link, in what is forecast and then on the disk.
//! * `look`: the questions that modules ask.
//! * `change`: what they would change.
//! * `rights`: what the system would not let us do.
//! * `doubt`: what cannot be known, and who is to blame.
//! * `share`: what one process foresaw, for another of the same host: another user's, or the next one.
//!
//! Nothing here ever writes to the disk, nor holds anything of it that nobody has changed.

mod change;
mod doubt;
mod look;
mod rights;
mod share;
mod state;
mod walk;

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use doubt::Doubts;
pub use doubt::run;
pub use share::Part;
use state::State;
pub(crate) use state::{Held, LONGEST};

/// What a run in check mode would have made of a host so far. There is one for each run in each process that does
/// modules there; they tell one another of it by its [`Part`]s. Modules see it by
/// [`Context::check`](crate::Context::check), and what they would do goes into it.
#[derive(Default)]
pub struct Forecast {
    state: Mutex<State>,
    /// Whether anything has gone into it.
    used: AtomicBool,
    doubts: Mutex<Doubts>,
}

impl Forecast {
    /// One in which nothing has happened yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the host is as its disk says.
    pub(crate) fn is_clear(&self) -> bool {
        !self.used.load(Ordering::Acquire)
    }

    fn look(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> MutexGuard<'_, State> {
        self.used.store(true, Ordering::Release);
        self.look()
    }
}

impl fmt::Debug for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forecast").field("used", &!self.is_clear()).finish_non_exhaustive()
    }
}
