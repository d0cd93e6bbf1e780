//! The names that a document declares, level by level: a variable that refers to a name which is declared
//! further in may mean another thing there, and is worked out by the run.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::graph::Graph;
use crate::document::{Block, Document, Item, Named, Step};

/// Names by the levels below which they are declared.
#[derive(Default)]
pub(super) struct Declared<'a> {
    /// By stages and everything in them.
    pub below_run: Rc<BTreeSet<&'a str>>,
    /// By tasks and everything in them.
    pub below_stages: Rc<BTreeSet<&'a str>>,
    /// For each task, by its steps.
    pub below_task: Vec<Rc<BTreeSet<&'a str>>>,
    /// Registered by any step.
    pub registered: BTreeSet<&'a str>,
}

impl<'a> Declared<'a> {
    /// Variables that `extra` overrides on all levels are declared nowhere.
    pub(super) fn new(document: &'a Document, graph: &Graph<'a>, extra: &Map<String, Value>) -> Self {
        let add = |names: &mut BTreeSet<&'a str>, vars: &'a Named| add(names, vars, extra);
        let mut declared = Self::default();
        let mut below_stages = BTreeSet::new();
        for place in &graph.tasks {
            let mut names = Names { extra, all: BTreeSet::new(), registered: BTreeSet::new() };
            names.items(&place.task.body);
            names.items(&place.task.cleanup);
            declared.registered.extend(&names.registered);
            names.all.extend(&names.registered);
            below_stages.extend(&names.all);
            add(&mut below_stages, &place.task.shared.vars);
            for (include, _) in &place.includes {
                add(&mut below_stages, &include.shared.vars);
                add(&mut below_stages, &include.defaults);
            }
            declared.below_task.push(Rc::new(names.all));
        }
        let mut below_run = below_stages.clone();
        document.stages.iter().for_each(|stage| add(&mut below_run, &stage.vars));
        declared.below_stages = Rc::new(below_stages);
        declared.below_run = Rc::new(below_run);
        declared
    }
}

fn add<'a>(names: &mut BTreeSet<&'a str>, vars: &'a Named, extra: &Map<String, Value>) {
    names.extend(vars.iter().map(|(name, _)| name.value.as_str()).filter(|name| !extra.contains_key(*name)));
}

/// The names that steps declare.
struct Names<'e, 'a> {
    extra: &'e Map<String, Value>,
    all: BTreeSet<&'a str>,
    registered: BTreeSet<&'a str>,
}

impl<'a> Names<'_, 'a> {
    fn items(&mut self, items: &'a [Item]) {
        for item in items {
            match item {
                Item::Step(step) => self.step(step),
                Item::Block(block) => self.block(block),
            }
        }
    }

    fn block(&mut self, block: &'a Block) {
        add(&mut self.all, &block.shared.vars, self.extra);
        add(&mut self.all, &block.defaults, self.extra);
        [&block.body, &block.rescue, &block.always].into_iter().for_each(|items| self.items(items));
    }

    fn step(&mut self, step: &'a Step) {
        add(&mut self.all, &step.shared.vars, self.extra);
        if let Some(repeat) = &step.repeat {
            self.all.insert(&repeat.item);
            self.all.extend(repeat.index.as_deref());
        }
        self.registered.extend(results(step));
    }
}

/// The names under which a step leaves results for later ones.
pub(super) fn results(step: &Step) -> impl Iterator<Item = &str> {
    let register = step.register.iter().map(|name| name.value.as_str());
    register.chain(facts(step))
}

/// The variables that `set_fact` sets.
fn facts(step: &Step) -> Vec<&str> {
    if step.word.as_ref().is_none_or(|word| word.value != "set_fact") {
        return Vec::new();
    }
    let node = &step.input.node;
    let args = step.args.iter().flat_map(|args| args.node.as_map().unwrap_or_default());
    let keys = node.as_map().unwrap_or_default().iter().chain(args).filter_map(|(key, _)| key.as_str());
    // In `set_fact: a=1 b=2` every word with a `=` names one; a name too many does no harm.
    let words = node.as_str().unwrap_or_default().split_whitespace().filter_map(|word| word.split_once('='));
    keys.chain(words.map(|(name, _)| name)).filter(|name| *name != "cacheable").collect()
}
