//! `windlass budget show`: how the budgets stand.

use serde_json::{Value, json};
use windlass_model::{Budget, Money};
use windlass_store::{Account, Ledger, Pot, Sum};

use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;
use crate::render::{Grid, Tone, date, now, tame};

/// Shows what the budgets may spend, have spent, hold back and have left
///
/// Of steps whose process died it is not known what they spent: they count at their bound, as `orphaned` until their
/// run is resumed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass budget show
  windlass budget show --json | jq '.budgets[] | select(.budget == \"day\") | .left'")]
pub(crate) struct Args;

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let mut accounts: Vec<Account> = Vec::new();
        for pot in [Pot::Project, Pot::Day] {
            let Ok(path) = app.ledger(&pot) else { continue };
            if let Some(ledger) = Ledger::existing(&path)? {
                accounts.extend(ledger.accounts(now())?);
            }
        }
        if app.json {
            let all: Vec<Value> = accounts.iter().map(account_json).collect();
            app.out.json(&json!({ "budgets": all }))?;
            return Ok(Exit::Done);
        }
        if accounts.is_empty() {
            app.out.block("Nothing was spent, and no budget is set.")?;
            return Ok(Exit::Done);
        }
        let palette = app.ui.data;
        let mut grid = Grid::new(&["BUDGET", ">LIMIT", ">USED", ">RESERVED", ">LEFT", "RENEWS"]);
        for account in &accounts {
            let left = account.left();
            let over = left.as_ref().is_some_and(|left| {
                left.tokens == Some(0) || left.cost.as_ref().is_some_and(|cost| cost.amount == Money::ZERO)
            });
            let left = limit_text(left.as_ref());
            let mut reserved = account.reserved.clone();
            reserved.add_sum(&account.orphaned);
            let mut renews = account.renews_at.map(date).unwrap_or_default();
            for (sum, why) in [(&account.orphaned, "orphaned"), (&account.bound, "at the bound")] {
                if !sum.is_zero() {
                    renews.push_str(&format!("  ({} {why})", sum_text(sum)));
                }
            }
            grid.row([
                tame(&account.pot.to_string()),
                limit_text(account.limit.as_ref()),
                sum_text(&account.used),
                sum_text(&reserved),
                if over { palette.paint(Tone::Bad, &left) } else { left },
                palette.paint(Tone::Faint, renews.trim_start()),
            ]);
        }
        app.out.block(&grid.show(palette, app.ui.data_width()))?;
        Ok(Exit::Done)
    }
}

fn limit_text(limit: Option<&Budget>) -> String {
    let Some(limit) = limit else { return "-".into() };
    let money = limit.cost.as_ref().map(|cost| format!("{} {}", cost.amount, cost.currency));
    let tokens = limit.tokens.map(|tokens| format!("{tokens} tokens"));
    money.into_iter().chain(tokens).collect::<Vec<_>>().join(", ")
}

fn sum_text(sum: &Sum) -> String {
    let money = sum.costs.iter().map(|(currency, amount)| format!("{amount} {currency}"));
    let tokens = (sum.tokens > 0).then(|| format!("{} tokens", sum.tokens));
    let all: Vec<String> = money.chain(tokens).collect();
    if all.is_empty() { "0".into() } else { all.join(", ") }
}

fn sum_json(sum: &Sum) -> Value {
    json!({ "tokens": sum.tokens, "kinds": sum.kinds, "costs": sum.costs })
}

fn account_json(account: &Account) -> Value {
    json!({
        "budget": account.pot.to_string(),
        "limit": account.limit,
        "used": sum_json(&account.used),
        "bound": sum_json(&account.bound),
        "reserved": sum_json(&account.reserved),
        "orphaned": sum_json(&account.orphaned),
        "left": account.left(),
        "renews_at": account.renews_at,
    })
}
