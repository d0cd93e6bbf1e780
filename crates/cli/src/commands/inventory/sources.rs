//! Which inventories a command reads, and what of them it shows.

use std::collections::HashSet;

use windlass_fleet::inventory::{Inventory, Options, show::View};
use windlass_model::Code;

use crate::app::App;
use crate::error::Error;

/// Which inventories a command reads.
#[derive(Debug, clap::Args)]
pub(super) struct Sources {
    /// A file, a folder, a program or a list of hosts with commas; may be given several times
    ///
    /// Without it, ANSIBLE_INVENTORY says where the inventories are, with commas between them.
    #[arg(short, long = "inventory", value_name = "INVENTORY", value_hint = clap::ValueHint::AnyPath)]
    inventory: Vec<String>,
}

impl Sources {
    /// Reads them all. What is odd in them is told.
    pub(super) fn load(&self, app: &App) -> Result<Inventory, Error> {
        let options = Options::new(&app.folder);
        let sources = match self.inventory.is_empty() {
            false => self.inventory.clone(),
            true => app.env.get("ANSIBLE_INVENTORY").map(|named| options.sources(named)).unwrap_or_default(),
        };
        if sources.is_empty() {
            let told = Error::told(Code::UnreadInventory, "no inventory is named");
            return Err(told.hint("name one: `-i hosts.yaml`, or `-i web1,web2,` for a list of hosts"));
        }
        let inventory = Inventory::load(&sources, &options)?;
        for warning in inventory.warnings().iter() {
            let place = warning.location.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
            app.ui.warn(&format!("{place}{}", warning.message));
        }
        Ok(inventory)
    }
}

/// What of an inventory is shown.
#[derive(Debug, clap::Args)]
pub(super) struct Shown {
    /// Show passwords as they are, not as ********
    #[arg(long)]
    show_secrets: bool,
}

impl Shown {
    /// Everything.
    pub(super) fn view(&self) -> View {
        View { only: None, secrets: self.show_secrets }
    }
}

/// Only these hosts.
#[derive(Debug, clap::Args)]
pub(super) struct Limit {
    /// Only the hosts of this pattern, such as `web*:!web9`, or of a file: `@hosts.retry`
    #[arg(short, long, value_name = "PATTERN")]
    limit: Option<String>,
}

impl Limit {
    /// Leaves out what the limit does not mean. A limit that means no host is an error.
    pub(super) fn apply(&self, view: View, inventory: &Inventory, app: &App) -> Result<View, Error> {
        let Some(limit) = &self.limit else { return Ok(view) };
        let selection = inventory.select("all", Some(limit)).map_err(windlass_model::Diagnostic::from)?;
        for part in &selection.unmatched {
            app.ui.warn(&format!("nothing matches `{part}`"));
        }
        let only: HashSet<_> = selection.some(limit)?.into_iter().collect();
        Ok(View { only: Some(only), ..view })
    }
}
