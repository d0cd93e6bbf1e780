//! `windlass gate`: the small program that does the work on hosts, looked at and brought there or away by hand.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use windlass_fleet::Reach;
use windlass_fleet::executor::{CHUNK, Host};
use windlass_model::{Code, Failure};

use super::hosts::Hosts;
use crate::app::App;
use crate::compose;
use crate::drive;
use crate::error::Error;
use crate::exit::Exit;
use crate::render::{Grid, Tone, tame};

/// Looks after the program that does the work on hosts
///
/// Steps on hosts are done by a small program, the gate. It is brought to a host when a step first needs it, under
/// the hash of its content, into a folder that only its user can read, and it ends with its connection. Nothing of
/// this has to be done by hand; these commands show it, do it ahead of time, and take it back.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass gate info -i hosts.yaml            who the gates are; they are brought there where they are not
  windlass gate push -i hosts.yaml 'web*'     bring them there ahead of time
  windlass gate clean -i hosts.yaml           leave nothing of ours on the hosts")]
pub(crate) struct Args {
    /// What to do
    #[arg(value_enum)]
    what: What,

    #[command(flatten)]
    hosts: Hosts,

    /// Which hosts
    #[arg(default_value = "all")]
    pattern: String,
}

/// What can be done with gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Say who they are
    Info,
    /// Bring them to their hosts
    Push,
    /// Remove them
    Clean,
}

/// What a host said.
struct Said {
    host: Arc<str>,
    result: Result<serde_json::Value, Failure>,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let inventory = self.hosts.inventory(app)?;
        let names = windlass_engine::Hosts::select(&inventory, &self.pattern)
            .map_err(|why| Error::told(Code::NoHosts, format!("`{}`: {why}", self.pattern)))?;
        let hosts: Vec<Host> = names.iter().map(|name| Host::of(inventory.inventory(), name)).collect();
        let (reach, what) = (compose::reach(app)?, self.what);
        let said = drive::block_on(async move { Ok(visit(reach, what, hosts).await) })?;
        show(&said, what, app)?;
        Ok(if said.iter().all(|said| said.result.is_ok()) { Exit::Done } else { Exit::Failed })
    }
}

/// Visits all hosts, some at once; the answers come in the inventory's order.
async fn visit(reach: Reach, what: What, hosts: Vec<Host>) -> Vec<Said> {
    let slots = Arc::new(Semaphore::new(CHUNK));
    let mut visits = JoinSet::new();
    for (place, host) in hosts.into_iter().enumerate() {
        let (reach, slots) = (reach.clone(), slots.clone());
        visits.spawn(async move {
            let _slot = slots.acquire().await;
            (place, one(&reach, what, &host).await)
        });
    }
    let mut said = Vec::new();
    while let Some(done) = visits.join_next().await {
        said.extend(done);
    }
    reach.close().await;
    said.sort_by_key(|(place, _)| *place);
    said.into_iter().map(|(_, said)| said).collect()
}

async fn one(reach: &Reach, what: What, host: &Host) -> Said {
    let cancel = CancellationToken::new();
    let name = host.target.host.clone();
    let result = match what {
        _ if host.target.local => Ok(json!({ "local": true })),
        What::Clean => reach.clean(&host.target, &cancel).await.map(|()| json!({ "clean": true })),
        What::Info | What::Push => {
            let info = reach.greet(&host.target, &cancel).await;
            info.map(|info| serde_json::to_value(info).unwrap_or_default())
        }
    };
    Said { host: name, result }
}

fn show(said: &[Said], what: What, app: &App) -> Result<(), Error> {
    if app.json {
        let hosts: serde_json::Map<String, serde_json::Value> = said
            .iter()
            .map(|said| {
                let told = match &said.result {
                    Ok(told) => told.clone(),
                    Err(error) => json!({ "error": error }),
                };
                (said.host.to_string(), told)
            })
            .collect();
        return app.out.json(&hosts);
    }
    let palette = app.ui.data;
    let mut grid = Grid::new(&["HOST", "GATE"]);
    for Said { host, result } in said {
        let text = match result {
            Ok(told) if told["local"] == true => palette.paint(Tone::Faint, "this machine: it needs none"),
            Ok(_) if what == What::Clean => palette.paint(Tone::Good, "clean"),
            Ok(told) => {
                let field = |name: &str| tame(told[name].as_str().unwrap_or_default());
                let text = format!("{} {}  {}", field("arch"), field("release"), field("path"));
                palette.paint(Tone::Good, &text)
            }
            Err(error) => palette.paint(Tone::Bad, &format!("{} [{}]", tame(&error.message), error.code)),
        };
        grid.row([tame(host), text]);
    }
    app.out.block(&grid.show(palette, app.ui.data_width()))
}
