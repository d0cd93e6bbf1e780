//! A task of the plan: its variables and conditions, and its steps in a row.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value;
use windlass_model::{Policy, Step, TaskDraft, TaskMore};

use super::Cx;
use super::declared::results;
use super::graph::Place;
use super::layer::{Layer, View};
use super::steps::{Around, Strand};
use super::texts::Look;
use crate::document::{Item, Shared, Written, millis};

impl<'a> Cx<'a> {
    /// The task's id for messages.
    pub(super) fn id_text(&self, task: usize) -> &str {
        let place = &self.graph.tasks[task];
        let written = || place.task.id.as_ref().map_or("?", |id| &id.value);
        place.id.as_ref().map_or_else(written, |id| id.as_str())
    }

    /// Compiles a task; `None` where it has no usable id. What is wrong is told all the same.
    pub(super) fn task(&self, number: usize) -> Option<TaskDraft> {
        let place = &self.graph.tasks[number];
        let mut outer = vec![Rc::new(task_layer(place))];
        outer.extend(place.stage.map(|stage| self.stages[stage].clone()));
        outer.push(self.run.clone());
        let own = self.task_view(number, &outer, self.declared.below_task[number].clone());
        let vars = self.vars_of(&outer[0], &own);
        let when = self.task_when(place, &self.task_view(number, &outer, Rc::default()));
        let outputs = self.outputs(number, place, &outer);
        let (body, cleanup, blocks) = self.strand(number, place, &outer);
        let (hosts, rollout) = self.hosts(place.task, place.space, &own);
        let more = TaskMore {
            rollout,
            description: self.description(place, &own),
            when,
            vars,
            outputs,
            policy: Policy {
                timeout_ms: place.task.timeout.map(millis),
                retry: place.task.retry,
                transaction: place.task.transaction,
                ..Policy::default()
            },
            tags: sorted(&base(place).tags),
        };
        let mut draft = TaskDraft::new(place.id.clone()?);
        draft.hosts = hosts;
        draft.stage = place.stage.and_then(|stage| self.stage_name(stage));
        draft.needs = place.needs.iter().filter_map(|&need| self.graph.tasks[need].id.clone()).collect();
        draft.body = body;
        draft.cleanup = cleanup;
        draft.blocks = blocks;
        draft.more = more;
        Some(draft)
    }

    fn task_view(&self, task: usize, outer: &[Rc<Layer<'a>>], live: Rc<BTreeSet<&'a str>>) -> View<'a> {
        let mut view = View::new(live, self.extra.clone(), outer.to_vec());
        view.task = Some(task);
        view
    }

    /// The conditions of the task, after those of the includes that bring it in.
    fn task_when(&self, place: &Place<'a>, view: &View<'a>) -> Vec<String> {
        let look = |space| Look { view, space, lenient: false, argv: false };
        let mut when = Vec::new();
        for (shared, space) in levels(place) {
            when.extend(shared.when.iter().map(|condition| self.condition(look(space), condition)));
        }
        when.retain(|text| text != "true");
        when
    }

    /// What the task hands on. The fields of its last result are known to the run alone.
    fn outputs(&self, number: usize, place: &Place<'a>, outer: &[Rc<Layer<'a>>]) -> BTreeMap<String, Value> {
        let mut live = BTreeSet::new();
        gather(&place.task.body, &mut live);
        let view = self.task_view(number, outer, Rc::new(live));
        let look = Look { view: &view, space: place.space, lenient: true, argv: false };
        let settled = |written: &Written| self.settle(look, written, &written.node).to_json();
        let outputs = place.task.outputs.iter().map(|(name, written)| (name.value.clone(), settled(written)));
        let outputs: BTreeMap<String, Value> = outputs.collect();
        // One that does not run has no result to take them from.
        if self.is_left_out(number) { BTreeMap::new() } else { outputs }
    }

    fn description(&self, place: &Place<'a>, view: &View<'a>) -> String {
        let look = Look { view, space: place.space, lenient: false, argv: false };
        let name = place.task.name.as_ref().map(|name| self.text(look, name)).unwrap_or_default();
        match (name.is_empty(), place.task.description.is_empty()) {
            (_, true) => name,
            (true, _) => place.task.description.clone(),
            _ => format!("{name}: {}", place.task.description),
        }
    }

    /// A text for people.
    pub(super) fn text(&self, look: Look<'_, 'a>, written: &Written) -> String {
        match self.settle(look, written, &written.node).to_json() {
            Value::String(text) => text,
            Value::Null => String::new(),
            // A number keeps the digits that were written: `1.10`.
            other => written.node.text().map_or_else(|| other.to_string(), str::to_owned),
        }
    }

    fn strand(&self, number: usize, place: &Place<'a>, outer: &[Rc<Layer<'a>>]) -> Rows {
        let around = base(place);
        let mut strand = Strand::new(self, number, place.space, outer);
        strand.reserve(&place.task.body);
        strand.reserve(&place.task.cleanup);
        strand.items(&place.task.body, &around);
        let (mut body, blocks) = strand.take();
        hand_down(&mut body, &place.task.produces, &place.task.consumes);
        strand.cleanup(&place.task.cleanup, &around);
        let (mut cleanup, _) = strand.take();
        cleanup.reverse();
        (body, cleanup, blocks)
    }
}

/// The body, the cleanup in the order in which it runs, and the blocks of the body.
type Rows = (Vec<Step>, Vec<Step>, Vec<windlass_model::Block>);

/// The keywords of the includes that bring a task in, and its own, each with the space that it is written in.
fn levels<'p, 'a>(place: &'p Place<'a>) -> impl Iterator<Item = (&'a Shared, usize)> + 'p {
    let includes = place.includes.iter().map(|(include, space)| (&include.shared, *space));
    includes.chain([(&place.task.shared, place.space)])
}

/// The variables of a task: its own win over the parameters of an include, and those over the file's.
fn task_layer<'a>(place: &Place<'a>) -> Layer<'a> {
    let mut layer = Layer::default();
    for (include, space) in &place.includes {
        layer.add(&include.defaults, place.space);
        layer.add(&include.shared.vars, *space);
    }
    layer.add(&place.task.shared.vars, place.space);
    layer
}

/// What the steps of a task inherit. Conditions and variables stay with the task.
fn base<'a>(place: &Place<'a>) -> Around<'a> {
    let mut around = Around::default();
    for (shared, space) in levels(place) {
        around.inherit(shared, space);
    }
    around
}

pub(super) fn sorted(tags: &BTreeSet<&str>) -> Vec<String> {
    tags.iter().map(|tag| (*tag).to_owned()).collect()
}

fn gather<'a>(items: &'a [Item], live: &mut BTreeSet<&'a str>) {
    for item in items {
        match item {
            Item::Step(step) => live.extend(results(step)),
            Item::Block(block) => {
                [&block.body, &block.rescue, &block.always].into_iter().for_each(|items| gather(items, live));
            }
        }
    }
}

/// A task's keys: its first step must have what it reads, and its last one leaves what it writes.
fn hand_down(body: &mut Vec<Step>, produces: &[String], consumes: &[String]) {
    if !consumes.is_empty() && !body.is_empty() {
        let first = body.remove(0);
        body.insert(0, first.with(|more| more.consumes = merged(&more.consumes, consumes)));
    }
    if let Some(last) = body.pop_if(|_| !produces.is_empty()) {
        body.push(last.with(|more| more.produces = merged(&more.produces, produces)));
    }
}

pub(super) fn merged(one: &[String], other: &[String]) -> Vec<String> {
    let all: BTreeSet<&String> = one.iter().chain(other).collect();
    all.into_iter().cloned().collect()
}
