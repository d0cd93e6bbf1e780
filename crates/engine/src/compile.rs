//! How a step's word in a document becomes an action in a plan: the registry that faces add their words to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use windlass_model::{BlobId, Code, Diagnostic, Diagnostics, Location, SecretRef, Source, Span};
use windlass_yaml::Node;

/// A step's word with what a person wrote after it.
#[derive(Clone, Copy, Debug)]
pub struct StepCall<'a> {
    /// The word: `copy`, `run`, `prompt`, ….
    pub word: &'a str,
    /// Where the word stands.
    pub word_span: Span,
    /// What was written after it.
    pub input: &'a Node,
    /// The other keys of the step that the compiler asked for in [`StepCompiler::keys`].
    pub keys: &'a [(&'a str, &'a Node)],
}

/// What a step becomes in the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct CompiledStep {
    /// The action that does it.
    pub action: Arc<str>,
    /// The action's parameters; strings may be templates, which are rendered before the step runs.
    pub input: Value,
    /// State keys that it writes.
    pub produces: Vec<String>,
    /// State keys that it may write, or not.
    pub offers: Vec<String>,
    /// State keys that it reads.
    pub consumes: Vec<String>,
}

impl CompiledStep {
    /// A step that does `action` with `input`.
    pub fn new(action: impl Into<Arc<str>>, input: Value) -> Self {
        let (produces, offers, consumes) = Default::default();
        Self { action: action.into(), input, produces, offers, consumes }
    }
}

/// Turns steps of some words into actions.
pub trait StepCompiler: Send + Sync + 'static {
    /// The words that it knows.
    fn words(&self) -> Vec<&str>;

    /// Other keys of a step that belong to its words, such as `model` beside `prompt`.
    fn keys(&self) -> &[&'static str] {
        &[]
    }

    /// Keys of the whole document that belong to its words, such as `providers` beside `tasks`.
    fn sections(&self) -> &[&'static str] {
        &[]
    }

    /// Turns one step into an action; `None` when problems were noted.
    fn compile(&self, call: &StepCall<'_>, cx: &CompileContext) -> Option<CompiledStep>;

    /// The JSON schema of what stands after `word`, for `windlass schema`.
    fn schema(&self, word: &str) -> Value;
}

/// What a compiler may ask for, and where it notes problems.
#[derive(Debug)]
pub struct CompileContext {
    /// The document.
    pub source: Arc<Source>,
    /// The document's folder: paths in it are relative to this.
    pub root: PathBuf,
    sections: Sections,
    noted: std::cell::RefCell<Noted>,
}

/// The keys of a document that belong to step words: what stands after each, in the document's text.
#[derive(Clone, Debug, Default)]
pub struct Sections(Option<Arc<Section>>);

/// A text with what stands after some of its keys.
type Section = (Arc<Source>, BTreeMap<String, Node>);

impl Sections {
    /// What stands after each of those keys in `source`.
    pub fn new(source: &Arc<Source>, sections: BTreeMap<String, Node>) -> Self {
        Self((!sections.is_empty()).then(|| Arc::new((source.clone(), sections))))
    }

    /// What stands after a key, with the text that its places lie in.
    pub fn get(&self, key: &str) -> Option<(&Arc<Source>, &Node)> {
        let (source, sections) = &**self.0.as_ref()?;
        Some((source, sections.get(key)?))
    }

    /// Whether these are the very same, not only alike.
    pub fn same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

/// What compilers noted and recorded.
#[derive(Debug, Default)]
pub struct Noted {
    /// What is wrong.
    pub problems: Diagnostics,
    /// The files that the plan stands on, by the name that the document gives them.
    pub files: BTreeMap<String, BlobId>,
    /// Where each of their contents can be read.
    pub blobs: BTreeMap<BlobId, PathBuf>,
    /// Secrets that steps need besides those that the document declares.
    pub secrets: BTreeMap<String, SecretRef>,
}

impl CompileContext {
    /// A context for one document in one folder.
    pub fn new(source: Arc<Source>, root: PathBuf) -> Self {
        Self { source, root, sections: Sections::default(), noted: Default::default() }
    }

    /// The same with the keys of the document that belong to step words.
    #[must_use]
    pub fn with_sections(self, sections: Sections) -> Self {
        Self { sections, ..self }
    }

    /// The keys of the document that belong to step words.
    pub fn sections(&self) -> &Sections {
        &self.sections
    }

    /// Notes a problem.
    pub fn note(&self, problem: Diagnostic) {
        self.noted.borrow_mut().problems.push(problem);
    }

    /// A problem at a place of this document.
    pub fn problem(&self, code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, message).at(Location { source: self.source.clone(), span })
    }

    /// Hashes a file that the plan stands on and records it, so that it is kept in the store and a resume
    /// needs nothing else. `name` is what the document calls it.
    pub fn file(&self, name: &str) -> std::io::Result<BlobId> {
        let path = self.root.join(name);
        let id = BlobId::of(&std::fs::read(&path)?);
        let mut noted = self.noted.borrow_mut();
        noted.files.insert(name.to_owned(), id.clone());
        noted.blobs.insert(id.clone(), path);
        Ok(id)
    }

    /// Says that a step needs a secret that the document does not declare. It is had before anything runs, and is
    /// taken out of results like every other; its name is one that no document can declare, with a `:` in it.
    pub fn secret(&self, name: &str, from: SecretRef) {
        self.noted.borrow_mut().secrets.insert(name.to_owned(), from);
    }

    /// Whether a path of the document leads to a folder.
    pub fn is_folder(&self, name: &str) -> bool {
        self.root.join(name).is_dir()
    }

    /// The document's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What was noted and recorded.
    pub fn finish(self) -> Noted {
        self.noted.into_inner()
    }
}

/// The step words that documents may use.
#[derive(Clone, Default)]
pub struct Words(BTreeMap<String, Arc<dyn StepCompiler>>);

impl Words {
    /// Adds a compiler's words. A word of two compilers is a mistake of the program, told at once.
    pub fn add(&mut self, compiler: Arc<dyn StepCompiler>) -> Result<(), crate::Error> {
        for word in compiler.words() {
            if self.0.insert(word.to_owned(), compiler.clone()).is_some() {
                return Err(crate::Error::Duplicate { what: "step word", name: word.to_owned() });
            }
        }
        Ok(())
    }

    /// The compiler of a word.
    pub fn get(&self, word: &str) -> Option<&Arc<dyn StepCompiler>> {
        self.0.get(word)
    }

    /// All words, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
