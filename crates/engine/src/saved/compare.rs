//! How two plans differ, in words that a person finds in the document.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};
use windlass_model::{Plan, Stage, Step, Task};

use super::stale::{Change, Part, Turn};

/// What has changed from one plan to the other; nothing where they are the same. Inputs come first: what
/// follows in tasks and steps often comes from them.
pub(super) fn plans(old: &Plan, new: &Plan) -> Vec<Change> {
    let mut found = Vec::new();
    maps(&old.inputs.env, &new.inputs.env, Part::Env, &mut found);
    maps(&old.inputs.files, &new.inputs.files, Part::File, &mut found);
    lists(&old.inputs.lists, &new.inputs.lists, &mut found);
    maps(&values(&old.vars), &values(&new.vars), Part::Variable, &mut found);
    maps(&old.secrets, &new.secrets, Part::Secret, &mut found);
    let hosts = |plan: &Plan| plan.hosts.iter().map(|host| (host.to_string(), ())).collect();
    maps(&hosts(old), &hosts(new), Part::Host, &mut found);
    for field in fields(&head(old), &head(new)) {
        found.push(Part::Workflow(field).is(Turn::Changed(Vec::new())));
    }
    each(&stages(old), &stages(new), Part::Stage, &mut found, |old, new, found| {
        note(Part::Stage(old.name.to_string()), fields(&json(old), &json(new)), found);
    });
    each(&tasks(old), &tasks(new), Part::Task, &mut found, |before, after, found| {
        task((old, before), (new, after), found);
    });
    if found.is_empty() && old != new {
        // Something that no name stands for, such as the order of hosts in a set that no task has.
        found.push(Part::Workflow("plan".into()).is(Turn::Changed(Vec::new())));
    }
    found
}

fn values(map: &Map<String, Value>) -> BTreeMap<String, &Value> {
    map.iter().map(|(name, value)| (name.clone(), value)).collect()
}

fn stages(plan: &Plan) -> BTreeMap<String, &Stage> {
    plan.stages.iter().map(|stage| (stage.name.to_string(), stage)).collect()
}

fn tasks(plan: &Plan) -> BTreeMap<String, &Task> {
    plan.tasks.iter().map(|task| (task.id.to_string(), task)).collect()
}

/// What is said of the workflow itself.
fn head(plan: &Plan) -> Value {
    serde_json::json!({
        "version": plan.version,
        "name": plan.name,
        "backend": plan.backend,
        "description": plan.description,
        "policy": plan.policy,
    })
}

fn json(thing: &impl Serialize) -> Value {
    serde_json::to_value(thing).expect("a part of a plan has string keys and finite numbers only")
}

/// Compares two maps by their keys.
fn maps<T: PartialEq>(
    old: &BTreeMap<String, T>,
    new: &BTreeMap<String, T>,
    part: fn(String) -> Part,
    found: &mut Vec<Change>,
) {
    each(old, new, part, found, |_, _, _| {});
    let both = old.iter().filter_map(|(name, old)| Some((name, old, new.get(name)?)));
    for (name, _, _) in both.filter(|(_, old, new)| old != new) {
        found.push(part(name.clone()).is(Turn::Changed(Vec::new())));
    }
}

/// Compares what patterns name, and says which files one of the two lists lacks.
fn lists(old: &BTreeMap<String, Vec<String>>, new: &BTreeMap<String, Vec<String>>, found: &mut Vec<Change>) {
    each(old, new, Part::List, found, |_, _, _| {});
    for (pattern, old, new) in old.iter().filter_map(|(name, old)| Some((name, old, new.get(name)?))) {
        let lacking = |these: &[String], from: &[String]| -> Vec<String> {
            these.iter().filter(|name| !from.contains(name)).cloned().collect()
        };
        note(Part::List(pattern.clone()), [lacking(old, new), lacking(new, old)].concat(), found);
    }
}

/// Tells what is only in one of two maps, and compares what is in both by `compare`.
fn each<T>(
    old: &BTreeMap<String, T>,
    new: &BTreeMap<String, T>,
    part: fn(String) -> Part,
    found: &mut Vec<Change>,
    mut compare: impl FnMut(&T, &T, &mut Vec<Change>),
) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) => compare(old, new, found),
            (Some(_), None) => found.push(part(name.clone()).is(Turn::Gone)),
            (None, _) => found.push(part(name.clone()).is(Turn::New)),
        }
    }
}

fn note(part: Part, fields: Vec<String>, found: &mut Vec<Change>) {
    if !fields.is_empty() {
        found.push(part.is(Turn::Changed(fields)));
    }
}

fn task(old: (&Plan, &Task), new: (&Plan, &Task), found: &mut Vec<Change>) {
    let id = old.1.id.as_str();
    let mut changed = fields(&frame(old.0, old.1), &frame(new.0, new.1));
    let order = |task: &Task| task.steps.iter().map(|step| step.id.clone()).collect::<Vec<_>>();
    let (before, after) = (order(old.1), order(new.1));
    let sorted = |ids: &[windlass_model::StepId]| ids.iter().cloned().collect::<BTreeSet<_>>();
    if before != after && sorted(&before) == sorted(&after) {
        changed.push("the order of its steps".into());
    }
    note(Part::Task(id.to_owned()), changed, found);
    let steps = |task: &'_ Task| -> BTreeMap<String, Step> {
        task.steps.iter().map(|step| (format!("{id}/{}", step.id), step.clone())).collect()
    };
    each(&steps(old.1), &steps(new.1), Part::Step, found, |old, new, found| {
        note(Part::Step(format!("{id}/{}", old.id)), fields(&json(old), &json(new)), found);
    });
}

/// A task without its steps, and with names where it has indices.
fn frame(plan: &Plan, task: &Task) -> Value {
    let hosts: Vec<&str> = plan.hosts_of(task).iter().map(|&host| &*plan.hosts[host as usize]).collect();
    let needs: Vec<&str> = task.needs.iter().map(|&need| plan.tasks[need as usize].id.as_str()).collect();
    serde_json::json!({
        "stage": task.stage.map(|stage| plan.stages[stage as usize].name.as_str()),
        "hosts": hosts,
        "needs": needs,
        "cleanup": task.cleanup,
        "blocks": task.blocks,
        "more": task.more(),
    })
}

/// The fields in which two objects differ, by the names that documents have for them.
fn fields(old: &Value, new: &Value) -> Vec<String> {
    let empty = Map::new();
    let map = |value: &'_ Value| value.as_object().cloned().unwrap_or_else(|| empty.clone());
    let (old, new) = (map(old), map(new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut changed = Vec::new();
    for name in names {
        let (was, is) = (old.get(name).unwrap_or(&Value::Null), new.get(name).unwrap_or(&Value::Null));
        if was == is {
            continue;
        }
        match name.as_str() {
            "more" => changed.extend(fields(was, is)),
            "input" if was.is_object() && is.is_object() => {
                changed.extend(fields(was, is).into_iter().map(|name| format!("parameter {name}")));
            }
            "input" => changed.push("parameters".into()),
            name => changed.push(name.to_owned()),
        }
    }
    changed
}
