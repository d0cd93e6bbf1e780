//! `windlass inventory host`: the variables of one host.

use windlass_fleet::inventory::show;
use windlass_model::Code;

use super::sources::{Shown, Sources};
use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;

/// Prints all variables of one host, as JSON
///
/// These are the host's own variables and those of its groups, each with the value that wins. Passwords are
/// shown as ********, unless `--show-secrets` asks for them.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass inventory host web1 -i hosts.yaml
  windlass inventory host web1 -i hosts.yaml | jq .ansible_host")]
pub(crate) struct Args {
    /// The host's name, as the inventory has it
    name: String,

    #[command(flatten)]
    sources: Sources,

    #[command(flatten)]
    shown: Shown,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let inventory = self.sources.load(app)?;
        let Some(host) = inventory.host(&self.name) else {
            let told = Error::told(Code::NoHosts, format!("the inventory has no host `{}`", self.name));
            let names: Vec<String> = inventory.hosts().map(|host| host.name().to_string()).collect();
            return Err(match windlass_yaml::nearest(&self.name, names.iter().map(String::as_str)) {
                Some(near) => told.hint(format!("did you mean `{near}`?")),
                None => told.hint("`windlass inventory graph` shows all hosts"),
            });
        };
        app.out.json(&show::host(&inventory, host, &self.shown.view()))?;
        Ok(Exit::Done)
    }
}
