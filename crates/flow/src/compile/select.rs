//! Which steps a request leaves out: by tags as Ansible has them, and by the task to begin at.

use std::collections::BTreeSet;

use windlass_model::{Code, Diagnostic, TaskId};
use windlass_yaml::nearest;

use super::Cx;
use crate::document::{Block, Item};

impl<'a> Cx<'a> {
    /// For each task, whether it stands before the one to begin at.
    pub(super) fn before_start(&self) -> Vec<bool> {
        let tasks = &self.graph.tasks;
        let Some(start) = &self.request.from else { return vec![false; tasks.len()] };
        let number = tasks.iter().position(|place| place.id.as_ref().is_some_and(|id| id.as_str() == start));
        let Some(number) = number else {
            let wrong = Diagnostic::new(Code::UnknownStart, format!("`--from`: there is no task `{start}`"));
            let near = nearest(start, tasks.iter().filter_map(|place| place.id.as_ref()).map(TaskId::as_str));
            self.problems.note(match near {
                Some(near) => wrong.hint(format!("did you mean `{near}`?")),
                None => wrong.hint("`windlass graph FILE` shows the tasks"),
            });
            return vec![false; tasks.len()];
        };
        self.graph.upstream(number)
    }

    /// For each task, whether tags leave out all of its steps.
    pub(super) fn by_tags(&self) -> Vec<bool> {
        self.graph.tasks.iter().map(|place| self.all_left_out(place)).collect()
    }

    fn all_left_out(&self, place: &super::graph::Place<'a>) -> bool {
        let mut tags: BTreeSet<&str> = place.task.shared.tags.iter().map(String::as_str).collect();
        tags.extend(place.includes.iter().flat_map(|(include, _)| &include.shared.tags).map(String::as_str));
        !place.task.body.is_empty() && !self.any_chosen(&place.task.body, &tags)
    }

    fn any_chosen(&self, items: &[Item], tags: &BTreeSet<&str>) -> bool {
        items.iter().any(|item| match item {
            Item::Step(step) => {
                let own = step.shared.tags.iter().map(String::as_str);
                self.is_chosen(&tags.iter().copied().chain(own).collect())
            }
            Item::Block(block) => self.any_of_block(block, tags),
        })
    }

    fn any_of_block(&self, block: &Block, tags: &BTreeSet<&str>) -> bool {
        let tags = tags.iter().copied().chain(block.shared.tags.iter().map(String::as_str)).collect();
        [&block.body, &block.rescue, &block.always].into_iter().any(|items| self.any_chosen(items, &tags))
    }

    /// Whether a step with these tags is to run.
    pub(super) fn is_chosen(&self, tags: &BTreeSet<&str>) -> bool {
        let (only, skip) = (&self.request.tags, &self.request.skip_tags);
        let named = |names: &BTreeSet<String>| tags.iter().any(|tag| names.contains(*tag));
        let chosen = if only.is_empty() || only.contains("all") {
            !tags.contains("never") || named(only)
        } else {
            let by_kind = only.contains("tagged") && !tags.is_empty() && !tags.contains("never")
                || only.contains("untagged") && tags.is_empty();
            tags.contains("always") || named(only) || by_kind
        };
        let skipped = named(skip)
            || skip.contains("all") && (skip.contains("always") || !tags.contains("always"))
            || skip.contains("tagged") && !tags.is_empty()
            || skip.contains("untagged") && tags.is_empty();
        chosen && !skipped
    }

    /// Whether a task does not run at all, by the request.
    pub(super) fn is_left_out(&self, task: usize) -> bool {
        self.before_start[task] || self.by_tags[task]
    }

    /// What leaves a task out, for messages.
    pub(super) fn left_out_by(&self, task: usize) -> &'static str {
        if self.before_start[task] { "by `--from`" } else { "by its tags" }
    }
}
