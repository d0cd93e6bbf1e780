//! `windlass inventory list`: all groups, hosts and variables, as data.

use windlass_fleet::inventory::show;

use super::sources::{Limit, Shown, Sources};
use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;

/// Prints all groups and hosts with their variables, as JSON or YAML
///
/// The JSON is what `ansible-inventory --list` prints and what a dynamic inventory prints, so it can be read
/// again as one. Each host has all of its variables, those of its groups among them.
///
/// Values of `ansible_password`, `ansible_become_password` and the like are shown as ********, unless
/// `--show-secrets` asks for them.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass inventory list -i hosts.yaml
  windlass inventory list -i hosts.ini --yaml > hosts.yaml
  windlass inventory list -i hosts.ini --limit 'web:&prod' | jq '._meta.hostvars'
  windlass inventory list -i ./aws.py --show-secrets")]
pub(crate) struct Args {
    #[command(flatten)]
    sources: Sources,

    #[command(flatten)]
    limit: Limit,

    /// As a YAML inventory instead of JSON
    #[arg(short, long)]
    yaml: bool,

    #[command(flatten)]
    shown: Shown,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let inventory = self.sources.load(app)?;
        let view = self.limit.apply(self.shown.view(), &inventory, app)?;
        match self.yaml && !app.json {
            true => app.out.block(&show::yaml(&show::tree(&inventory, &view)))?,
            false => app.out.json(&show::list(&inventory, &view))?,
        }
        Ok(Exit::Done)
    }
}
