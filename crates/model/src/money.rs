//! Money and usage: integers all the way, so that sums are exact.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount of money in nano-units (a billionth) of its currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Money(pub i64);

const NANO: u64 = 1_000_000_000;

impl Money {
    /// No money.
    pub const ZERO: Money = Money(0);

    /// The sum, held at the ends of the range rather than wrapping around.
    #[must_use]
    pub fn plus(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }

    /// Reads a decimal such as `2.50`; at most nine decimals, no exponent.
    pub fn parse(text: &str) -> Option<Money> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty()
            || fraction.len() > 9
            || !plain(whole)
            || !plain(fraction)
            || digits.ends_with('.')
        {
            return None;
        }
        let nanos: i64 = format!("{whole}{fraction:0<9}").parse().ok()?;
        Some(Money(if negative { -nanos } else { nanos }))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, nanos) = (self.0.unsigned_abs() / NANO, self.0.unsigned_abs() % NANO);
        let sign = if self.0 < 0 { "-" } else { "" };
        if nanos == 0 {
            return write!(f, "{sign}{whole}");
        }
        let fraction = format!("{nanos:09}");
        write!(f, "{sign}{whole}.{}", fraction.trim_end_matches('0'))
    }
}

// Outside, an amount is a JSON number (`2.5`), as every API of the field has it; its text is exact.
impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number: serde_json::Number =
            self.to_string().parse().map_err(|_| serde::ser::Error::custom("an amount is a number"))?;
        number.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let text = number.as_f64().map_or_else(|| number.to_string(), |f| format!("{f:.9}"));
        let text = if number.is_f64() { text } else { number.to_string() };
        Money::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{number} is no amount of money")))
    }
}

/// A limit, or a sum spent, in one currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// How much.
    pub amount: Money,
    /// Of what: an ISO 4217 word such as `USD`; empty while nothing was spent.
    #[serde(default)]
    pub currency: String,
}

/// Tokens by kind, as providers count and price them. No token is in two of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Read by the model, and in no cache.
    #[serde(default)]
    pub input: u64,
    /// Written by the model.
    #[serde(default)]
    pub output: u64,
    /// Read from the provider's cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_read: u64,
    /// Written to the provider's cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write: u64,
}

impl Tokens {
    /// All of them.
    pub fn total(&self) -> u64 {
        [self.output, self.cache_read, self.cache_write].into_iter().fold(self.input, u64::saturating_add)
    }

    /// Whether there are none, or nobody told their kinds.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// Those that are not in `other`, which is a part of them.
    #[must_use]
    pub fn minus(&self, other: &Tokens) -> Tokens {
        Tokens {
            input: self.input.saturating_sub(other.input),
            output: self.output.saturating_sub(other.output),
            cache_read: self.cache_read.saturating_sub(other.cache_read),
            cache_write: self.cache_write.saturating_sub(other.cache_write),
        }
    }

    /// Adds those of `other`.
    pub fn add(&mut self, other: &Tokens) {
        for (mine, theirs) in [
            (&mut self.input, other.input),
            (&mut self.output, other.output),
            (&mut self.cache_read, other.cache_read),
            (&mut self.cache_write, other.cache_write),
        ] {
            *mine = mine.saturating_add(theirs);
        }
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What a step, a task or a run used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of language models, those of all kinds together.
    #[serde(default)]
    pub tokens: u64,
    /// Money, in the currency that was used first.
    #[serde(default)]
    pub cost: Cost,
    /// Money in other currencies: amounts of different ones are never added up.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<String, Money>,
    /// The tokens by kind, where the kinds are known.
    #[serde(default, skip_serializing_if = "Tokens::is_zero")]
    pub kinds: Tokens,
    /// Whether a part of it is the most that it can have been, because nobody lived to tell what it was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bound: bool,
}

impl Usage {
    /// Tokens by kind and what they cost.
    pub fn of(kinds: Tokens, cost: Cost) -> Self {
        Self { tokens: kinds.total(), cost, kinds, ..Self::default() }
    }

    /// The same, said to be the most that it can have been.
    #[must_use]
    pub fn as_bound(&self) -> Self {
        Self { bound: true, ..self.clone() }
    }

    /// Whether nothing was used.
    pub fn is_zero(&self) -> bool {
        self.tokens == 0 && self.money().next().is_none()
    }

    /// Its money by currency, as far as there is any.
    pub fn money(&self) -> impl Iterator<Item = (&str, Money)> {
        let others = self.others.iter().map(|(currency, amount)| (currency.as_str(), *amount));
        let all = std::iter::once((self.cost.currency.as_str(), self.cost.amount)).chain(others);
        all.filter(|(_, amount)| *amount != Money::ZERO)
    }

    /// Its money in one currency.
    pub fn money_in(&self, currency: &str) -> Money {
        if self.cost.currency == currency {
            return self.cost.amount;
        }
        self.others.get(currency).copied().unwrap_or_default()
    }

    /// What is left of it without `other`, which is a part of it.
    #[must_use]
    pub fn minus(&self, other: &Usage) -> Self {
        let left =
            |currency: &str, amount: Money| Money(amount.0.saturating_sub(other.money_in(currency).0).max(0));
        let amount = left(&self.cost.currency, self.cost.amount);
        let others = self.others.iter().map(|(name, amount)| (name.clone(), left(name, *amount)));
        Self {
            tokens: self.tokens.saturating_sub(other.tokens),
            cost: Cost { amount, currency: self.cost.currency.clone() },
            others: others.filter(|(_, amount)| *amount != Money::ZERO).collect(),
            kinds: self.kinds.minus(&other.kinds),
            bound: self.bound,
        }
    }

    /// Adds what `other` used, each currency by itself.
    pub fn add(&mut self, other: &Usage) {
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.kinds.add(&other.kinds);
        self.bound |= other.bound;
        if self.cost.currency.is_empty() && self.cost.amount == Money::ZERO {
            self.cost.currency.clone_from(&other.cost.currency);
        }
        for (currency, amount) in other.money() {
            let mine = match self.cost.currency == currency {
                true => &mut self.cost.amount,
                false => self.others.entry(currency.to_owned()).or_default(),
            };
            *mine = mine.plus(amount);
        }
    }
}

/// What a run may use at most. `None` is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

impl Budget {
    /// By what it was passed; `None` where it was not.
    pub fn overdrawn(&self, used: &Usage) -> Option<String> {
        let money = self.cost.as_ref().filter(|most| used.money_in(&most.currency) > most.amount);
        let money = money.map(|most| {
            let used = used.money_in(&most.currency);
            format!("{used} of {} {} were used", most.amount, most.currency)
        });
        let tokens = self.tokens.filter(|most| used.tokens > *most);
        money.or_else(|| Some(format!("{} of {} tokens were used", used.tokens, tokens?)))
    }

    /// What of `wanted` does not fit when `used` is used already; `None` when it fits (just fitting fits).
    pub fn refuses(&self, used: &Usage, wanted: &Usage) -> Option<String> {
        if let Some(limit) = self.tokens {
            let left = limit.saturating_sub(used.tokens);
            if wanted.tokens > left {
                return Some(format!("{} tokens are needed and {left} of {limit} are left", wanted.tokens));
            }
        }
        let limit = self.cost.as_ref()?;
        let currency = &limit.currency;
        if let Some((other, _)) = wanted.money().find(|(name, _)| name != currency) {
            return Some(format!("the budget is in {currency}, the step costs {other}"));
        }
        let left = limit.amount.0.saturating_sub(used.money_in(currency).0).max(0);
        let need = wanted.money_in(currency);
        (need.0 > left).then(|| {
            format!(
                "{need} {currency} are needed and {} of {} {currency} are left",
                Money(left),
                limit.amount
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_in_both_directions() {
        for (text, nanos) in [("2.50", 2_500_000_000), ("0", 0), ("0.000000001", 1), ("-1.5", -1_500_000_000)]
        {
            let money = Money::parse(text).expect(text);
            assert_eq!(money.0, nanos, "{text}");
            let json = serde_json::to_string(&money).expect("it serialises");
            assert_eq!(serde_json::from_str::<Money>(&json).expect(&json), money, "{json}");
        }
        for bad in ["", ".5", "1.", "1e3", "NaN", "1.0000000001", "--1", "9999999999999", "1_0"] {
            assert_eq!(Money::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_budget_refuses_what_does_not_fit_and_takes_what_just_fits() {
        let usd = |nanos| Cost { amount: Money(nanos), currency: "USD".into() };
        let budget = Budget { cost: Some(usd(1_500_000)), tokens: Some(100) };
        let used = Usage { tokens: 40, cost: usd(500_000), ..Usage::default() };
        let ask =
            |tokens, nanos| budget.refuses(&used, &Usage { tokens, cost: usd(nanos), ..Usage::default() });
        assert_eq!(ask(60, 1_000_000), None);
        assert!(ask(61, 0).expect("refused").contains("60 of 100 are left"));
        assert!(ask(0, 1_000_001).expect("refused").contains("0.001 of 0.0015 USD are left"));
    }

    #[test]
    fn currencies_are_never_added_up() {
        let of = |nanos, currency: &str| {
            let cost = Cost { amount: Money(nanos), currency: currency.into() };
            Usage { cost, ..Usage::default() }
        };
        let mut sum = Usage::default();
        for (nanos, currency) in [(5, "USD"), (7, "EUR"), (1, "USD"), (2, "EUR")] {
            sum.add(&of(nanos, currency));
        }
        let mut twice = sum.clone();
        twice.add(&sum);
        assert_eq!(
            (sum.money_in("USD"), sum.money_in("EUR"), sum.money_in("CHF")),
            (Money(6), Money(9), Money(0))
        );
        assert_eq!((twice.money_in("USD"), twice.money_in("EUR")), (Money(12), Money(18)));
        assert_eq!(twice.minus(&sum), sum);
        assert!(sum.minus(&sum).is_zero() && !sum.is_zero());
        let text = serde_json::to_string(&sum).expect("it serialises");
        assert_eq!(serde_json::from_str::<Usage>(&text).expect("it reads"), sum);
        let dollars = Budget { cost: Some(of(10, "USD").cost), tokens: None };
        assert_eq!(
            dollars.refuses(&sum, &of(4, "USD")),
            None,
            "what was used in euros is not of this budget"
        );
        assert!(dollars.refuses(&sum, &of(5, "USD")).is_some());
        assert!(dollars.refuses(&sum, &of(1, "EUR")).is_some_and(|why| why.contains("costs EUR")));
    }

    #[test]
    fn usage_of_earlier_versions_reads_and_kinds_add_up() {
        let old: Usage =
            serde_json::from_str(r#"{"tokens":7,"cost":{"amount":0.5,"currency":"USD"}}"#).expect("it reads");
        assert_eq!((old.tokens, old.kinds, old.bound), (7, Tokens::default(), false));
        let text = serde_json::to_string(&old).expect("it serialises");
        assert_eq!(text, r#"{"tokens":7,"cost":{"amount":0.5,"currency":"USD"}}"#);
        let kinds = Tokens { input: 10, output: 5, cache_read: 100, cache_write: 20 };
        let mut sum = Usage::of(kinds, old.cost.clone());
        assert_eq!(sum.tokens, 135);
        sum.add(&old.as_bound());
        assert_eq!((sum.tokens, sum.kinds, sum.bound), (142, kinds, true));
        assert_eq!(sum.cost.amount, Money(1_000_000_000));
    }
}
