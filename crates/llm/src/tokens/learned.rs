//! A factor that is learnt from what providers bill: a moving mean, and a bound some way above it.

/// How much the newest prompt counts.
const WEIGHT: f64 = 0.1;

/// How many prompts it takes until what was seen counts for more than what was assumed.
const TRUSTED: u32 = 20;

/// How many deviations above the mean nearly every prompt is below. For a normal spread it is 99 in 100 at 2.3; what
/// is seen here has longer tails.
const DEVIATIONS: f64 = 3.5;

/// Prompts of fewer tokens say more about the provider's frame around them than about the vocabulary.
const SMALLEST: f64 = 20.0;

/// What providers bill cannot be this far from any count; it is another thing that was billed.
const SENSIBLE: std::ops::RangeInclusive<f64> = 0.2..=8.0;

/// A factor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Learned {
    mean: f64,
    variance: f64,
    /// The largest that was seen, forgotten slowly.
    largest: f64,
    assumed: f64,
    seen: u32,
}

impl Learned {
    /// Begins with what is assumed.
    pub(super) fn new(likely: f64, most: f64) -> Self {
        Self { mean: likely, variance: 0.0, largest: 0.0, assumed: most, seen: 0 }
    }

    /// What is most likely.
    pub(super) fn likely(&self) -> f64 {
        self.mean
    }

    /// What is not passed.
    pub(super) fn most(&self) -> f64 {
        let seen = (self.mean + DEVIATIONS * self.variance.sqrt()).max(self.largest);
        if self.seen >= TRUSTED { seen } else { seen.max(self.assumed) }
    }

    /// Learns that a base of so many tokens was billed as so many.
    pub(super) fn see(&mut self, base: f64, billed: f64) {
        let factor = billed / base;
        if base < SMALLEST || !SENSIBLE.contains(&factor) {
            return;
        }
        let off = factor - self.mean;
        self.mean += WEIGHT * off;
        self.variance = (1.0 - WEIGHT) * (self.variance + WEIGHT * off * off);
        let forgotten = self.largest - (self.largest - self.mean).max(0.0) * WEIGHT / 10.0;
        self.largest = forgotten.max(factor);
        self.seen = self.seen.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_comes_down_to_what_is_seen_and_stays_above_it() {
        let mut factor = Learned::new(1.2, 2.0);
        // Billed factors between 1.05 and 1.15, by a small generator.
        let mut state = 7u32;
        let mut passed = 0;
        for n in 0..2000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let billed = 1.05 + f64::from(state >> 8) / f64::from(1u32 << 24) * 0.1;
            passed += u32::from(n > 100 && billed > factor.most());
            factor.see(1000.0, 1000.0 * billed);
        }
        assert!((1.08..1.12).contains(&factor.likely()), "{factor:?}");
        assert!(factor.most() < 1.3, "{factor:?}");
        assert!(passed <= 19, "the bound is passed by one in a hundred at most: {passed} of 1,900");
    }

    #[test]
    fn a_bound_is_raised_at_once_and_nonsense_teaches_nothing() {
        let mut factor = Learned::new(1.0, 1.0);
        factor.see(100.0, 130.0);
        assert!(factor.most() >= 1.3);
        let before = factor.most();
        for (base, billed) in [(0.0, 5.0), (100.0, 0.0), (100.0, 1e9), (5.0, 9.0), (f64::NAN, 1.0)] {
            factor.see(base, billed);
        }
        assert!((factor.most() - before).abs() < 1e-9);
    }
}
