//! Backends: who turns a document into a plan, chosen by `(mode, name)` from a registry built by hand.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use windlass_model::{Become, BlobId, Plan, SecretRef, Source};

use crate::capability::Capability;
use crate::cleanup::CleanupStack;
use crate::{Error, Hosts, Invoker};

/// What was asked for, whoever asked: the command line, the HTTP API or a Rust caller.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The document, as a path or as a text.
    pub document: Option<Document>,
    /// The backend, as `(mode, name)`; by default what the document says it is.
    pub backend: Option<BackendKey>,
    /// Variables that win over the document's (`-e`).
    pub extra_vars: Map<String, Value>,
    /// The environment that expressions and secrets read. The library reads no other.
    pub env: BTreeMap<String, String>,
    /// Only steps with one of these tags; empty for all.
    pub tags: BTreeSet<String>,
    /// No step with one of these tags.
    pub skip_tags: BTreeSet<String>,
    /// Leave out the tasks that this one needs: begin here.
    pub from: Option<String>,
    /// Stop before execution and show the plan.
    pub dry_run: bool,
    /// Execute in check mode: predict, and change nothing.
    pub check: bool,
    /// Show differences.
    pub diff: bool,
    /// Overrides of the document's policy, where given.
    pub fail_fast: Option<bool>,
    /// Overrides of the document's policy, where given.
    pub max_parallelism: Option<u32>,
    /// The hosts that there are besides this machine.
    pub hosts: Option<Arc<dyn Hosts>>,
    /// How many hosts a task works on at once, where it does not say.
    pub chunk: Option<u32>,
    /// As whom steps run on hosts, where they do not say.
    pub role: Become,
    /// Who asks.
    pub invoker: Invoker,
}

/// A document: where it is, or what it says.
#[derive(Clone, Debug)]
pub enum Document {
    /// A file.
    Path(PathBuf),
    /// A text with the folder that its relative paths start at.
    Text {
        /// The text.
        source: Arc<Source>,
        /// The folder.
        root: PathBuf,
    },
}

/// The key of a backend: its mode and its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackendKey {
    /// What kind of thing it rolls out: `workflow`, `docker`, `gitops`, ….
    pub mode: String,
    /// By what means: `dag`, `compose`, `flux`, ….
    pub name: String,
}

impl BackendKey {
    /// The key `mode/name`.
    pub fn new(mode: impl Into<String>, name: impl Into<String>) -> Self {
        Self { mode: mode.into(), name: name.into() }
    }
}

impl fmt::Display for BackendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.mode, self.name)
    }
}

/// What a backend made of a document in `load` and hands to its own later phases.
pub type Loaded = Box<dyn Any + Send + Sync>;

/// A plan with what it stands on.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The plan.
    pub plan: Plan,
    /// The folder of relative paths and local commands.
    pub root: PathBuf,
    /// Where the contents that the plan names can be read, by hash.
    pub blobs: BTreeMap<BlobId, PathBuf>,
    /// Things worth telling that stop nothing.
    pub warnings: Vec<String>,
    /// What its expressions ask outside that is no part of the plan's inputs.
    pub unchecked: Vec<Unchecked>,
}

impl Compiled {
    /// A plan that stands on nothing outside, for steps in the folder `root`.
    pub fn new(plan: Plan, root: impl Into<PathBuf>) -> Self {
        let (blobs, warnings, unchecked) = Default::default();
        Self { plan, root: root.into(), blobs, warnings, unchecked }
    }
}

/// Something that an expression asks outside and only the run knows: whoever applies the plan later cannot compare it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unchecked {
    /// Where it stands, as `file:line:column`.
    pub at: String,
    /// What it is.
    pub what: String,
}

/// Turns documents of one kind into plans. It takes part in every phase, writes to no stream, changes no
/// global state, and registers what it makes on the cleanup stack.
pub trait Backend: Send + Sync + 'static {
    /// Its mode and name.
    fn key(&self) -> BackendKey;

    /// What it can do. Each is checked against what a request needs before anything is touched.
    fn capabilities(&self) -> BTreeSet<Capability>;

    /// Whether a document is of its kind, by a look at its text: how `run FILE` finds the backend.
    fn recognises(&self, source: &Source) -> bool;

    /// Reads what the document says. Finds all problems at once, touches nothing.
    fn load(&self, source: &Arc<Source>, root: &std::path::Path, request: &Request) -> Result<Loaded, Error>;

    /// Checks what it stands on, beyond the text itself. Finds all problems at once, touches nothing.
    fn validate(&self, loaded: &Loaded, request: &Request) -> Result<(), Error>;

    /// The secrets that a run of it needs, with where each comes from: what the environment and files do not have is
    /// told before anything is touched.
    fn secrets(&self, loaded: &Loaded) -> BTreeMap<String, SecretRef> {
        let _ = loaded;
        BTreeMap::new()
    }

    /// Makes sessions and credentials ready, each with its cleanup.
    fn prepare(&self, loaded: &mut Loaded, request: &Request, cleanup: &CleanupStack) -> Result<(), Error> {
        let _ = (loaded, request, cleanup);
        Ok(())
    }

    /// Decides what will be done: the same inputs give the same bytes.
    fn plan(&self, loaded: &Loaded, request: &Request) -> Result<Compiled, Error>;

    /// Answers a question about what it knows, for the server.
    fn query(&self, name: &str, input: &Value) -> Option<Value> {
        let _ = (name, input);
        None
    }
}

/// The backends of a program.
#[derive(Clone, Default)]
pub struct Backends(BTreeMap<BackendKey, Arc<dyn Backend>>);

impl Backends {
    /// Adds a backend. Two of one key are a mistake of the program, told at once.
    pub fn add(&mut self, backend: Arc<dyn Backend>) -> Result<(), Error> {
        let key = backend.key();
        match self.0.insert(key.clone(), backend) {
            None => Ok(()),
            Some(_) => Err(Error::Duplicate { what: "backend", name: key.to_string() }),
        }
    }

    /// The backend of a key; an unknown one is an error that lists what is registered.
    pub fn resolve(&self, key: &BackendKey) -> Result<&Arc<dyn Backend>, Error> {
        self.0.get(key).ok_or_else(|| {
            let names = |mode: &str| {
                self.0.keys().filter(|k| k.mode == mode).map(|k| k.name.clone()).collect::<Vec<_>>()
            };
            match names(&key.mode) {
                known if known.is_empty() => Error::UnknownMode {
                    mode: key.mode.clone(),
                    known: self
                        .0
                        .keys()
                        .map(|k| k.mode.clone())
                        .collect::<BTreeSet<_>>()
                        .into_iter()
                        .collect(),
                },
                known => Error::UnknownBackend { mode: key.mode.clone(), name: key.name.clone(), known },
            }
        })
    }

    /// The backend whose kind a document is of.
    pub fn recognise(&self, source: &Source) -> Option<&Arc<dyn Backend>> {
        self.0.values().find(|backend| backend.recognises(source))
    }

    /// All backends, by key.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Backend>> {
        self.0.values()
    }
}

impl fmt::Debug for Backends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
