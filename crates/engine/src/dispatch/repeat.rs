//! Loops: a step over a list, one item after another, each an execution of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;
use windlass_model::{At, Code, Event, Failure, Fragment, Outcome, Status, Step, digest};

use super::Dispatcher;
use super::message::Matter;
use super::strand::{StrandKey, result_of};
use super::work::Pace;
use crate::vars::is_templated;

impl Dispatcher {
    /// Begins the loop's next item; ends the loop after its last.
    pub(super) fn next_item(&mut self, key: StrandKey, step: &Step) -> Pace {
        let at = self.strand(key).at();
        if !self.state.expansions.contains_key(&at) {
            match self.items(key, at, step) {
                None => return Pace::Wait,
                Some(Ok(items)) => {
                    let fragment = Fragment::Items(Arc::new(items));
                    let bytes = serde_json::to_vec(&fragment).unwrap_or_default();
                    self.emit(Event::PlanExtended {
                        at,
                        fragment,
                        digest: digest::sha256_hex(&bytes).into(),
                    });
                }
                Some(Err(error)) => {
                    self.finish(key, Outcome::failed(error));
                    return Pace::On;
                }
            }
        }
        let Some(expansion) = self.state.expansions.get(&at) else { return Pace::Wait };
        match expansion.runs.iter().position(|run| run.status().is_none()) {
            Some(item) => {
                let strand = self.strand(key);
                strand.item = Some(item as u32);
                strand.attempts = 0;
                strand.began = 0;
            }
            None => {
                let outcome = self.loop_outcome(at, step);
                self.finish(key, outcome);
            }
        }
        Pace::On
    }

    /// What a loop goes over. `None` while an executor asks.
    fn items(&mut self, key: StrandKey, at: At, step: &Step) -> Option<Result<Vec<Json>, Failure>> {
        let over = step.more().repeat.as_ref().map_or(&Json::Null, |repeat| &repeat.over);
        let scope = |this: &Self| this.scope_of(key, Some(step), BTreeMap::new(), None);
        let mut list = match self.values(at, Matter::Items, &[("loop", over)], scope)? {
            Ok(mut values) => values.pop().unwrap_or_default(),
            Err(error) => return Some(Err(error)),
        };
        if is_templated(over) {
            // The items go into the journal: they are captured, as results are.
            self.config.redactor.value(&mut list);
        }
        Some(match list {
            Json::Array(items) => Ok(items),
            other => Err(Failure::new(
                Code::LoopNeedsList,
                format!("loop needs a list, and {over} is {}", kind_of(&other)),
            )
            .hint("a single value is written as [value]; a mapping as {{ mapping | dict2items }}")
            .permanent()),
        })
    }

    /// What came of a loop: the sum of its items, as Ansible has it.
    pub(super) fn loop_outcome(&self, at: At, step: &Step) -> Outcome {
        let Some(expansion) = self.state.expansions.get(&at) else { return Outcome::bare(Status::Skipped) };
        let name = step.more().repeat.as_ref().map_or("item", |repeat| &repeat.item);
        let (mut results, mut failed, mut ran) = (Vec::new(), None, false);
        let (mut changed, mut unknown) = (false, None);
        for (item, run) in expansion.items.iter().zip(&expansion.runs) {
            let Some(outcome) = run.outcome() else { continue };
            changed |= outcome.status == Status::Changed;
            if outcome.is_unknown() && unknown.is_none() {
                unknown = Some(outcome.clone());
            }
            ran |= outcome.status != Status::Skipped;
            if !outcome.status.is_success() && failed.is_none() {
                failed = Some(outcome.clone());
            }
            let mut result = result_of(&outcome);
            if let Json::Object(fields) = &mut result {
                fields.insert(name.to_owned(), item.clone());
                fields.insert("ansible_loop_var".into(), name.into());
            }
            results.push(result);
        }
        if !ran && failed.is_none() {
            let why = if results.is_empty() { "there are no items" } else { "every item was skipped" };
            let outcome = match unknown.as_ref().and_then(Outcome::reason) {
                Some(why) => Outcome::unknown(why),
                None => Outcome::skipped(why),
            };
            return outcome.with_result(serde_json::json!({ "results": results, "changed": false }));
        }
        let status = match &failed {
            Some(outcome) => outcome.status,
            None if changed => Status::Changed,
            None => Status::Ok,
        };
        let msg = if failed.is_some() { "one or more items failed" } else { "all items completed" };
        let result = serde_json::json!({ "results": results, "changed": changed, "msg": msg });
        let mut outcome = Outcome::bare(status).with_result(result);
        if let Some(error) = failed.as_ref().and_then(Outcome::error) {
            outcome = outcome.with_error(error.clone());
        }
        if unknown.is_some() { outcome.but_unknown() } else { outcome }
    }
}

pub(super) fn kind_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "nothing",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a mapping",
    }
}
