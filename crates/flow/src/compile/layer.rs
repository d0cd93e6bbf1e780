//! Variables of one level, and what expressions at one place see of all levels.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use serde_json::Value;
use windlass_model::Location;

use super::uses::Uses;
use crate::document::{Named, Written};

/// A variable as it was written, with the space in which ids in it are short.
#[derive(Clone, Copy, Debug)]
pub(super) struct Var<'a> {
    pub at: &'a Location,
    pub written: &'a Written,
    pub space: usize,
}

/// The variables of one level.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer<'a>(pub BTreeMap<&'a str, Var<'a>>);

impl<'a> Layer<'a> {
    pub(super) fn new(vars: &'a Named, space: usize) -> Self {
        let mut layer = Self::default();
        layer.add(vars, space);
        layer
    }

    /// Adds variables that win over those added before.
    pub(super) fn add(&mut self, vars: &'a Named, space: usize) {
        for (name, written) in vars {
            self.0.insert(&name.value, Var { at: &name.at, written, space });
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.0.keys().copied()
    }
}

/// What is known of a variable when the plan is made.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Its value, where that needs nothing that only the run knows.
    pub value: Option<Value>,
    /// What it stands on.
    pub uses: Uses,
}

/// What a name stands for at one place.
pub(super) enum Found<'a> {
    /// Something that only the run knows: a result, an item of a loop, or a variable that may be another one
    /// further in.
    Live,
    Var(Var<'a>),
    Unknown,
}

/// What expressions at one place see.
pub(super) struct View<'a> {
    /// Items and indices of a loop.
    pub loops: Vec<&'a str>,
    /// Those of `loops` that may be secrets.
    pub tainted: bool,
    /// The step's own variables, with those of the blocks around it.
    pub step: Layer<'a>,
    /// Registered results and facts; for variables of a level also what is declared further in.
    pub live: Rc<BTreeSet<&'a str>>,
    /// Variables of the command line, which win.
    pub extra: Rc<Layer<'a>>,
    /// The variables of the task, the stage and the run.
    pub outer: Vec<Rc<Layer<'a>>>,
    /// The task that the place is in.
    pub task: Option<usize>,
    /// Whether the place is in a step that is left out, so that nothing of it is evaluated.
    pub idle: bool,
    pub answers: RefCell<HashMap<&'a str, Rc<Answer>>>,
    /// Variables that are being worked out, each for the one before it.
    pub open: RefCell<Vec<&'a str>>,
}

impl<'a> View<'a> {
    pub(super) fn new(live: Rc<BTreeSet<&'a str>>, extra: Rc<Layer<'a>>, outer: Vec<Rc<Layer<'a>>>) -> Self {
        Self {
            loops: Vec::new(),
            tainted: false,
            step: Layer::default(),
            live,
            extra,
            outer,
            task: None,
            idle: false,
            answers: RefCell::default(),
            open: RefCell::default(),
        }
    }

    pub(super) fn find(&self, name: &str) -> Found<'a> {
        if self.loops.contains(&name) {
            return Found::Live;
        }
        let extra = self.extra.0.get(name);
        if let (None, Some(var)) = (extra, self.step.0.get(name)) {
            return Found::Var(*var);
        }
        if self.live.contains(name) {
            return Found::Live;
        }
        match extra.or_else(|| self.outer.iter().find_map(|layer| layer.0.get(name))) {
            Some(var) => Found::Var(*var),
            None => Found::Unknown,
        }
    }

    /// All names that expressions see here, for suggestions.
    pub(super) fn names(&self) -> BTreeSet<&'a str> {
        let outer = self.outer.iter().flat_map(|layer| layer.names());
        let own = self.loops.iter().copied().chain(self.live.iter().copied());
        own.chain(self.step.names()).chain(self.extra.names()).chain(outer).collect()
    }
}
