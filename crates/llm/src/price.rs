//! What tokens cost: exact integers all the way, rounded up once at the end.
//!
//! A price for a million tokens in nano-units is a fraction of a nano-unit for one token. Sums are made of the
//! whole products in 128 bits and divided once, so that no token is rounded by itself.

use windlass_model::{Cost, Money};

use crate::Tokens;
use crate::catalogue::{Model, Prices};

/// Prices are for so many tokens.
const MILLION: i128 = 1_000_000;

/// What these tokens cost.
pub fn cost(prices: &Prices, tokens: &Tokens) -> Money {
    sum([
        (tokens.input, prices.input),
        (tokens.output, prices.output),
        (tokens.cache_read, prices.cache_read),
        (tokens.cache_write, prices.cache_write),
    ])
}

/// The most that a prompt of at most `input` tokens with a reply of at most `output` can cost, whatever of the
/// prompt comes from a cache or goes into one.
pub fn bound(prices: &Prices, input: u64, output: u64) -> Money {
    sum([(input, prices.dearest_input()), (output, prices.output)])
}

/// Products never leave 128 bits: 2⁶⁴ tokens at 2⁶³ nano-units are 2¹²⁷, so sums stay below by saturation.
fn sum<const N: usize>(parts: [(u64, Money); N]) -> Money {
    let products = parts.map(|(tokens, price)| i128::from(tokens).saturating_mul(i128::from(price.0.max(0))));
    let millionths = products.into_iter().fold(0i128, i128::saturating_add);
    let nanos = millionths.saturating_add(MILLION - 1) / MILLION;
    Money(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// What a step may use, as far as that is known before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// The tokens of the prompt, most likely.
    pub likely: u64,
    /// The tokens of the prompt, at most.
    pub input: u64,
    /// The tokens of the reply, at most.
    pub output: u64,
}

/// How costs are worked out. A caller may bring its own.
pub trait Calculator: Send + Sync {
    /// What has to be free in a budget before a request is sent.
    fn reserve(&self, model: &Model, need: &Need) -> Cost;

    /// What a request did cost.
    fn settle(&self, model: &Model, used: &Tokens) -> Cost;
}

/// Bounds before, exact sums after.
#[derive(Clone, Debug)]
pub struct Exact {
    /// The currency of the catalogue's prices.
    pub currency: String,
}

impl Default for Exact {
    fn default() -> Self {
        Self { currency: "USD".into() }
    }
}

impl Calculator for Exact {
    fn reserve(&self, model: &Model, need: &Need) -> Cost {
        Cost { amount: model.bound(need.input, need.output), currency: self.currency.clone() }
    }

    fn settle(&self, model: &Model, used: &Tokens) -> Cost {
        Cost { amount: model.cost(used), currency: self.currency.clone() }
    }
}

/// As claude-workflow has it: the tokens of the prompt, each at the average of what one read and one written cost.
/// That says nothing about the reply, so that it can be far too little; here for comparison.
#[derive(Clone, Debug)]
pub struct Average {
    /// The currency of the catalogue's prices.
    pub currency: String,
}

impl Default for Average {
    fn default() -> Self {
        Self { currency: "USD".into() }
    }
}

impl Average {
    fn at_average(&self, model: &Model, tokens: u64) -> Cost {
        // Half of the sum of both prices for a million tokens: the halves of nano-units are kept until the end.
        let both = i128::from(model.prices.input.0) + i128::from(model.prices.output.0);
        let nanos = i128::from(tokens).saturating_mul(both).saturating_add(2 * MILLION - 1) / (2 * MILLION);
        Cost { amount: Money(i64::try_from(nanos).unwrap_or(i64::MAX)), currency: self.currency.clone() }
    }
}

impl Calculator for Average {
    fn reserve(&self, model: &Model, need: &Need) -> Cost {
        self.at_average(model, need.likely)
    }

    fn settle(&self, model: &Model, used: &Tokens) -> Cost {
        self.at_average(model, used.total())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    fn money(text: &str) -> Money {
        Money::parse(text).expect(text)
    }

    #[test]
    fn sums_are_exact_and_rounded_up_once() {
        // A quarter of a dollar for a million: 250 nanos for a token; 37.5 for one from the cache.
        let mut prices = Prices::new(money("0.25"), money("1.25"));
        prices.cache_read = money("0.0375");
        for (tokens, nanos) in [
            (Tokens { input: 1, ..Tokens::default() }, 250),
            (Tokens { cache_read: 1, ..Tokens::default() }, 38),
            (Tokens { cache_read: 2, ..Tokens::default() }, 75),
            (Tokens { input: 1, output: 1, cache_read: 1, cache_write: 1 }, 250 + 1250 + 38 + 250),
            (Tokens::default(), 0),
        ] {
            assert_eq!(cost(&prices, &tokens), Money(nanos), "{tokens:?}");
        }
    }

    #[test]
    fn nothing_overflows() {
        let prices = Prices::new(Money(i64::MAX), Money(i64::MAX));
        assert_eq!(bound(&prices, u64::MAX, u64::MAX), Money(i64::MAX));
        let all = Tokens { input: u64::MAX, output: u64::MAX, cache_read: u64::MAX, cache_write: u64::MAX };
        assert_eq!(cost(&prices, &all), Money(i64::MAX));
    }

    #[test]
    fn a_bound_holds_for_whatever_the_cache_does() {
        let catalogue = Catalogue::builtin();
        for model in catalogue.iter() {
            for prompt in [0, 1, 99_999, 100_000, 100_001, 272_000, 272_001, 900_000] {
                let bound = model.bound(prompt, 1000);
                for (input, cache_read, cache_write) in [
                    (prompt, 0, 0),
                    (0, prompt, 0),
                    (0, 0, prompt),
                    (prompt / 3, 0, prompt / 2),
                    (prompt / 2, 0, 0),
                ] {
                    let used = Tokens { input, output: 1000, cache_read, cache_write };
                    assert!(model.cost(&used) <= bound, "{} {used:?}", model.id);
                }
            }
        }
    }
}
