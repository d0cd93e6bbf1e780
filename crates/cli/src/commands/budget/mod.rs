//! `windlass budget`: what the project, a key, a day and a month may spend, and what they spent.

mod release;
mod set;
mod show;
pub(crate) mod waiting;

use clap::Subcommand;
use windlass_store::Sum;

use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;

/// Shows and sets what may be spent
///
/// A run has its own budget in its document. Beyond it, budgets can be set for the project in whose folder the command
/// is given, and, for all projects of a user, for a named key of a provider, for each day and for each month; `budgets`
/// of `windlass.yaml` says the same for a project and whoever works on it, and where both say something both hold. What
/// a step may cost at most is held back on all of them before it starts, and a step that does not fit one is refused.
/// Days and months are those of UTC.
#[derive(Debug, clap::Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_long_help = "\
Examples:
  windlass budget show
  windlass budget set day --amount 5 --currency USD
  windlass budget set project --tokens 2000000
  windlass budget set key:work --amount 100 --currency USD
  windlass budget set month --unlimited"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

/// What is done with budgets.
#[derive(Debug, Subcommand)]
enum Command {
    Show(show::Args),
    Set(set::Args),
    Release(release::Args),
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        match self.command {
            Command::Show(args) => args.run(app),
            Command::Set(args) => args.run(app),
            Command::Release(args) => args.run(app),
        }
    }
}

/// Money by currency, and tokens.
fn sum_text(sum: &Sum) -> String {
    let money = sum.costs.iter().map(|(currency, amount)| format!("{amount} {currency}"));
    let tokens = (sum.tokens > 0).then(|| format!("{} tokens", sum.tokens));
    let all: Vec<String> = money.chain(tokens).collect();
    if all.is_empty() { "0".into() } else { all.join(", ") }
}
