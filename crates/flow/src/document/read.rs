//! Reads a document and the files that it includes; all problems of all of them are found in one go.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use windlass_engine::{Sections, Words};
use windlass_model::{BlobId, Code, Diagnostics, Policy, Source};
use windlass_yaml::{Limits, Map, Node, Reader, nearest};

use super::keywords::{self, Key, OWN_WORDS};
use super::{Document, Entry, Item, Placed, Stage, elsewhere, policy, rounds, secrets, vars};

/// What all files of one document share.
pub(super) struct Shelf<'a> {
    pub(super) words: &'a Words,
    pub(super) limits: &'a Limits,
    pub(super) root: &'a Path,
    /// The document's folder as messages name it.
    pub(super) shown: PathBuf,
    /// The included files that are being read, each included by the one before it.
    pub(super) open: RefCell<Vec<PathBuf>>,
    /// How many more files may be included: two includes in each of a few files would multiply.
    pub(super) left: Cell<u32>,
    /// How many blocks and included lists are open around the present step, over all files.
    pub(super) depth: Cell<u32>,
    pub(super) files: RefCell<BTreeMap<String, (BlobId, PathBuf)>>,
    pub(super) problems: RefCell<Diagnostics>,
}

/// Inclusions in one document; a document with more is a mistake, and would not be readable anyway.
const MAX_INCLUDES: u32 = 1000;

/// One text that is being read.
pub(super) struct File<'a> {
    pub(super) reader: &'a Reader,
    pub(super) shelf: &'a Shelf<'a>,
    /// The folder that the paths of its includes start at, as it is reached from the document's.
    pub(super) folder: PathBuf,
}

/// Reads the tree of a document. What is wrong comes beside what could be read.
pub(crate) fn read(
    source: &Arc<Source>,
    node: &Node,
    root: &Path,
    words: &Words,
    limits: &Limits,
) -> (Option<Document>, Diagnostics) {
    let shelf = Shelf {
        words,
        limits,
        root,
        shown: Path::new(&source.name).parent().map(Path::to_path_buf).unwrap_or_default(),
        open: RefCell::default(),
        left: Cell::new(MAX_INCLUDES),
        depth: Cell::new(0),
        files: RefCell::default(),
        problems: RefCell::default(),
    };
    let reader = Reader::new(source);
    let document = File { reader: &reader, shelf: &shelf, folder: PathBuf::new() }.document(node);
    let mut problems = reader.into_problems();
    problems.extend(shelf.problems.into_inner());
    let files = shelf.files.into_inner();
    (document.map(|document| Document { files, ..document }), problems)
}

impl File<'_> {
    fn document(&self, node: &Node) -> Option<Document> {
        let reader = self.reader;
        if node.is_null() {
            let problem = reader.problem(Code::MissingKey, node.span, "the document is empty");
            reader.note(
                problem.hint("begin with `workflow: <name>` and `tasks:`; `windlass init` writes an example"),
            );
            return None;
        }
        let mut map = reader.map(node)?;
        elsewhere::refuse(reader, &mut map);
        map.required("workflow");
        let name = map.text("workflow");
        if let Some(empty) = name.as_ref().filter(|name| name.trim().is_empty()) {
            let problem = reader.problem(Code::BadValue, empty.span, "`workflow`: the name is empty");
            reader.note(problem.hint("write what the workflow does in a word or two"));
        }
        let description = map.text("description").map(|text| text.value).unwrap_or_default();
        let variables = vars::variables(reader, &mut map, "vars");
        let secrets = secrets::read(reader, &mut map);
        let (policy, strategy) = policy::run(reader, &mut map);
        let sections = self.sections(&mut map);
        if !map.has("tasks") && !map.has("stages") && map.key_span("tasks").is_none() {
            map.one_of(&["tasks", "stages"]);
        }
        let stages = self.stages(&mut map);
        let tasks = self.tasks(&mut map);
        map.finish();
        Some(Document {
            name: name.map(|name| name.value).unwrap_or_default(),
            description,
            vars: variables,
            secrets,
            policy,
            strategy,
            sections,
            stages,
            tasks,
            files: BTreeMap::new(),
        })
    }

    /// The keys that belong to step words, for their compilers to read.
    fn sections(&self, map: &mut Map<'_, '_>) -> Sections {
        let compilers = self.shelf.words.iter().filter_map(|word| self.shelf.words.get(word));
        let names: BTreeSet<&str> = compilers.flat_map(|compiler| compiler.sections()).copied().collect();
        let take = |name: &str| Some((name.to_owned(), map.node(name)?.clone()));
        Sections::new(self.reader.source(), names.into_iter().filter_map(take).collect())
    }

    fn stages(&self, map: &mut Map<'_, '_>) -> Vec<Stage> {
        let nodes = map.list("stages").map(|list| list.value).unwrap_or_default();
        nodes.iter().filter_map(|node| self.stage(node)).collect()
    }

    fn stage(&self, node: &Node) -> Option<Stage> {
        let reader = self.reader;
        let mut map = reader.map(node)?;
        elsewhere::refuse(reader, &mut map);
        map.required("name");
        let name = map.text("name").map(|name| Placed { at: reader.location(name.span), value: name.value });
        let name = name.unwrap_or_else(|| Placed { value: String::new(), at: reader.location(node.span) });
        let transaction = policy::transaction(&mut map);
        let stage = Stage {
            name,
            repeat: rounds::read(reader, &mut map, transaction),
            vars: vars::variables(reader, &mut map, "vars"),
            policy: Policy { transaction, ..policy::stage(reader, &mut map) },
            tasks: self.tasks(&mut map),
        };
        map.finish();
        Some(stage)
    }

    fn tasks(&self, map: &mut Map<'_, '_>) -> Vec<Entry> {
        let nodes = map.list("tasks").map(|list| list.value).unwrap_or_default();
        self.task_list(nodes)
    }

    pub(super) fn task_list(&self, nodes: &[Node]) -> Vec<Entry> {
        nodes.iter().filter_map(|node| self.entry(node)).collect()
    }

    /// The steps of a key.
    pub(super) fn steps(&self, map: &mut Map<'_, '_>, key: &str) -> Vec<Item> {
        let nodes = map.list(key).map(|list| list.value).unwrap_or_default();
        self.step_list(nodes)
    }

    pub(super) fn step_list(&self, nodes: &[Node]) -> Vec<Item> {
        nodes.iter().filter_map(|node| self.item(node)).collect()
    }

    /// Whether a key is a word that says what a step does.
    pub(super) fn is_word(&self, key: &str) -> bool {
        let word = short(key);
        OWN_WORDS.iter().any(|(own, _)| *own == word) || self.shelf.words.get(word).is_some()
    }

    /// All words, with keys that a step may have.
    fn suggestions<'k>(&'k self, tables: &[&'k [Key]], with_words: bool) -> Vec<&'k str> {
        let mut known = keywords::names(tables);
        if with_words {
            known.extend(OWN_WORDS.iter().map(|(word, _)| *word));
            known.extend(self.shelf.words.iter());
        }
        known
    }

    /// Notes every key that nobody took. With words, keys are named only where one is near: there are many.
    pub(super) fn finish(&self, mut map: Map<'_, '_>, tables: &[&[Key]], with_words: bool) {
        let known = self.suggestions(tables, with_words);
        for (key, _) in map.rest() {
            let name = key.as_str().unwrap_or_default();
            let problem =
                self.reader.problem(Code::UnknownKey, key.span, format!("unknown key `{}`", cut(name)));
            let hint = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.contains(&name) => "it cannot stand here".to_owned(),
                None => "`windlass schema workflow` lists the keys that can stand here".to_owned(),
            };
            self.reader.note(problem.hint(hint));
        }
        map.finish();
    }

    /// The nearest word.
    pub(super) fn nearest_word(&self, key: &str, tables: &[&[Key]]) -> Option<String> {
        nearest(short(key), self.suggestions(tables, true)).map(str::to_owned)
    }
}

/// A word without the name of Ansible's own collection before it.
pub(super) fn short(word: &str) -> &str {
    word.strip_prefix("ansible.builtin.").or_else(|| word.strip_prefix("ansible.legacy.")).unwrap_or(word)
}

/// A name for a message: the beginning of a long one.
pub(super) fn cut(name: &str) -> String {
    match name.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &name[..at]),
        None => name.to_owned(),
    }
}
