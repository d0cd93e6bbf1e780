//! How often and how much a provider is asked, over all threads: everybody waits in one line.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{Error, Patience};

/// How often a wait looks whether anybody still waits.
const TURN: Duration = Duration::from_millis(50);

/// What a provider may be asked at most. What is none has no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Tokens a minute, read and written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// Requests at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_once: Option<usize>,
}

/// Lets requests pass as the limits allow, in the order in which they came.
#[derive(Debug)]
pub struct Limiter {
    state: Mutex<State>,
    changed: Condvar,
}

/// The right to make one request. It ends when it is dropped.
#[derive(Debug)]
pub struct Permit<'a> {
    limiter: &'a Limiter,
    expected: u64,
}

impl Limiter {
    /// A limiter, whose first minute is at hand at once.
    pub fn new(limits: Limits) -> Self {
        Self { state: Mutex::new(State::new(limits, Instant::now())), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits in line for a request of about so many tokens. One of more than a minute's tokens passes when a whole
    /// minute's are there, and those behind it wait for the rest.
    pub fn enter(&self, tokens: u64, patience: &Patience) -> Result<Permit<'_>, Error> {
        let mut state = self.state();
        let ticket = state.line_up();
        loop {
            let wait = match state.enter(ticket, tokens, Instant::now()) {
                Ok(()) => break,
                Err(wait) => wait.min(TURN),
            };
            if let Err(over) = patience.check() {
                state.leave_line(ticket);
                self.changed.notify_all();
                return Err(over);
            }
            let waited = self.changed.wait_timeout(state, wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        // The next in line may pass too.
        self.changed.notify_all();
        Ok(Permit { limiter: self, expected: tokens })
    }

    /// Nobody passes until then: the provider has asked for it.
    pub fn hold(&self, until: Instant) {
        let mut state = self.state();
        state.held = Some(state.held.map_or(until, |held| held.max(until)));
    }
}

impl Permit<'_> {
    /// So many tokens it were in truth. Without this, it were as many as expected.
    pub fn settle(self, tokens: u64) {
        let mut state = self.limiter.state();
        if let Some(bucket) = &mut state.tokens {
            bucket.give(self.expected, tokens);
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.limiter.state().running -= 1;
        self.limiter.changed.notify_all();
    }
}

/// Who waits and what is left. It has no clock.
#[derive(Debug)]
struct State {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    at_once: usize,
    running: usize,
    held: Option<Instant>,
    line: VecDeque<u64>,
    next: u64,
}

impl State {
    fn new(limits: Limits, now: Instant) -> Self {
        let bucket = |size: u64| Bucket { size: size.max(1) as f64, level: size.max(1) as f64, at: now };
        Self {
            requests: limits.requests_per_minute.map(|size| bucket(size.into())),
            tokens: limits.tokens_per_minute.map(bucket),
            at_once: limits.at_once.map_or(usize::MAX, |most| most.max(1)),
            running: 0,
            held: None,
            line: VecDeque::new(),
            next: 0,
        }
    }

    fn line_up(&mut self) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.line.push_back(ticket);
        ticket
    }

    fn leave_line(&mut self, ticket: u64) {
        self.line.retain(|waiting| *waiting != ticket);
    }

    /// Passes, or says how long it takes at least until that can be.
    fn enter(&mut self, ticket: u64, tokens: u64, now: Instant) -> Result<(), Duration> {
        if self.line.front() != Some(&ticket) || self.running >= self.at_once {
            return Err(Duration::MAX);
        }
        let held = self.held.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let one = self.requests.as_mut().map_or(Duration::ZERO, |bucket| bucket.ready(1, now));
        let all = self.tokens.as_mut().map_or(Duration::ZERO, |bucket| bucket.ready(tokens, now));
        let wait = held.max(one).max(all);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.line.pop_front();
        self.running += 1;
        for (bucket, amount) in [(&mut self.requests, 1), (&mut self.tokens, tokens)] {
            if let Some(bucket) = bucket {
                bucket.level -= amount as f64;
            }
        }
        Ok(())
    }
}

/// So much a minute, which comes back evenly. It may be below nothing where more was used than expected.
#[derive(Debug)]
struct Bucket {
    size: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    /// How long until so much is there.
    fn ready(&mut self, amount: u64, now: Instant) -> Duration {
        let rate = self.size / 60.0;
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + since * rate).min(self.size);
        self.at = now;
        let lacking = (amount as f64).min(self.size) - self.level;
        // A nanosecond of grace: what comes back is counted in fractions.
        if lacking <= rate * 1e-9 {
            Duration::ZERO
        } else {
            Duration::from_secs_f64((lacking / rate).max(1e-9))
        }
    }

    fn give(&mut self, expected: u64, actual: u64) {
        self.level = (self.level + expected as f64 - actual as f64).min(self.size);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn state(requests: Option<u32>, tokens: Option<u64>) -> (State, Instant) {
        let now = Instant::now();
        let limits = Limits { requests_per_minute: requests, tokens_per_minute: tokens, at_once: None };
        (State::new(limits, now), now)
    }

    /// When a request that stands first in line passes, in whole milliseconds.
    fn pass(state: &mut State, tokens: u64, now: &mut Instant) -> u128 {
        let (ticket, start) = (state.line_up(), *now);
        while let Err(wait) = state.enter(ticket, tokens, *now) {
            *now += wait;
        }
        now.duration_since(start).as_millis()
    }

    #[test]
    fn a_minutes_requests_are_at_hand_and_the_rest_comes_evenly() {
        let (mut state, mut now) = state(Some(60), None);
        let waits: Vec<_> = (0..63).map(|_| pass(&mut state, 5, &mut now)).collect();
        assert_eq!((&waits[..60], &waits[60..]), (&[0; 60][..], &[1000; 3][..]));
        now += SECOND * 3600;
        let waits: Vec<_> = (0..61).map(|_| pass(&mut state, 5, &mut now)).collect();
        assert_eq!(waits.iter().sum::<u128>(), 1000, "an hour of rest is worth a minute's requests");
    }

    #[test]
    fn tokens_are_put_right_by_what_was_used() {
        let (mut state, mut now) = state(None, Some(6000));
        assert_eq!(pass(&mut state, 6000, &mut now), 0);
        state.tokens.as_mut().unwrap().give(6000, 1000);
        assert_eq!(pass(&mut state, 5000, &mut now), 0);
        assert_eq!(pass(&mut state, 100, &mut now), 1000);
        state.tokens.as_mut().unwrap().give(100, 300);
        assert_eq!(pass(&mut state, 100, &mut now), 3000);
        // More than a minute's: once a whole minute's are there.
        assert_eq!(pass(&mut state, 60_000, &mut now), 60_000);
        assert_eq!(pass(&mut state, 0, &mut now), 540_000);
    }

    #[test]
    fn the_first_in_line_is_the_first_to_pass() {
        let (mut state, now) = state(None, Some(60));
        let (big, small) = (state.line_up(), state.line_up());
        state.tokens.as_mut().unwrap().level = 10.0;
        assert_eq!(state.enter(small, 1, now), Err(Duration::MAX), "a small one does not overtake");
        assert_eq!(state.enter(big, 60, now), Err(50 * SECOND));
        state.leave_line(big);
        assert_eq!(state.enter(small, 1, now), Ok(()));
        state.held = Some(now + SECOND * 9);
        let held = state.line_up();
        assert_eq!(state.enter(held, 1, now), Err(9 * SECOND));
    }

    #[test]
    fn threads_pass_in_the_order_in_which_they_came() {
        let limiter = Limiter::new(Limits { at_once: Some(1), ..Limits::default() });
        let first = limiter.enter(1, &Patience::endless()).unwrap();
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (limiter, order) = (&limiter, &order);
                scope.spawn(move || {
                    let permit = limiter.enter(1, &Patience::endless()).unwrap();
                    order.lock().unwrap().push(number);
                    permit.settle(1);
                });
                while limiter.state().line.len() <= number {
                    std::thread::yield_now();
                }
            }
            drop(first);
        });
        assert_eq!(*order.lock().unwrap(), (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn who_stops_waiting_leaves_the_line() {
        let limiter = Limiter::new(Limits { at_once: Some(1), ..Limits::default() });
        let first = limiter.enter(1, &Patience::endless()).unwrap();
        let alive = std::sync::Arc::new(AtomicBool::new(true));
        let seen = alive.clone();
        let patience = Patience::new(move || seen.load(Ordering::SeqCst));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| limiter.enter(1, &patience).map(drop));
            while limiter.state().line.is_empty() {
                std::thread::yield_now();
            }
            alive.store(false, Ordering::SeqCst);
            assert_eq!(waiting.join().unwrap().unwrap_err().kind, crate::Kind::Cancelled);
        });
        assert!(limiter.state().line.is_empty());
        drop(first);
        limiter.enter(1, &Patience::endless()).unwrap().settle(0);
        assert_eq!(limiter.state().running, 0);
    }
}
