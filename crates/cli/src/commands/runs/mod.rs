//! `windlass runs`: what was run, and what is to become of it.

mod abort;
mod answer;
mod audit;
mod backup;
mod events;
mod export;
mod import;
mod list;
mod logs;
mod prune;
mod replay;
mod show;
mod shown;
mod trace;
mod undo;

use clap::Subcommand;

use super::resume;
use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;

/// Looks at runs, answers what they ask, ends and forgets them
///
/// A run is named by its id; the beginning of one is enough where it fits one run only, and `latest` stands for
/// the newest.
#[derive(Debug, clap::Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_long_help = "\
Examples:
  windlass runs list
  windlass runs show latest
  windlass runs logs 3fz -f
  windlass runs approve 3fz sign-off --note 'checked by Ada'
  windlass runs prune --older-than 30d"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

/// What can be done with runs.
#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Show(show::Args),
    Events(events::Args),
    Logs(logs::Args),
    Approve(answer::Approve),
    Reject(answer::Reject),
    Resume(resume::Args),
    Abort(abort::Args),
    Undo(undo::Args),
    Prune(prune::Args),
    Replay(replay::Args),
    Trace(trace::Args),
    Audit(audit::Args),
    Export(export::Args),
    Import(import::Args),
    Backup(backup::Args),
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        match self.command {
            Command::List(args) => args.run(app),
            Command::Show(args) => args.run(app),
            Command::Events(args) => args.run(app),
            Command::Logs(args) => args.run(app),
            Command::Approve(args) => args.run(app),
            Command::Reject(args) => args.run(app),
            Command::Resume(args) => args.run(app),
            Command::Abort(args) => args.run(app),
            Command::Undo(args) => args.run(app),
            Command::Prune(args) => args.run(app),
            Command::Replay(args) => args.run(app),
            Command::Trace(args) => args.run(app),
            Command::Audit(args) => args.run(app),
            Command::Export(args) => args.run(app),
            Command::Import(args) => args.run(app),
            Command::Backup(args) => args.run(app),
        }
    }
}
