//! The commands, one file each: what a command takes is its struct, its help that struct's comment.

pub(crate) mod apply;
pub(crate) mod budget;
pub(crate) mod completions;
pub(crate) mod connections;
pub(crate) mod doctor;
pub(crate) mod exec;
pub(crate) mod explain;
pub(crate) mod gate;
pub(crate) mod graph;
pub(crate) mod hosts;
pub(crate) mod init;
pub(crate) mod inventory;
pub(crate) mod keeper;
pub(crate) mod man;
pub(crate) mod models;
pub(crate) mod plan;
mod request;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schema;
pub(crate) mod show;
pub(crate) mod validate;

use crate::app::App;
use crate::args::Command;
use crate::error::Error;
use crate::exit::Exit;

/// Does what was asked for.
pub(crate) fn run(command: Command, app: &App) -> Result<Exit, Error> {
    match command {
        Command::Run(args) => args.run(app),
        Command::Plan(args) => args.run(app),
        Command::Apply(args) => args.run(app),
        Command::Show(args) => args.run(app),
        Command::Validate(args) => args.run(app),
        Command::Graph(args) => args.run(app),
        Command::Exec(args) => args.run(app),
        Command::Gate(args) => args.run(app),
        Command::Connections(args) => args.run(app),
        Command::Resume(args) => args.run(app),
        Command::Runs(args) => args.run(app),
        Command::Inventory(args) => args.run(app),
        Command::Models(args) => args.run(app),
        Command::Budget(args) => args.run(app),
        Command::Init(args) => args.run(app),
        Command::Schema(args) => args.run(app),
        Command::Explain(args) => args.run(app),
        Command::Doctor(args) => args.run(app),
        Command::Completions(args) => args.run(app),
        Command::Man(args) => args.run(app),
        Command::Keeper(args) => args.run(),
    }
}
