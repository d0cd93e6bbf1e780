//! `windlass inventory`: hosts, groups and variables, as Ansible's inventories give them.

mod graph;
mod host;
mod list;
mod sources;

use clap::Subcommand;

use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;

/// Shows the hosts, groups and variables of inventories
///
/// Inventories are Ansible's: INI and YAML files, folders of them, programs that print JSON, and lists of hosts
/// such as `web1,web2,`. What lies in `group_vars/` and `host_vars/` beside them is read too.
#[derive(Debug, clap::Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_long_help = "\
Examples:
  windlass inventory graph -i hosts.yaml
  windlass inventory list -i hosts.ini -i more/ --limit 'web*:!web9'
  windlass inventory host web1 -i hosts.yaml
  ANSIBLE_INVENTORY=hosts.yaml windlass inventory graph web --vars"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

/// What is shown.
#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Graph(graph::Args),
    Host(host::Args),
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        match self.command {
            Command::List(args) => args.run(app),
            Command::Graph(args) => args.run(app),
            Command::Host(args) => args.run(app),
        }
    }
}
