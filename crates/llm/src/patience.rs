//! How long a caller waits.

use std::{
    fmt,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{Error, Kind};

/// How often a wait looks whether it has to end.
const TURN: Duration = Duration::from_millis(20);

/// How long a caller waits: until it wants no answer any more, or until a point in time.
#[derive(Clone)]
pub struct Patience {
    alive: Arc<dyn Fn() -> bool + Send + Sync>,
    until: Option<Instant>,
}

impl Patience {
    /// Waits for ever.
    pub fn endless() -> Self {
        Self::new(|| true)
    }

    /// Waits while `alive`. It is asked many times a second, and has to be quick.
    pub fn new(alive: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { alive: Arc::new(alive), until: None }
    }

    /// Waits until then at most; an earlier end stays.
    #[must_use]
    pub fn until(&self, end: Instant) -> Self {
        let until = Some(self.until.map_or(end, |own| own.min(end)));
        Self { alive: self.alive.clone(), until }
    }

    /// When it ends at the latest.
    pub fn end(&self) -> Option<Instant> {
        self.until
    }

    /// Whether there is any left.
    pub fn holds(&self) -> bool {
        (self.alive)() && self.until.is_none_or(|end| Instant::now() < end)
    }

    /// Goes on while there is any left. The error is [`Kind::Cancelled`] or [`Kind::Timeout`].
    pub fn check(&self) -> Result<(), Error> {
        if !(self.alive)() {
            return Err(Error::before(Kind::Cancelled, "the request was cancelled"));
        }
        match self.until {
            Some(end) if Instant::now() >= end => {
                Err(Error::before(Kind::Timeout, "the time for the request is over"))
            }
            _ => Ok(()),
        }
    }

    /// Waits this long, unless it ends before.
    pub fn sleep(&self, long: Duration) -> Result<(), Error> {
        let end = Instant::now() + long;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(TURN));
        }
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patience").field("until", &self.until).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_for_two_reasons() {
        assert_eq!(Patience::endless().check().ok(), Some(()));
        let kind = |patience: &Patience| patience.sleep(Duration::from_secs(60)).unwrap_err().kind;
        assert_eq!(kind(&Patience::new(|| false)), Kind::Cancelled);
        let soon = Patience::endless().until(Instant::now() + Duration::from_millis(30));
        assert_eq!(kind(&soon), Kind::Timeout);
        assert!(!soon.until(Instant::now() + Duration::from_secs(60)).holds(), "the earlier end stays");
    }
}
