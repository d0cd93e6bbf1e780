//! `windlass budget show`: how the budgets stand.

use serde_json::{Value, json};
use windlass_model::{Budget, Money};
use windlass_store::{Account, Ledger, Pot, Sum};

use super::sum_text;
use super::waiting::{self, Waiting};
use crate::app::App;
use crate::compose;
use crate::error::Error;
use crate::exit::Exit;
use crate::project;
use crate::render::{Grid, Tone, date, now, tame};

/// Shows what the budgets may spend, have spent, hold back and have left
///
/// Of steps whose process died it is not known what they spent: they count at their bound, as `orphaned` until their
/// run is resumed or released, and each such run is named with what it holds. A step that died before its first request
/// was written down counts with all that it had held back. What `windlass.yaml` says has a line of its own.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass budget show
  windlass budget show --json | jq '.budgets[] | select(.budget == \"day\") | .left'")]
pub(crate) struct Args;

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let waiting = waiting::all(app)?;
        let accounts = accounts(app)?;
        if app.json {
            let all: Vec<Value> = accounts.iter().map(|(account, by)| account_json(account, *by)).collect();
            let waiting: Vec<Value> = waiting.iter().map(waiting_json).collect();
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
        for waiting in &waiting {
            app.ui.say(&tame(&format!("{}: {}", waiting.told(), waiting.advice())));
        }
        Ok(Exit::Done)
    }
}

/// How all budgets stand that there are, and where the limit of each is said if that is not the ledger.
fn accounts(app: &App) -> Result<Vec<(Account, Option<&'static str>)>, Error> {
    let mut accounts = Vec::new();
    let said = compose::limits(&project::budgets(app)?).shared;
    for own in [true, false] {
        let path = app.ledger(if own { &Pot::Project } else { &Pot::Day }).ok();
        let ledger = path.map(|path| Ledger::existing(&path)).transpose()?.flatten();
        let known = ledger.map(|ledger| ledger.accounts(now())).transpose()?.unwrap_or_default();
        let said = said.iter().filter(|(pot, _)| (*pot == Pot::Project) == own);
        let said: Vec<_> = said.map(|(pot, limit)| limited(&known, pot, limit)).collect();
        accounts.extend(known.into_iter().map(|account| (account, None)));
        accounts.extend(said.into_iter().map(|account| (account, Some("windlass.yaml"))));
    }
    Ok(accounts)
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

fn sum_json(sum: &Sum) -> Value {
    json!({ "tokens": sum.tokens, "kinds": sum.kinds, "costs": sum.costs })
}

fn waiting_json(Waiting { holding, elsewhere }: &Waiting) -> Value {
    let mut told = json!({ "run": holding.run, "steps": holding.steps, "most": sum_json(&holding.most) });
    if let Some(folder) = elsewhere {
        told["folder"] = folder.to_string_lossy().into();
    }
    told
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
