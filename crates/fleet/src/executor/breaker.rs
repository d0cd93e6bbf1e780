//! Trouble of a whole fleet: when so many hosts are lost, it is the way to them, and trying on makes it worse.

use std::sync::atomic::{AtomicUsize, Ordering};

/// With fewer hosts, one that is lost says nothing about the others.
const LEAST: usize = 5;

/// Counts lost hosts.
#[derive(Debug)]
pub(super) struct Breaker {
    /// How many open it; none where it never opens.
    limit: Option<usize>,
    lost: AtomicUsize,
}

impl Breaker {
    /// Opens when this share of `hosts` is lost.
    pub(super) fn new(share: Option<f64>, hosts: usize) -> Self {
        let limit = share.filter(|_| hosts >= LEAST).map(|share| {
            // A share of zero would let nothing begin.
            ((hosts as f64 * share.clamp(0.0, 1.0)).ceil() as usize).max(1)
        });
        Self { limit, lost: AtomicUsize::new(0) }
    }

    /// One more attempt lost its host. True when that was one too many.
    pub(super) fn lost(&self) -> bool {
        self.lost.fetch_add(1, Ordering::Relaxed);
        self.is_open()
    }

    pub(super) fn is_open(&self) -> bool {
        self.limit.is_some_and(|limit| self.lost.load(Ordering::Relaxed) >= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_at_its_share_and_never_for_few_hosts() {
        let ten = Breaker::new(Some(0.3), 10);
        assert!(!ten.lost() && !ten.lost() && ten.lost() && ten.is_open());
        let four = Breaker::new(Some(0.3), 4);
        assert!((0..4).all(|_| !four.lost()));
        assert!(!Breaker::new(None, 100).lost());
    }
}
