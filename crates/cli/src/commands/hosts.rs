//! What was typed about hosts, and the inventory that it means.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use windlass_engine::Secret;
use windlass_engine::saved::SavedPlan;
use windlass_fleet::Chosen;
use windlass_fleet::inventory::{Inventory, Options};
use windlass_model::Become;

use crate::app::App;
use crate::error::Error;

/// What can be typed about hosts.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Hosts {
    /// The inventory: a file, a folder, a program, or a list such as `web1,web2,`; may be given several times
    #[arg(short, long, value_name = "INVENTORY", value_hint = clap::ValueHint::AnyPath)]
    inventory: Vec<String>,

    /// Only these hosts of it, by a pattern or `@file`
    #[arg(short, long, value_name = "PATTERN")]
    limit: Option<String>,

    /// How many hosts a task works on at once, where it does not say [default: 10]
    #[arg(long, visible_alias = "forks", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) chunk: Option<u32>,

    /// Become another user on hosts, where steps do not say
    #[arg(short = 'b', long = "become")]
    role: bool,

    /// The user to become [default: root]
    #[arg(long, value_name = "USER")]
    become_user: Option<String>,

    /// By what means [default: sudo]
    #[arg(long, value_name = "HOW", value_parser = ["sudo", "su", "doas"])]
    become_method: Option<String>,
}

impl Hosts {
    /// The inventory that was named, by the command line or else by `ANSIBLE_INVENTORY`.
    pub(super) fn load(
        &self,
        document: Option<&Path>,
        app: &App,
    ) -> Result<Option<Arc<dyn windlass_engine::Hosts>>, Error> {
        let Some(sources) = self.sources(app)? else { return Ok(None) };
        let beside = document.and_then(Path::parent).map(Path::to_owned);
        Ok(Some(load(sources, self.limit.clone(), beside, app)?))
    }

    fn sources(&self, app: &App) -> Result<Option<Vec<String>>, Error> {
        match (&self.inventory, app.env.get("ANSIBLE_INVENTORY")) {
            (typed, _) if !typed.is_empty() => Ok(Some(typed.clone())),
            (_, Some(named)) if !named.is_empty() => Ok(Some(Options::new(&app.folder).sources(named))),
            _ if self.limit.is_some() => Err(no_inventory("`--limit` needs an inventory, and there is none")),
            _ => Ok(None),
        }
    }

    /// The inventory that was named, for a command that has no document.
    pub(super) fn inventory(&self, app: &App) -> Result<Chosen, Error> {
        match self.sources(app)? {
            Some(sources) => chosen(sources, self.limit.clone(), None, app),
            None => Err(no_inventory("hosts are known by an inventory, and there is none")),
        }
    }

    /// As whom steps run, where they do not say.
    pub(super) fn role(&self) -> Become {
        Become {
            on: self.role.then_some(true),
            user: self.become_user.clone(),
            method: self.become_method.clone(),
        }
    }
}

/// The same as [`chosen`], for a request.
fn load(
    sources: Vec<String>,
    limit: Option<String>,
    beside: Option<std::path::PathBuf>,
    app: &App,
) -> Result<Arc<dyn windlass_engine::Hosts>, Error> {
    Ok(Arc::new(chosen(sources, limit, beside, app)?))
}

/// Reads an inventory. Its sources are kept as whole paths, so that it can be read again from elsewhere.
fn chosen(
    sources: Vec<String>,
    limit: Option<String>,
    beside: Option<std::path::PathBuf>,
    app: &App,
) -> Result<Chosen, Error> {
    let whole = |source: String| match source.contains(',') {
        true => source,
        false => app.folder.join(source).to_string_lossy().into_owned(),
    };
    let sources: Vec<String> = sources.into_iter().map(whole).collect();
    let beside = beside.map(|folder| app.folder.join(folder));
    let inventory = Inventory::load(&sources, &Options { beside, ..Options::new(&app.folder) })?;
    for warning in inventory.warnings().iter() {
        app.ui.warn(&warning.to_string());
    }
    Ok(Chosen::new(inventory, sources, limit))
}

/// The inventory that a saved plan was made with, read again.
pub(crate) fn of_plan(
    saved: &SavedPlan,
    document: Option<&Path>,
    app: &App,
) -> Result<Option<Arc<dyn windlass_engine::Hosts>>, Error> {
    let asked = &saved.provenance.request;
    if asked.inventory.is_empty() {
        return Ok(None);
    }
    let document = document.or(saved.provenance.document.as_deref().map(Path::new));
    let beside = document.and_then(Path::parent).map(Path::to_owned);
    load(asked.inventory.clone(), asked.limit.clone(), beside, app).map(Some)
}

/// The passwords of a stored run's hosts, read again from where its inventory was.
pub(crate) fn passwords(options: &Value, root: &Path, app: &App) -> Result<Vec<(String, Secret)>, Error> {
    let Some(sources) = options["inventory"]["sources"].as_array() else { return Ok(Vec::new()) };
    let sources = sources.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    Ok(load(sources, None, Some(root.to_owned()), app)?.passwords())
}

fn no_inventory(why: &str) -> Error {
    Error::told(windlass_model::Code::NoInventory, why).hint("give one: `-i hosts.yaml`")
}
