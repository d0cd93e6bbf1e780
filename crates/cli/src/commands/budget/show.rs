//! `windlass budget show`: how the budgets stand.

use serde_json::{Value, json};
use windlass_model::{Budget, Money};
use windlass_store::{Account, Holding, Ledger, Pot, Sum};

use crate::app::App;
use crate::compose;
use crate::error::Error;
use crate::exit::Exit;
use crate::project;
use crate::render::{Grid, Tone, date, now, tame};

/// Shows what the budgets may spend, have spent, hold back and have left
///
/// Of steps whose process died it is not known what they spent: they count at their bound, as `orphaned` until their
/// run is resumed or released. What `windlass.yaml` says has a line of its own.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass budget show
  windlass budget show --json | jq '.budgets[] | select(.budget == \"day\") | .left'")]
pub(crate) struct Args;

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let Standing { accounts, waiting } = Standing::of(app)?;
        if app.json {
            let all: Vec<Value> = accounts.iter().map(|(account, by)| account_json(account, *by)).collect();
            let waiting: Vec<Value> = waiting.iter().map(holding_json).collect();
            app.out.json(&json!({ "budgets": all, "waiting": waiting }))?;
            return Ok(Exit::Done);
        }
        if accounts.is_empty() {
            app.out.block("Nothing was spent, and no budget is set.")?;
            return Ok(Exit::Done);
        }
        let palette = app.ui.data;
        let mut grid = Grid::new(&["BUDGET", ">LIMIT", ">USED", ">RESERVED", ">LEFT", "RENEWS"]);
        for (account, by) in &accounts {
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
                tame(&format!("{}{}", account.pot, by.map_or("", |_| " (windlass.yaml)"))),
                limit_text(account.limit.as_ref()),
                sum_text(&account.used),
                sum_text(&reserved),
                if over { palette.paint(Tone::Bad, &left) } else { left },
                palette.paint(Tone::Faint, renews.trim_start()),
            ]);
        }
        app.out.block(&grid.show(palette, app.ui.data_width()))?;
        for Holding { run, steps, most, .. } in &waiting {
            app.ui.say(&format!(
                "run {run} is not running and holds {} back for {steps} of its steps: `windlass resume {run}` goes on \
                 with it, `windlass budget release {run}` counts that as spent",
                sum_text(most)
            ));
        }
        Ok(Exit::Done)
    }
}

/// All budgets there are, and the runs that hold something back of which nobody drives one.
struct Standing {
    /// How each stands, and where its limit is said if that is not the ledger.
    accounts: Vec<(Account, Option<&'static str>)>,
    waiting: Vec<Holding>,
}

impl Standing {
    fn of(app: &App) -> Result<Self, Error> {
        let (mut accounts, mut waiting) = (Vec::new(), Vec::new());
        let said = compose::limits(&project::budgets(app)?).shared;
        for own in [true, false] {
            let path = app.ledger(if own { &Pot::Project } else { &Pot::Day }).ok();
            let ledger = path.map(|path| Ledger::existing(&path)).transpose()?.flatten();
            let mut known: Vec<Account> = Vec::new();
            if let Some(ledger) = ledger {
                ledger.settle_lost()?;
                known = ledger.accounts(now())?;
                waiting.extend(ledger.holdings()?.into_iter().filter(|holding| !holding.driven));
            }
            let said = said.iter().filter(|(pot, _)| (*pot == Pot::Project) == own);
            let said: Vec<_> = said.map(|(pot, limit)| limited(&known, pot, limit)).collect();
            accounts.extend(known.into_iter().map(|account| (account, None)));
            accounts.extend(said.into_iter().map(|account| (account, Some("windlass.yaml"))));
        }
        // A run holds the same back on both ledgers.
        waiting.sort_by(|a: &Holding, b: &Holding| a.run.cmp(&b.run));
        waiting.dedup_by(|a, b| a.lease == b.lease);
        Ok(Self { accounts, waiting })
    }
}

/// A budget under a limit that the project says.
fn limited(known: &[Account], pot: &Pot, limit: &Budget) -> Account {
    let known = known.iter().find(|account| account.pot == *pot).cloned();
    let account = known.unwrap_or_else(|| Account::unused(pot.clone(), now()));
    Account { limit: Some(limit.clone()), ..account }
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

fn holding_json(holding: &Holding) -> Value {
    json!({ "run": holding.run, "steps": holding.steps, "most": sum_json(&holding.most) })
}

fn account_json(account: &Account, said_by: Option<&str>) -> Value {
    let mut told = json!({
        "budget": account.pot.to_string(),
        "limit": account.limit,
        "used": sum_json(&account.used),
        "bound": sum_json(&account.bound),
        "reserved": sum_json(&account.reserved),
        "orphaned": sum_json(&account.orphaned),
        "left": account.left(),
        "renews_at": account.renews_at,
    });
    if let Some(place) = said_by {
        told["said_by"] = place.into();
    }
    told
}
