//! `windlass inventory graph`: groups, the groups in them and their hosts.

use windlass_fleet::inventory::show;
use windlass_model::Code;

use super::sources::{Limit, Shown, Sources};
use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;

/// Draws groups, the groups below them and their hosts
///
/// Lines with @ are groups. `--vars` adds the variables: each host's own and those of its groups below the
/// host, each group's below the group.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass inventory graph -i hosts.yaml
  windlass inventory graph web -i hosts.yaml --vars
  windlass inventory graph -i hosts.ini --limit '*.eu.example.com'")]
pub(crate) struct Args {
    /// The group to begin at
    #[arg(default_value = "all")]
    group: String,

    #[command(flatten)]
    sources: Sources,

    #[command(flatten)]
    limit: Limit,

    /// Show variables too
    #[arg(long)]
    vars: bool,

    #[command(flatten)]
    shown: Shown,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let inventory = self.sources.load(app)?;
        let view = self.limit.apply(self.shown.view(), &inventory, app)?;
        let Some(group) = inventory.group(&self.group) else {
            let told = Error::told(Code::NoHosts, format!("the inventory has no group `{}`", self.group));
            let names: Vec<String> = inventory.groups().map(|group| group.name().to_string()).collect();
            return Err(match windlass_yaml::nearest(&self.group, names.iter().map(String::as_str)) {
                Some(near) => told.hint(format!("did you mean `{near}`?")),
                None => told.hint("`windlass inventory graph` without a group shows all of them"),
            });
        };
        match app.json {
            true => app.out.json(&show::list(&inventory, &view))?,
            false => app.out.text(&show::graph(&inventory, group, self.vars, &view))?,
        }
        Ok(Exit::Done)
    }
}
