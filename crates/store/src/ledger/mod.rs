//! Budgets that outlive a run: what projects, keys, days and months may spend, hold back and have spent.
//!
//! A [`Ledger`] is one small database. What a step may cost at most is held back in it before the step begins,
//! under the step's own name, so that doing so twice is doing it once; what it did cost takes the hold's place.
//! Of a hold whose driver is gone nobody knows what came of it: it counts in full, and is shown as orphaned, until
//! a resume of its run tells, or a person releases it. Where the run is gone too it is settled at its bound.

mod book;
mod calendar;
mod claim;
mod holds;
mod pot;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use windlass_model::{At, Budget, Money, RunId, Tokens, Usage};

pub use book::Ledger;
pub use pot::Pot;

/// The file of a ledger in the folder that it belongs to.
pub const LEDGER_FILE: &str = "budgets.db";

/// Who holds something back: one attempt at a step of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Holder {
    /// The file that the run's driver has locked while it lives.
    pub lease: PathBuf,
    /// The run.
    pub run: RunId,
    /// The step.
    pub at: At,
    /// The number of the attempt.
    pub attempt: u32,
}

/// What is to be held back for an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// For whom.
    pub holder: Holder,
    /// The most that it can use.
    pub most: Usage,
    /// At whose expense.
    pub pots: Vec<Pot>,
    /// Limits that hold for it beside those that are set in the ledger.
    pub limits: Vec<(Pot, Budget)>,
}

/// What one run holds back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The run.
    pub run: RunId,
    /// The file that its driver locks.
    pub lease: PathBuf,
    /// Whether somebody drives it. Otherwise nobody knows what the attempts used: a resume tells, or they count in
    /// full.
    pub driven: bool,
    /// How many attempts.
    pub steps: usize,
    /// The most that they can use.
    pub most: Sum,
}

impl Holding {
    /// The state folder of the store that has the run.
    pub fn state(&self) -> &Path {
        // It is `runs/ID/lease` in there.
        self.lease.ancestors().nth(3).unwrap_or(Path::new("/"))
    }
}

/// Why something cannot be held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The budget that does not have it.
    pub pot: Pot,
    /// What was needed, and what is left.
    pub why: String,
}

/// A sum of what was used, money by currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Tokens of all kinds together.
    pub tokens: u64,
    /// The same by kind, where the kinds are known.
    pub kinds: Tokens,
    /// Money by currency.
    pub costs: BTreeMap<String, Money>,
}

impl Sum {
    /// Whether there is nothing in it.
    pub fn is_zero(&self) -> bool {
        self.tokens == 0 && self.costs.values().all(|money| *money == Money::ZERO)
    }

    /// Adds another sum.
    pub fn add_sum(&mut self, other: &Sum) {
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.kinds.add(&other.kinds);
        for (currency, amount) in &other.costs {
            let cost = self.costs.entry(currency.clone()).or_default();
            *cost = cost.plus(*amount);
        }
    }

    pub(crate) fn add(&mut self, usage: &Usage) {
        self.tokens = self.tokens.saturating_add(usage.tokens);
        self.kinds.add(&usage.kinds);
        for (currency, amount) in usage.money() {
            let cost = self.costs.entry(currency.to_owned()).or_default();
            *cost = cost.plus(amount);
        }
    }

    /// As a budget looks at it, which knows one currency.
    pub(crate) fn seen_by(&self, budget: &Budget) -> Usage {
        let mut usage = Usage { tokens: self.tokens, ..Usage::default() };
        if let Some(limit) = &budget.cost {
            usage.cost.amount = self.costs.get(&limit.currency).copied().unwrap_or_default();
            usage.cost.currency.clone_from(&limit.currency);
        }
        usage
    }
}

/// How one budget stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Which.
    pub pot: Pot,
    /// What may be used; `None` where nobody said.
    pub limit: Option<Budget>,
    /// What was used, for certain or at most.
    pub used: Sum,
    /// The part of it that is the most that it can have been.
    pub bound: Sum,
    /// What is held back for attempts under way.
    pub reserved: Sum,
    /// What is held back for attempts whose driver is gone.
    pub orphaned: Sum,
    /// When it begins anew, in milliseconds since 1970.
    pub renews_at: Option<u64>,
}

impl Account {
    /// A budget of which nothing was used.
    pub fn unused(pot: Pot, now_ms: u64) -> Self {
        Self {
            renews_at: pot.renews_at(now_ms),
            pot,
            limit: None,
            used: Sum::default(),
            bound: Sum::default(),
            reserved: Sum::default(),
            orphaned: Sum::default(),
        }
    }

    /// What is left of the limit's money and tokens; less than nothing is nothing.
    pub fn left(&self) -> Option<Budget> {
        let limit = self.limit.as_ref()?;
        let mut all = self.used.seen_by(limit);
        all.add(&self.reserved.seen_by(limit));
        all.add(&self.orphaned.seen_by(limit));
        let cost = limit.cost.clone().map(|mut cost| {
            cost.amount = Money(cost.amount.0.saturating_sub(all.cost.amount.0).max(0));
            cost
        });
        Some(Budget { cost, tokens: limit.tokens.map(|tokens| tokens.saturating_sub(all.tokens)) })
    }
}
