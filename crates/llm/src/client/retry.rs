//! When to ask again, and how long to wait before.

use std::time::{Duration, Instant};

use crate::{Error, Kind};

/// When to ask again. The waits grow, and chance spreads them, so that those who failed together do not come back
/// together; who asks for a wait of their own is given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How many attempts there are in all.
    pub attempts: u32,
    /// How long the first wait may be; each further one may be twice as long.
    pub base: Duration,
    /// How long one may be at most.
    pub most: Duration,
    /// The longest wait that a provider may ask for; whoever wants more is not asked again.
    pub longest: Duration,
    /// How long one attempt may take.
    pub attempt: Option<Duration>,
    /// How long all may take, waits included.
    pub deadline: Option<Duration>,
    /// Whether a request is made again that may have been paid for: one that was cut off, or of which no answer came.
    /// Without this, all attempts together cost at most what one does.
    pub paid: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            base: Duration::from_millis(500),
            most: Duration::from_secs(30),
            longest: Duration::from_secs(300),
            attempt: None,
            deadline: None,
            paid: true,
        }
    }
}

impl Retry {
    /// Asks once.
    pub fn never() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// How long to wait after attempt `number` has failed; or why there is no other one, to be put behind the error's
    /// message. `chance` is any number.
    pub(super) fn wait(
        &self,
        error: &Error,
        number: u32,
        chance: u64,
        end: Option<Instant>,
    ) -> Result<Duration, String> {
        if !error.transient() {
            return Err(String::new());
        }
        if error.may_have_spent() && !self.paid {
            return Err(" (it may have been paid for, so it is not asked again by itself)".into());
        }
        if number >= self.attempts {
            return Err(if number > 1 { format!(" (attempt {number}, the last)") } else { String::new() });
        }
        let share = |long: Duration| {
            let nanos = u64::try_from(long.as_nanos()).unwrap_or(u64::MAX);
            Duration::from_nanos(chance % nanos.saturating_add(1).max(1))
        };
        let wait = match error.retry_after {
            Some(after) if after > self.longest => {
                return Err(format!(" (it wants to be left alone for {} s)", after.as_secs()));
            }
            Some(after) => after + share(self.base),
            None => share(self.base.saturating_mul(1 << (number - 1).min(30)).min(self.most)),
        };
        match end {
            Some(end) if Instant::now() + wait >= end => {
                let why = " (the next attempt would be after the time that there is)";
                Err(if error.kind == Kind::Timeout { String::new() } else { why.into() })
            }
            _ => Ok(wait),
        }
    }
}

/// Any number.
pub(super) fn chance() -> u64 {
    // Without chance all waits are as long as they may be, which is safe.
    getrandom::u64().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: Kind) -> Error {
        Error::new(kind, "x")
    }

    #[test]
    fn waits_grow_and_chance_spreads_them() {
        let retry = Retry { attempts: 20, most: Duration::from_secs(5), ..Retry::default() };
        for (number, most) in [(1, 500), (2, 1000), (3, 2000), (4, 4000), (5, 5000), (19, 5000)] {
            let wait = |chance| retry.wait(&error(Kind::Overloaded), number, chance, None).unwrap();
            assert_eq!(wait(0), Duration::ZERO);
            assert_eq!(wait(most * 1_000_000), Duration::from_millis(most), "{number}");
            for chance in [u64::MAX, 1 << 40, 123_456_789_012] {
                assert!(wait(chance) <= Duration::from_millis(most), "{number}");
            }
        }
    }

    #[test]
    fn some_errors_are_final() {
        let retry = Retry::default();
        let again = |error: &Error, number| retry.wait(error, number, 7, None).is_ok();
        for kind in [Kind::RateLimited, Kind::Overloaded, Kind::Timeout, Kind::Network, Kind::BadAnswer] {
            assert!(again(&error(kind), 1) && again(&error(kind), 4) && !again(&error(kind), 5), "{kind}");
        }
        for kind in
            [Kind::Auth, Kind::Billing, Kind::BadRequest, Kind::NotFound, Kind::TooLong, Kind::Refused]
        {
            assert!(!again(&error(kind), 1), "{kind}");
        }
        let told = Error { told: true, ..error(Kind::Network) };
        assert!(again(&told, 1));
        assert!(Retry { paid: false, ..retry }.wait(&told, 1, 7, None).is_err());
    }

    #[test]
    fn who_asks_for_a_wait_is_given_it() {
        let retry = Retry::default();
        let after =
            |seconds| Error { retry_after: Some(Duration::from_secs(seconds)), ..error(Kind::RateLimited) };
        assert_eq!(retry.wait(&after(7), 1, 0, None), Ok(Duration::from_secs(7)));
        assert!(retry.wait(&after(7), 1, u64::MAX, None).unwrap() <= Duration::from_millis(7500));
        assert!(retry.wait(&after(301), 1, 0, None).unwrap_err().contains("301 s"));
        let soon = Some(Instant::now() + Duration::from_secs(5));
        assert!(retry.wait(&after(7), 1, 0, soon).unwrap_err().contains("after the time"));
        assert!(retry.wait(&after(1), 1, 0, soon).is_ok());
    }
}
