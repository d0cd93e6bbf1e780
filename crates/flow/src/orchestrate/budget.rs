//! What may be spent: the budget enforcer.

use windlass_model::{Cost, Money, Usage};

use super::Error;

/// Says what may be spent, and counts what was. A caller may bring its own.
pub trait Enforcer: Send + Sync {
    /// Whether `wanted` fits when `used` is used and `reserved` is spoken for.
    fn allow(&self, limit: &Cost, used: &Usage, reserved: Money, wanted: &Cost) -> Result<(), Error>;

    /// Adds what a task did use. The error says that this is more than there was.
    fn record(&self, limit: &Cost, used: &mut Usage, actual: &Usage) -> Result<(), Error>;
}

/// Counts everything that was spent, past the limit too, and says when that happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ledger;

/// As claude-workflow has it: what would pass the limit is not counted, although it was paid.
#[derive(Clone, Copy, Debug, Default)]
pub struct Refusing;

impl Enforcer for Ledger {
    fn allow(&self, limit: &Cost, used: &Usage, reserved: Money, wanted: &Cost) -> Result<(), Error> {
        if limit.currency.is_empty() {
            return Err(Error::InvalidInput("the budget has no currency".into()));
        }
        fits(limit, used, reserved, wanted)
    }

    fn record(&self, limit: &Cost, used: &mut Usage, actual: &Usage) -> Result<(), Error> {
        used.add(actual);
        let (spent, most) = (used.cost.amount, limit.amount);
        if spent > most {
            let text = format!("{spent} of {most} {} are spent", limit.currency);
            return Err(Error::Overdrawn(text));
        }
        Ok(())
    }
}

impl Enforcer for Refusing {
    fn allow(&self, limit: &Cost, used: &Usage, reserved: Money, wanted: &Cost) -> Result<(), Error> {
        fits(limit, used, reserved, wanted)
    }

    fn record(&self, limit: &Cost, used: &mut Usage, actual: &Usage) -> Result<(), Error> {
        let after = used.cost.amount.plus(actual.cost.amount);
        if after > limit.amount {
            return Err(Error::BudgetExceeded(format!("{after} of {} {}", limit.amount, limit.currency)));
        }
        // Money only: tokens are the tracker's there.
        used.cost.amount = after;
        if used.cost.currency.is_empty() {
            used.cost.currency.clone_from(&actual.cost.currency);
        }
        Ok(())
    }
}

/// What just fits, fits.
fn fits(limit: &Cost, used: &Usage, reserved: Money, wanted: &Cost) -> Result<(), Error> {
    if limit.amount <= Money::ZERO {
        return Err(Error::BudgetNotSet);
    }
    let (own, other) = (&limit.currency, &wanted.currency);
    if !own.is_empty() && !other.is_empty() && own != other {
        return Err(Error::InvalidInput(format!("the budget is in {own}, prices are in {other}")));
    }
    let taken = used.cost.amount.plus(reserved);
    if taken.plus(wanted.amount) > limit.amount {
        let left = Money(limit.amount.0.saturating_sub(taken.0).max(0));
        let text = format!("{} {other} are needed and {left} of {} are left", wanted.amount, limit.amount);
        return Err(Error::BudgetExceeded(text));
    }
    Ok(())
}
