//! The steps of a task in a row: blocks become ranges, and every step gets an id of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use windlass_model::{Become, Block as Range, Code, Location, OnDoubt, Step, StepId};

use super::Cx;
use super::declared::results;
use super::layer::Layer;
use super::problems::problem;
use crate::document::{Block, Condition, Item, Placed, Shared, Step as Written, Written as Value};

/// What a step inherits from the blocks and the task around it.
#[derive(Clone, Default)]
pub(super) struct Around<'a> {
    pub when: Vec<(&'a Condition, usize)>,
    pub vars: Layer<'a>,
    pub environment: Vec<(&'a Placed<String>, &'a Value, usize)>,
    pub tags: BTreeSet<&'a str>,
    pub ignore_errors: Option<bool>,
    pub ignore_unreachable: Option<bool>,
    pub no_log: Option<bool>,
    pub on_doubt: Option<OnDoubt>,
    pub chdir: Option<(&'a Value, usize)>,
    pub role: Become,
    pub delegate_to: Option<(&'a Value, usize)>,
    pub run_once: Option<bool>,
}

impl<'a> Around<'a> {
    /// Adds the keywords of a level further in, but its conditions and variables.
    pub(super) fn inherit(&mut self, shared: &'a Shared, space: usize) {
        self.environment.extend(shared.environment.iter().map(|(name, value)| (name, value, space)));
        self.tags.extend(shared.tags.iter().map(String::as_str));
        self.ignore_errors = shared.ignore_errors.or(self.ignore_errors);
        self.ignore_unreachable = shared.ignore_unreachable.or(self.ignore_unreachable);
        self.no_log = shared.no_log.or(self.no_log);
        self.on_doubt = shared.on_doubt.or(self.on_doubt);
        self.chdir = shared.chdir.as_ref().map(|chdir| (chdir, space)).or(self.chdir);
        self.role = over(&shared.role, &self.role);
        self.delegate_to = shared.place.delegate_to.as_ref().map(|name| (name, space)).or(self.delegate_to);
        self.run_once = shared.place.run_once.or(self.run_once);
    }

    /// What a step or a block has, within this.
    pub(super) fn with(&self, shared: &'a Shared, space: usize) -> Self {
        let mut inner = self.clone();
        inner.when.extend(shared.when.iter().map(|condition| (condition, space)));
        inner.vars.add(&shared.vars, space);
        inner.inherit(shared, space);
        inner
    }
}

/// As whom a step runs, where the nearer word wins.
pub(super) fn over(near: &Become, far: &Become) -> Become {
    Become {
        on: near.on.or(far.on),
        user: near.user.clone().or_else(|| far.user.clone()),
        method: near.method.clone().or_else(|| far.method.clone()),
    }
}

/// The steps of one task on their way into a row.
pub(super) struct Strand<'c, 'a> {
    pub cx: &'c Cx<'a>,
    pub task: usize,
    pub space: usize,
    pub outer: Vec<Rc<Layer<'a>>>,
    /// What earlier steps have registered.
    pub live: Rc<BTreeSet<&'a str>>,
    ids: BTreeMap<String, Option<Location>>,
    /// The last number that was put behind each base of an id.
    numbers: BTreeMap<String, u32>,
    steps: Vec<Step>,
    blocks: Vec<Range>,
    /// Whether the steps come from a file that may come in several times.
    included: bool,
}

impl<'c, 'a> Strand<'c, 'a> {
    pub(super) fn new(cx: &'c Cx<'a>, task: usize, space: usize, outer: &[Rc<Layer<'a>>]) -> Self {
        Self {
            cx,
            task,
            space,
            outer: outer.to_vec(),
            live: Rc::default(),
            ids: BTreeMap::new(),
            numbers: BTreeMap::new(),
            steps: Vec::new(),
            blocks: Vec::new(),
            included: false,
        }
    }

    /// The steps and the blocks so far.
    pub(super) fn take(&mut self) -> (Vec<Step>, Vec<Range>) {
        (std::mem::take(&mut self.steps), std::mem::take(&mut self.blocks))
    }

    /// Keeps the ids that are written out for the steps that have them.
    pub(super) fn reserve(&mut self, items: &'a [Item]) {
        for item in items {
            match item {
                Item::Step(step) => self.reserve_id(step),
                // What an include brings in may come in twice: its ids give way.
                Item::Block(block) if block.included => {}
                Item::Block(block) => {
                    [&block.body, &block.rescue, &block.always]
                        .into_iter()
                        .for_each(|items| self.reserve(items));
                }
            }
        }
    }

    fn reserve_id(&mut self, step: &'a Written) {
        let Some(id) = &step.id else { return };
        if let Some(Some(first)) = self.ids.insert(id.value.clone(), Some(id.at.clone())) {
            let message = format!("two steps of the task have the id `{}`", id.value);
            let wrong =
                problem(Code::DuplicateStep, &id.at, message).related(first, "the other one stands here");
            self.cx.problems.note(wrong.hint("rename one of them, or leave `id` out"));
        }
    }

    pub(super) fn items(&mut self, items: &'a [Item], around: &Around<'a>) {
        for item in items {
            match item {
                Item::Step(step) => self.add(step, around),
                Item::Block(block) => self.block(block, around),
            }
        }
    }

    fn add(&mut self, step: &'a Written, around: &Around<'a>) {
        let compiled = self.step(step, &around.with(&step.shared, self.space));
        self.steps.push(compiled);
        if step.register.is_some() || step.word.as_ref().is_some_and(|word| word.value == "set_fact") {
            Rc::make_mut(&mut self.live).extend(results(step));
        }
    }

    fn block(&mut self, block: &'a Block, around: &Around<'a>) {
        let mut inner = around.clone();
        inner.vars.add(&block.defaults, self.space);
        let inner = inner.with(&block.shared, self.space);
        let outside = self.included;
        self.included |= block.included;
        let at = self.blocks.len();
        let is_range = !block.rescue.is_empty() || !block.always.is_empty();
        let start = self.steps.len() as u32;
        if is_range {
            // Outer blocks come before inner ones: the place is kept until the ends are known.
            self.blocks.push(Range { start, rescue: start, always: start, end: start });
        }
        self.items(&block.body, &inner);
        let rescue = self.steps.len() as u32;
        self.items(&block.rescue, &inner);
        let always = self.steps.len() as u32;
        self.items(&block.always, &inner);
        if is_range {
            self.blocks[at] = Range { start, rescue, always, end: self.steps.len() as u32 };
        }
        self.included = outside;
    }

    /// The steps of a cleanup, in the order of the document.
    pub(super) fn cleanup(&mut self, items: &'a [Item], around: &Around<'a>) {
        for item in items {
            if let Item::Block(block) = item {
                self.refuse_rescue(block);
            }
        }
        self.items(items, around);
    }

    fn refuse_rescue(&self, block: &Block) {
        for inner in &block.body {
            if let Item::Block(inner) = inner {
                self.refuse_rescue(inner);
            }
        }
        let first = block.rescue.first().or(block.always.first());
        if let Some(place) = first.and_then(place_of) {
            let wrong = problem(Code::Misplaced, place, "`rescue` and `always` cannot stand in a `cleanup`");
            self.cx.problems.note(wrong.hint("each step of a cleanup runs, whatever became of the others"));
        }
    }

    /// An id for a step: its own, or one made of its name or its word.
    pub(super) fn id(&mut self, step: &Written, name: &str) -> StepId {
        let name = if step.alone { "" } else { name };
        if let Some(id) = step.id.as_ref().filter(|_| !self.included) {
            match StepId::new(&id.value) {
                Ok(id) => return id,
                Err(bad) => {
                    let wrong = problem(Code::BadName, &id.at, format!("`id`: {bad}"));
                    self.cx.problems.note(wrong.hint("what people should read goes into `name`"));
                }
            }
        }
        let word = step.word.as_ref().map_or("step", |word| &word.value);
        let base = [step.id.as_ref().map_or("", |id| &id.value), name, word].into_iter().map(slug);
        let base = base.into_iter().find(|slug| !slug.is_empty()).unwrap_or_else(|| "step".to_owned());
        let number = self.numbers.entry(base.clone()).or_insert(0);
        loop {
            *number += 1;
            let id = if *number == 1 { base.clone() } else { format!("{base}-{number}") };
            if self.ids.contains_key(&id) {
                continue;
            }
            self.ids.insert(id.clone(), None);
            return StepId::new(&id).expect("a slug is short, and made of what ids are made of");
        }
    }
}

fn place_of(item: &Item) -> Option<&Location> {
    match item {
        Item::Step(step) => Some(&step.at),
        Item::Block(block) => block.body.first().and_then(place_of),
    }
}

/// What fits into a path: words in small letters with `-` between them, of a text without its expressions.
fn slug(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        add_words(&mut out, before);
        rest = after.split_once("}}").map_or("", |(_, after)| after);
    }
    add_words(&mut out, rest);
    out
}

/// The longest part of a name that becomes a part of an id, in bytes.
const MAX_SLUG: usize = 48;

fn add_words(out: &mut String, text: &str) {
    for word in text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()) {
        let word = word.to_lowercase();
        // Lower case may add marks that are no letters: `İ`.
        let word: String = word.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
        if out.len() + word.len() >= MAX_SLUG {
            return;
        }
        if !out.is_empty() {
            out.push('-');
        }
        out.push_str(&word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_of_names() {
        for (name, want) in [
            ("Render the config", "render-the-config"),
            ("  a/b: c!  ", "a-b-c"),
            ("copy {{ item }} to {{ dest }}", "copy-to"),
            ("{{ name }}", ""),
            ("größe", "größe"),
            ("snake_case", "snake_case"),
            (&"word ".repeat(100), "word-word-word-word-word-word-word-word-word"),
        ] {
            assert_eq!(slug(name), want, "{name}");
        }
    }
}
