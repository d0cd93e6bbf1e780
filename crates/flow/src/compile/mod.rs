//! What a document means: its plan, or all that is wrong with it.

mod answer;
mod asked;
mod declared;
mod deed;
mod graph;
mod hosts;
mod layer;
mod paths;
mod place;
mod problems;
mod prompt;
mod rename;
mod rounds;
mod select;
mod step;
mod steps;
mod task;
mod texts;
mod uses;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Map, Value};
use windlass_engine::{CompileContext, Compiled, Error, Request, Unchecked, Words};
use windlass_model::{
    Code, Diagnostic, Diagnostics, Draft, Inputs, Intent, Inventory, Plan, Source, Stage, StageName,
};

use crate::document::{Document, Named, Placed, Written};
use declared::Declared;
use graph::Graph;
use layer::{Layer, View};
use problems::{Problems, problem};
use texts::{Look, node_of};

/// What compiling a document needs, and what it gathers on the way.
pub(super) struct Cx<'a> {
    document: &'a Document,
    request: &'a Request,
    words: &'a Words,
    root: &'a Path,
    graph: Graph<'a>,
    /// For each task, whether it is left out: it stands before the one to begin at.
    before_start: Vec<bool>,
    /// For each task, whether tags leave out all of its steps.
    by_tags: Vec<bool>,
    extra: Rc<Layer<'a>>,
    run: Rc<Layer<'a>>,
    stages: Vec<Rc<Layer<'a>>>,
    declared: Declared<'a>,
    /// What is known of hosts, and every name that some of them gives a value.
    inventory: Inventory,
    host_vars: BTreeSet<String>,
    /// Every name that some step registers.
    registered: BTreeSet<&'a str>,
    problems: Problems,
    env: RefCell<BTreeMap<String, Option<String>>>,
    /// What texts ask outside that only the run knows.
    unchecked: RefCell<BTreeSet<Unchecked>>,
    /// The files that patterns name.
    lists: RefCell<BTreeMap<String, Vec<String>>>,
    /// Templates that are looked up, whose own questions are noted.
    looked_up: RefCell<BTreeSet<String>>,
    /// Circles of variables that were told.
    circles: RefCell<BTreeSet<String>>,
    /// What step compilers note and record, for each text that steps come from.
    contexts: RefCell<Vec<(Arc<Source>, CompileContext)>>,
}

/// Compiles a document. `found` is what reading it found wrong: all problems come in one go.
pub(crate) fn compile(
    document: &Document,
    found: Diagnostics,
    request: &Request,
    words: &Words,
    root: &Path,
) -> Result<Compiled, Error> {
    let extra = extra_vars(request);
    let problems = Problems::default();
    problems.extend(found);
    tell_extra(&extra, &problems);
    let graph = Graph::new(document, &problems);
    let declared = Declared::new(document, &graph, &request.extra_vars);
    let inventory = request.hosts.as_ref().map(|hosts| hosts.inventory()).unwrap_or_default();
    let names = inventory.hosts.values().flat_map(|host| host.vars.keys());
    let host_vars = names.chain(inventory.common.keys()).cloned().collect();
    let mut cx = Cx {
        document,
        request,
        words,
        root,
        before_start: Vec::new(),
        by_tags: Vec::new(),
        extra: Rc::new(Layer::new(&extra, 0)),
        run: Rc::new(Layer::new(&document.vars, 0)),
        stages: document.stages.iter().map(|stage| Rc::new(Layer::new(&stage.vars, 0))).collect(),
        inventory,
        host_vars,
        registered: declared.registered.clone(),
        declared,
        graph,
        problems,
        env: RefCell::default(),
        unchecked: RefCell::default(),
        lists: RefCell::default(),
        looked_up: RefCell::default(),
        circles: RefCell::default(),
        contexts: RefCell::default(),
    };
    cx.before_start = cx.before_start();
    cx.by_tags = cx.by_tags();
    let draft = cx.draft();
    cx.finish(draft)
}

/// Reading found so much wrong that there is nothing to compile.
pub(crate) fn refuse(found: Diagnostics) -> Error {
    let problems = Problems::default();
    problems.extend(found);
    Error::Document(problems.sorted())
}

impl<'a> Cx<'a> {
    fn draft(&self) -> Draft {
        let document = self.document;
        let mut draft = Draft::new(&document.name, crate::BACKEND);
        draft.description.clone_from(&document.description);
        draft.policy = document.policy.clone();
        draft.policy.fail_fast = self.request.fail_fast.or(draft.policy.fail_fast);
        draft.policy.max_parallelism = self.request.max_parallelism.or(draft.policy.max_parallelism);
        draft.secrets = document.secrets.clone();
        draft.inventory = self.inventory.clone();
        draft.vars = self.run_vars();
        draft.stages = self.draft_stages();
        draft.tasks = (0..self.graph.tasks.len()).filter_map(|task| self.task(task)).collect();
        draft.policy.strategy = document.strategy.unwrap_or_else(|| prompt::strategy(&draft));
        draft
    }

    /// The variables of the run, those of the command line among them.
    fn run_vars(&self) -> Map<String, Value> {
        let mut vars = self.vars_of(&self.run, &self.level(vec![self.run.clone()], &self.declared.below_run));
        vars.extend(self.vars_of_extra());
        vars
    }

    fn vars_of_extra(&self) -> Map<String, Value> {
        let view = self.level(vec![self.run.clone()], &self.declared.below_run);
        let look = |space| Look { view: &view, space, lenient: false, argv: false };
        let settled = |written: &Written| self.settle(look(0), written, &written.node).to_json();
        self.extra.0.iter().map(|(name, var)| ((*name).to_owned(), settled(var.written))).collect()
    }

    /// What variables of a level see: that level, those around it, and that others may come further in.
    fn level(&self, outer: Vec<Rc<Layer<'a>>>, below: &Rc<BTreeSet<&'a str>>) -> View<'a> {
        View::new(below.clone(), self.extra.clone(), outer)
    }

    /// The variables of a level as the plan has them, without those that the command line overrides.
    fn vars_of(&self, layer: &Layer<'a>, view: &View<'a>) -> Map<String, Value> {
        let mut vars = Map::new();
        for (name, var) in &layer.0 {
            let look = Look { view, space: var.space, lenient: false, argv: false };
            let value = self.settle(look, var.written, &var.written.node).to_json();
            if !self.extra.0.contains_key(name) {
                vars.insert((*name).to_owned(), value);
            }
        }
        vars
    }

    fn draft_stages(&self) -> Vec<Stage> {
        let mut seen: BTreeMap<&str, &Placed<String>> = BTreeMap::new();
        let mut stages = Vec::new();
        for (number, stage) in self.document.stages.iter().enumerate() {
            let view =
                self.level(vec![self.stages[number].clone(), self.run.clone()], &self.declared.below_stages);
            let vars = self.vars_of(&self.stages[number], &view);
            if let Some(first) =
                seen.insert(&stage.name.value, &stage.name).filter(|first| !first.value.is_empty())
            {
                let message = format!("two stages have the name `{}`", first.value);
                let wrong = problem(Code::DuplicateStage, &stage.name.at, message);
                let wrong = wrong.related(first.at.clone(), "the other one stands here");
                self.problems.note(wrong.hint("rename one of them, or put the tasks of both into one"));
            }
            stages.extend(self.stage_name(number).map(|name| Stage {
                name,
                vars,
                policy: stage.policy.clone(),
                repeat: self.rounds(number),
            }));
        }
        stages
    }

    fn stage_name(&self, number: usize) -> Option<StageName> {
        let name = &self.document.stages[number].name;
        let bad = match StageName::new(&name.value) {
            Ok(name) => return Some(name),
            Err(bad) => bad,
        };
        if !name.value.is_empty() {
            let wrong = problem(Code::BadName, &name.at, format!("`name` of a stage: {bad}"));
            self.problems.note(wrong.hint("use letters, digits, `_`, `-` and `.`"));
        }
        None
    }

    /// The plan, unless something is wrong.
    fn finish(self, mut draft: Draft) -> Result<Compiled, Error> {
        let (mut files, mut blobs) = (BTreeMap::new(), BTreeMap::new());
        for (name, (content, path)) in &self.document.files {
            files.insert(name.clone(), content.clone());
            blobs.insert(content.clone(), path.clone());
        }
        for (_, context) in self.contexts.into_inner() {
            let noted = context.finish();
            self.problems.extend(noted.problems);
            files.extend(noted.files);
            blobs.extend(noted.blobs);
            draft.secrets.extend(noted.secrets);
        }
        let problems = self.problems.sorted();
        if !problems.is_empty() {
            return Err(Error::Document(problems));
        }
        draft.inputs = Inputs { env: self.env.into_inner(), files, lists: self.lists.into_inner() };
        let plan = draft.finish()?;
        let warnings = nothing_chosen(&plan, self.request).into_iter().collect();
        let unchecked = self.unchecked.into_inner().into_iter().collect();
        Ok(Compiled { plan, root: self.root.to_path_buf(), blobs, warnings, unchecked })
    }
}

/// Tags that no step has are more often a slip than a wish.
fn nothing_chosen(plan: &Plan, request: &Request) -> Option<String> {
    let mut steps = plan.tasks.iter().flat_map(|task| task.steps.iter());
    let by_tags = !request.tags.is_empty() || !request.skip_tags.is_empty();
    (by_tags && steps.all(|step| step.intent != Intent::Run))
        .then(|| "the tags leave out every step: nothing will be done".to_owned())
}

/// The variables of the command line, as if they stood in a text of their own.
fn extra_vars(request: &Request) -> Named {
    let source = Source::new("-e", "");
    let at = windlass_model::Location { source: source.clone(), span: Default::default() };
    let place = windlass_yaml::Node::new(at.span, windlass_yaml::Kind::Null);
    let vars = request.extra_vars.iter();
    vars.map(|(name, value)| {
        let written = Written { source: source.clone(), node: node_of(&place, value) };
        (Placed { value: name.clone(), at: at.clone() }, written)
    })
    .collect()
}

fn tell_extra(extra: &Named, problems: &Problems) {
    for (name, _) in extra {
        if crate::document::is_name(&name.value).is_err() {
            let message = format!("`-e`: `{}` cannot be the name of a variable", name.value);
            let wrong = Diagnostic::new(Code::ReservedName, message);
            problems
                .note(wrong.hint("names are letters, digits and `_`, and no word with a meaning of its own"));
        }
    }
}
