//! The backend `workflow/dag`: how workflow documents take part in the lifecycle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use windlass_engine::{Backend, BackendKey, Capability, Compiled, Error, Loaded, Request, Words};
use windlass_model::{Diagnostics, SecretRef, Source};
use windlass_yaml::Limits;

use crate::document::{self, Document};
use crate::{compile, config};

/// The backend's key, as `mode/name`.
pub const BACKEND: &str = "workflow/dag";

/// Workflow documents.
#[derive(Clone, Debug)]
pub struct Flow {
    words: Arc<Words>,
    limits: Limits,
}

/// A document that was read, with what is wrong with it so far.
struct Read {
    document: Option<Document>,
    problems: Diagnostics,
    /// What is worth telling of the text itself.
    warnings: Vec<String>,
    root: PathBuf,
    /// What `validate` compiled, so that `plan` has nothing to do again.
    compiled: OnceLock<Compiled>,
}

impl Flow {
    /// Documents whose steps may use these words, besides `run` and `approve`.
    pub fn new(words: Arc<Words>) -> Self {
        Self { words, limits: Limits::default() }
    }

    /// Compiles a text; its relative paths start at `root`. The error has all that is wrong with it.
    pub fn compile_text(
        &self,
        source: &Arc<Source>,
        root: &Path,
        request: &Request,
    ) -> Result<Compiled, Error> {
        self.compile(&self.read(source, root)?, request)
    }

    /// The JSON schema of documents, for editors and for `windlass schema workflow`.
    pub fn schema(&self) -> Value {
        crate::schema::schema(&self.words)
    }

    fn read(&self, source: &Arc<Source>, root: &Path) -> Result<Read, Error> {
        let mut node = windlass_yaml::parse(source, &self.limits)?;
        let mut warnings = Vec::new();
        if config::is_config(source, &node) {
            let translated = config::translate(source, &node);
            warnings = translated.warnings;
            match translated.node {
                Some(document) => node = document,
                None => return Ok(Read::new(root, None, translated.problems, warnings)),
            }
        }
        let (document, problems) = document::read(source, &node, root, &self.words, &self.limits);
        Ok(Read::new(root, document, problems, warnings))
    }

    fn compile(&self, read: &Read, request: &Request) -> Result<Compiled, Error> {
        let Some(document) = &read.document else { return Err(compile::refuse(read.problems.clone())) };
        let mut compiled =
            compile::compile(document, read.problems.clone(), request, &self.words, &read.root)?;
        compiled.warnings.splice(0..0, read.warnings.iter().cloned());
        Ok(compiled)
    }
}

impl Read {
    fn new(root: &Path, document: Option<Document>, problems: Diagnostics, warnings: Vec<String>) -> Self {
        Self { document, problems, warnings, root: root.to_path_buf(), compiled: OnceLock::new() }
    }
}

/// What another backend loaded is not a document of this one: a mistake of the program.
fn own(loaded: &Loaded) -> Result<&Read, Error> {
    let foreign = || Error::Panic(format!("{BACKEND} was given what another backend loaded"));
    loaded.downcast_ref().ok_or_else(foreign)
}

impl Backend for Flow {
    fn key(&self) -> BackendKey {
        BackendKey::new("workflow", "dag")
    }

    fn capabilities(&self) -> BTreeSet<Capability> {
        [
            Capability::DryRun,
            Capability::PlanExecute,
            Capability::StructuredProgress,
            Capability::Reconcile,
            Capability::Check,
        ]
        .into()
    }

    /// A mapping with one of the keys that every workflow has; which of them is missing is told later. The
    /// configurations of claude-workflow are such mappings too.
    fn recognises(&self, source: &Source) -> bool {
        const KEYS: [&str; 3] = ["workflow", "tasks", "stages"];
        let text = source.text.trim_start_matches('\u{feff}');
        let key_of = |line: &str| {
            let (key, _) = line.split_once(':')?;
            Some(key.trim_end().trim_matches(['"', '\'']).to_owned())
        };
        if config::is_empty_config(source) {
            return true;
        }
        if text.trim_start().starts_with('{') {
            return KEYS.iter().any(|key| text.contains(key));
        }
        text.lines().filter_map(key_of).any(|key| KEYS.contains(&key.as_str()))
    }

    fn load(&self, source: &Arc<Source>, root: &Path, _: &Request) -> Result<Loaded, Error> {
        Ok(Box::new(self.read(source, root)?))
    }

    fn validate(&self, loaded: &Loaded, request: &Request) -> Result<(), Error> {
        let read = own(loaded)?;
        let compiled = self.compile(read, request)?;
        // A second validation gives the same plan: whichever is kept will do.
        let _ = read.compiled.set(compiled);
        Ok(())
    }

    fn secrets(&self, loaded: &Loaded) -> BTreeMap<String, SecretRef> {
        let compiled = own(loaded).ok().and_then(|read| read.compiled.get());
        compiled.map(|compiled| compiled.plan.secrets.clone()).unwrap_or_default()
    }

    fn plan(&self, loaded: &Loaded, request: &Request) -> Result<Compiled, Error> {
        let read = own(loaded)?;
        match read.compiled.get() {
            Some(compiled) => Ok(compiled.clone()),
            None => self.compile(read, request),
        }
    }

    /// `workflow.schema` is the JSON schema of documents.
    fn query(&self, name: &str, _: &Value) -> Option<Value> {
        (name == "workflow.schema").then(|| self.schema())
    }
}
