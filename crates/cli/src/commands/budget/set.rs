//! `windlass budget set`: says what may be spent.

use clap::ArgGroup;
use windlass_model::{Budget, Cost, Money};
use windlass_store::{Ledger, Pot};

use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;

/// Says what a budget may spend
///
/// What was said before is replaced. Runs that are under way ask anew before each step.
#[derive(Debug, clap::Args)]
#[command(
    group(ArgGroup::new("limit").required(true).multiple(true).args(["amount", "tokens", "unlimited"])),
    after_long_help = "\
Examples:
  windlass budget set day --amount 5 --currency USD
  windlass budget set project --tokens 2000000
  windlass budget set key:work --amount 100
  windlass budget set month --unlimited"
)]
pub(crate) struct Args {
    /// Which budget: `project`, `day`, `month` or `key:NAME`
    pot: Pot,

    /// How much money
    #[arg(long, value_parser = amount)]
    amount: Option<Money>,

    /// Of which currency: three letters
    #[arg(long, default_value = "USD", value_parser = currency)]
    currency: String,

    /// How many tokens of language models
    #[arg(long)]
    tokens: Option<u64>,

    /// Take the limit away
    #[arg(long, conflicts_with_all = ["amount", "tokens"])]
    unlimited: bool,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        if self.pot == Pot::Project {
            app.scope().make()?;
        }
        let ledger = Ledger::open(&app.ledger(&self.pot)?)?;
        let currency = self.currency;
        let cost = self.amount.map(|amount| Cost { amount, currency });
        let limit = Budget { cost, tokens: self.tokens };
        ledger.set_limit(&self.pot, Some(&limit).filter(|_| !self.unlimited))?;
        super::show::Args.run(app)
    }
}

fn amount(text: &str) -> Result<Money, String> {
    let told = || "write an amount such as `2.50`, with at most nine decimals".to_owned();
    Money::parse(text).filter(|money| money.0 >= 0).ok_or_else(told)
}

fn currency(text: &str) -> Result<String, String> {
    let good = text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
    good.then(|| text.to_owned()).ok_or_else(|| "write three capital letters such as `USD`".into())
}
