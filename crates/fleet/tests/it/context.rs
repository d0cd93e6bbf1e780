//! A hand-made engine: compiles a step's text in a folder of its own, and runs it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use windlass_engine::redact::Redactor;
use windlass_engine::{
    Action, Actions, Blobs, Call, CompileContext, CompiledStep, Mode, Noted, Output, Progress, StateView,
    StepCall, StepContext, Stream, Values, Watch, Words,
};
use windlass_expr::{Scope, render_tree};
use windlass_model::{At, BlobId, Code, Diagnostics, Failure, RunId, Source, StepId, TaskId};
use windlass_yaml::{Limits, parse};

/// A folder, and what a step in it sees.
pub(crate) struct World {
    dir: TempDir,
    pub(crate) vars: Value,
    pub(crate) mode: Mode,
    pub(crate) cancel: CancellationToken,
    pub(crate) timeout: Option<Duration>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) lines: Arc<Lines>,
    /// What steps gave to keep.
    pub(crate) kept: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// The lines that were told while steps ran.
#[derive(Default)]
pub(crate) struct Lines(pub(crate) Mutex<Vec<(Stream, String)>>);

impl Watch for Lines {
    fn line(&self, _: At, stream: Stream, line: &str) {
        self.0.lock().unwrap().push((stream, line.to_owned()));
    }
}

/// A step that was compiled, with what it stands on.
pub(crate) struct Compiled {
    pub(crate) step: CompiledStep,
    pub(crate) blobs: BTreeMap<BlobId, PathBuf>,
    pub(crate) files: BTreeMap<String, BlobId>,
}

/// The contents that a plan stands on, and what steps gave to keep.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    files: BTreeMap<BlobId, PathBuf>,
    pub(crate) kept: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Blobs for Contents {
    fn read(&self, id: &BlobId) -> Result<Arc<[u8]>, Failure> {
        let path = self.files.get(id).ok_or_else(|| Failure::new(Code::MissingSource, "not in the store"))?;
        Ok(std::fs::read(path).unwrap().into())
    }

    fn keep(&self, content: &[u8]) -> Result<Option<BlobId>, Failure> {
        self.kept.lock().unwrap().push(content.to_vec());
        Ok(Some(BlobId::of(content)))
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            dir: TempDir::new().unwrap(),
            vars: json!({}),
            mode: Mode::default(),
            cancel: CancellationToken::new(),
            timeout: None,
            environment: BTreeMap::new(),
            lines: Arc::default(),
            kept: Arc::default(),
        }
    }

    pub(crate) fn vars(mut self, vars: Value) -> Self {
        self.vars = vars;
        self
    }

    pub(crate) fn check(mut self) -> Self {
        self.mode.check = true;
        self
    }

    pub(crate) fn diff(mut self) -> Self {
        self.mode.diff = true;
        self
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Compiles a step, a mapping with its word as the first key.
    pub(crate) fn compile(&self, text: &str) -> Result<Compiled, Diagnostics> {
        let source = Source::new("step.yaml", text);
        let node = parse(&source, &Limits::default()).unwrap();
        let cx = CompileContext::new(source, self.root().to_owned());
        let mut words = Words::default();
        words.add(windlass_fleet::words()).unwrap();
        let entries = node.as_map().unwrap();
        let (word, input) = &entries[0];
        let keys: Vec<_> = entries[1..].iter().map(|(key, node)| (key.as_str().unwrap(), node)).collect();
        let compiler = words.get(word.as_str().unwrap()).expect("a word");
        let call = StepCall { word: word.as_str().unwrap(), word_span: word.span, input, keys: &keys };
        let step = compiler.compile(&call, &cx);
        let Noted { problems, files, blobs, .. } = cx.finish();
        assert_eq!(step.is_none(), !problems.is_empty(), "a step or problems, not both: {problems}");
        problems.into_result(step).map(|step| Compiled { step: step.unwrap(), blobs, files })
    }

    /// Compiles a step and runs it.
    pub(crate) async fn run(&self, text: &str) -> Result<Output, Failure> {
        let compiled = self.compile(text).unwrap_or_else(|problems| panic!("{problems}"));
        self.perform(&compiled).await
    }

    /// Runs a compiled step as the engine does: the input is rendered first.
    pub(crate) async fn perform(&self, compiled: &Compiled) -> Result<Output, Failure> {
        let scope = Scope::from_json(&self.vars);
        let input = render_tree(&compiled.step.input, &scope).unwrap();
        let mut actions = Actions::default();
        windlass_fleet::actions(&crate::context::reach()).try_for_each(|action| actions.add(action)).unwrap();
        let action: Arc<dyn Action> = actions.get(&compiled.step.action).unwrap().clone();
        let own = || scope.clone();
        let immediate = action.immediate(&Call::new(&input, self.mode.check, true, &own));
        let blobs = Contents { files: compiled.blobs.clone(), kept: self.kept.clone() };
        let result = action.run(self.context(input, scope.clone(), Arc::new(blobs))).await;
        if let Some(immediate) = immediate {
            // Whichever way the engine takes, the same comes of it.
            assert_eq!(immediate, result);
        }
        result
    }

    fn context(&self, input: Value, scope: windlass_expr::Value, blobs: Arc<dyn Blobs>) -> StepContext {
        let at = At { task: 0, step: 0, host: 0, item: None };
        StepContext {
            run: RunId::new("r").unwrap(),
            task: TaskId::new("t").unwrap(),
            step: StepId::new("s").unwrap(),
            host: "localhost".into(),
            at,
            target: windlass_engine::Target::here(),
            attempt: 1,
            input,
            scope,
            environment: self.environment.clone(),
            mode: self.mode,
            root: self.root().into(),
            cancel: self.cancel.clone(),
            limit: None,
            deadline: self.timeout.map(|timeout| Instant::now() + timeout),
            progress: Progress::new(at, Some(self.lines.clone()), Arc::new(Redactor::default())),
            state: StateView::new(Values::default(), Vec::new()),
            blobs,
            cleanup: Default::default(),
            memory: Default::default(),
            notes: Default::default(),
        }
    }

    /// What is in the folder, by name.
    pub(crate) fn tree(&self, name: &str) -> BTreeSet<String> {
        fn walk(dir: &Path, prefix: &str, names: &mut BTreeSet<String>) {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
                if path.is_dir() && !path.is_symlink() {
                    walk(&path, &format!("{name}/"), names);
                }
                names.insert(name);
            }
        }
        let mut names = BTreeSet::new();
        walk(&self.path(name), "", &mut names);
        names
    }
}

/// The problems of a text, each as `line:column message (hint)`.
pub(crate) fn problems(world: &World, text: &str) -> Vec<String> {
    let problems = world.compile(text).err().expect("problems");
    problems
        .iter()
        .map(|problem| {
            let place = problem.location.as_ref().unwrap();
            let (line, column) = place.line_column();
            let name = if place.source.name == "step.yaml" { "" } else { &place.source.name };
            let hint = problem.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{name}{line}:{column} {} {}{hint}", problem.code, problem.message)
        })
        .collect()
}

/// A way to hosts that nothing here goes.
pub(crate) fn reach() -> windlass_fleet::Reach {
    windlass_fleet::Reach::new(windlass_ssh::Options::new("/nonexistent".into(), "nobody".into()), None)
}
