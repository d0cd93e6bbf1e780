//! What a plan was made from, and how to make it again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use windlass_model::{Become, BlobId};
use windlass_store::Scope;

use super::Observed;
use crate::{BackendKey, Document, Error, Hosts, Invoker, Request, Unchecked};

/// What a plan was made from. The environment variables and files that it stands on are in the plan itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The version of Windlass that made it.
    pub windlass: String,
    /// The digest of the plan.
    pub digest: BlobId,
    /// The document's file, as an absolute path; none where the document was no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// What was asked for, beside the document.
    pub request: Asked,
    /// Who asked: `ci`, `local` or `api`.
    pub invoker: String,
    /// Whose runs it belongs to, where its maker said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Home>,
    /// What its steps found and would do.
    #[serde(default)]
    pub observed: Observed,
    /// What its expressions ask outside that applying it cannot compare.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<Unchecked>,
}

/// Where the runs of a project are remembered, and with them which plans were applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// The project's folder.
    pub project: String,
    /// The folder of its state.
    pub state: String,
}

impl Home {
    /// The home of a scope, the same by whichever links it is reached; none where its path is no text.
    pub fn of(scope: &Scope) -> Option<Self> {
        let text = |path: &Path| real(path).to_str().map(str::to_owned);
        Some(Self { project: text(&scope.project)?, state: text(&scope.state)? })
    }
}

/// The path without links, as far as it is there.
fn real(path: &Path) -> PathBuf {
    let path = &std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = path.ancestors().find_map(|part| Some((part, part.canonicalize().ok()?)));
    match there {
        Some((part, whole)) => match path.strip_prefix(part) {
            Ok(rest) if !rest.as_os_str().is_empty() => whole.join(rest),
            _ => whole,
        },
        None => path.to_owned(),
    }
}

/// What was asked for, beside the document: all that planning depends on but the environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Variables that win over the document's. A secret does not belong here.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra_vars: Map<String, Value>,
    /// Only steps with one of these tags.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// No step with one of these tags.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub skip_tags: BTreeSet<String>,
    /// The task to begin at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// An override of the document's policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_fast: Option<bool>,
    /// An override of the document's policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallelism: Option<u32>,
    /// The sources of the inventory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inventory: Vec<String>,
    /// What hosts of it were meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// How many hosts a task works on at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<u32>,
    /// As whom steps run on hosts.
    #[serde(default, rename = "become", skip_serializing_if = "Option::is_none")]
    pub role: Option<Become>,
}

impl Asked {
    pub(super) fn of(request: &Request) -> Self {
        let (inventory, limit) = request.hosts.as_ref().map(|hosts| hosts.sources()).unwrap_or_default();
        Self {
            inventory,
            limit,
            chunk: request.chunk,
            role: Some(request.role.clone()).filter(|role| *role != Become::default()),
            extra_vars: request.extra_vars.clone(),
            tags: request.tags.clone(),
            skip_tags: request.skip_tags.clone(),
            from: request.from.clone(),
            fail_fast: request.fail_fast,
            max_parallelism: request.max_parallelism,
        }
    }
}

/// What whoever applies a plan brings along.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The document, where it is no longer where it was, or was no file.
    pub document: Option<Document>,
    /// The environment that expressions and secrets read.
    pub env: BTreeMap<String, String>,
    /// The inventory that [`Asked::inventory`] names, read again.
    pub hosts: Option<Arc<dyn Hosts>>,
    /// Show differences.
    pub diff: bool,
    /// Who asks.
    pub invoker: Invoker,
}

impl Provenance {
    /// Refuses a store in which the plan could be applied a second time: where the project that it was made in
    /// is here, only that project's store knows whether it was applied.
    pub fn belongs(&self, scope: &Scope) -> Result<(), Error> {
        match (&self.scope, Home::of(scope)) {
            (Some(home), Some(here)) if *home != here && Path::new(&home.project).is_dir() => {
                Err(Error::OtherScope { home: home.clone() })
            }
            _ => Ok(()),
        }
    }

    /// The request that the plan was made from, with the environment as it is now.
    pub fn request(&self, backend: &str, caller: Caller) -> Result<Request, Error> {
        let there = || self.document.as_ref().map(|path| Document::Path(path.into()));
        let (mode, name) = backend.split_once('/').unwrap_or((backend, ""));
        let asked = self.request.clone();
        Ok(Request {
            document: Some(caller.document.or_else(there).ok_or(Error::NoDocument)?),
            backend: Some(BackendKey::new(mode, name)),
            extra_vars: asked.extra_vars,
            env: caller.env,
            tags: asked.tags,
            skip_tags: asked.skip_tags,
            from: asked.from,
            fail_fast: asked.fail_fast,
            max_parallelism: asked.max_parallelism,
            hosts: caller.hosts,
            chunk: asked.chunk,
            role: asked.role.unwrap_or_default(),
            diff: caller.diff,
            invoker: caller.invoker,
            ..Request::default()
        })
    }
}

/// The document's file, wherever the plan is applied from. A path that is no text cannot be written down.
pub(super) fn place(document: Option<&Document>) -> Result<Option<String>, Error> {
    let Some(Document::Path(path)) = document else { return Ok(None) };
    let whole = absolute(path)?;
    match whole.to_str() {
        Some(text) => Ok(Some(text.to_owned())),
        None => {
            let source = std::io::Error::other("a saved plan needs a path that is text");
            Err(Error::Io { path: whole, source })
        }
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|source| Error::Io { path: path.into(), source })
}
