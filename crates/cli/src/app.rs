//! What every command has: the streams, the environment, the folder, and the store that belongs to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use windlass_engine::Invoker;
use windlass_fleet::Reach;
use windlass_model::{Code, RunId};
use windlass_store::{Filter, LEDGER_FILE, Pot, Scope, Store};

use crate::args::Globals;
use crate::error::Error;
use crate::out::Out;
use crate::ui::Ui;

/// What every command has.
#[derive(Debug)]
pub(crate) struct App {
    /// Standard output.
    pub(crate) out: Arc<Out>,
    /// The talk on standard error.
    pub(crate) ui: Ui,
    /// The environment, read once.
    pub(crate) env: BTreeMap<String, String>,
    /// The folder that the command works in.
    pub(crate) folder: PathBuf,
    /// Who asks.
    pub(crate) invoker: Invoker,
    /// Whether standard output takes exactly one JSON document.
    pub(crate) json: bool,
    /// Whether standard output takes events.
    pub(crate) events: bool,
    /// The ways to other hosts that were made.
    ways: Mutex<Vec<Reach>>,
}

impl App {
    /// Reads what there is to know of the process, and enters the folder that was asked for.
    pub(crate) fn new(globals: &Globals, env: BTreeMap<String, String>, ui: Ui) -> Result<Self, Error> {
        if let Some(folder) = &globals.directory {
            std::env::set_current_dir(folder).map_err(Error::file(folder))?;
        }
        let folder = std::env::current_dir().map_err(Error::file("."))?;
        Ok(Self {
            out: Arc::new(Out::default()),
            ui,
            invoker: Invoker::detect(&env),
            env,
            folder,
            json: globals.json,
            events: globals.events,
            ways: Mutex::default(),
        })
    }

    /// A way to other hosts; [`App::leave`] lets go of it.
    pub(crate) fn way(&self, reach: Reach) -> Reach {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner).push(reach.clone());
        reach
    }

    /// Lets go of all other hosts, when everything is done there.
    pub(crate) async fn leave(&self) {
        let ways = std::mem::take(&mut *self.ways.lock().unwrap_or_else(PoisonError::into_inner));
        for way in ways {
            way.leave().await;
        }
    }

    /// Where the state of this folder's project lies.
    pub(crate) fn scope(&self) -> Scope {
        Scope::find(&self.folder, self.env.get("WINDLASS_HOME").map(Path::new))
    }

    /// Where the state of this user lies that belongs to no project; none where nothing says where a home is.
    pub(crate) fn user_state(&self) -> Option<PathBuf> {
        let var = |name: &str| self.env.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let state = || var("XDG_STATE_HOME").or_else(|| Some(var("HOME")?.join(".local/state")));
        var("WINDLASS_HOME").or_else(|| Some(state()?.join("windlass")))
    }

    /// The file of the ledger that a budget is kept in.
    pub(crate) fn ledger(&self, pot: &Pot) -> Result<PathBuf, Error> {
        let folder = match pot {
            Pot::Project => self.scope().state,
            Pot::Key(_) | Pot::Day | Pot::Month => self.user_state().ok_or_else(|| {
                Error::told(Code::FileUnusable, "nothing says where this user's state lies")
                    .hint("set HOME or WINDLASS_HOME")
            })?,
        };
        Ok(folder.join(LEDGER_FILE))
    }

    /// The project's store; it is made if it is not there.
    pub(crate) fn store(&self) -> Result<Store, Error> {
        Ok(Store::open(&self.scope().state)?)
    }

    /// The project's store where there is one: a command that only looks leaves nothing behind.
    pub(crate) fn existing_store(&self) -> Result<Option<Store>, Error> {
        let state = self.scope().state;
        if state.is_dir() { Ok(Some(Store::open(&state)?)) } else { Ok(None) }
    }

    /// The run that a person means: an id, the beginning of one, or `latest`.
    pub(crate) fn find(&self, name: &str) -> Result<(Store, RunId), Error> {
        let unknown = || windlass_store::Error::UnknownRun { id: name.to_owned(), known: Vec::new() };
        let Some(store) = self.existing_store()? else { return Err(unknown().into()) };
        if name != "latest" {
            let id = store.find(name)?;
            return Ok((store, id));
        }
        let newest = store.runs(&Filter { limit: Some(1), ..Filter::default() })?;
        match newest.into_iter().next() {
            Some(row) => Ok((store, row.id)),
            None => Err(unknown().into()),
        }
    }

    /// Who answers, as the journal names them.
    pub(crate) fn person(&self) -> String {
        let name = ["USER", "LOGNAME"].iter().find_map(|name| self.env.get(*name));
        name.filter(|name| !name.is_empty()).cloned().unwrap_or_else(|| self.invoker.word().to_owned())
    }
}
