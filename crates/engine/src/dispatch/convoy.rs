//! Steps that are handed over together: a host that is far away is asked once, and not once for each.
//!
//! A convoy holds steps whose doing depends on nothing that the steps before them find out, so that everything
//! about them is known when the first begins. Their executor does one after another, tells of each, and stops
//! at the first that does not succeed. Steps where success is for the engine to say (`failed_when`,
//! `changed_when`, `until`, loops, errors that are let through) end a convoy or stand alone.

use std::collections::{BTreeSet, VecDeque};

use windlass_model::{At, Event, Intent, OnDoubt, Phase, Step, Task};

use super::Dispatcher;
use super::message::{Deed, Finished, Start};
use super::strand::{Convoy, Doing, StrandKey};
use crate::vars::{each_of_step, references};

/// How many steps a convoy has at most. What was handed over cannot be called back, so that this also bounds
/// how long a run that is being stopped goes on; and a result of a megabyte for each has to be held.
const MOST: usize = 128;

impl Dispatcher {
    /// The steps that can be handed over with the one that begins, which has `start`.
    pub(super) fn convoy(&mut self, key: StrandKey, at: At, start: &Start) -> Vec<Start> {
        let plan = self.plan.clone();
        let task = &plan.tasks[key.0 as usize];
        if !self.goes(key.0)
            || at.item.is_some()
            || at.step >= task.cleanup
            || task.more().policy.timeout_ms.is_some()
            || !start.action.goes_along(&start.target)
            || start.deed != Deed::Do
            || start.late.is_some()
            || !may_lead(&task.steps[at.step as usize])
        {
            return Vec::new();
        }
        let mut told: BTreeSet<&str> = BTreeSet::new();
        let (mut walk, mut last) = (self.strand(key).walk.clone(), at.step);
        let mut then = Vec::new();
        while then.len() + 1 < MOST {
            told.extend(task.steps[last as usize].more().register.as_deref());
            let mut omitted = Vec::new();
            walk.advance(task, true, &mut omitted);
            if walk.cursor != last + 1 || !omitted.is_empty() || walk.cursor >= task.cleanup {
                break;
            }
            let at = At { step: walk.cursor, ..at };
            let Some(next) = self.follower(key, at, task, start, &told) else { break };
            last = walk.cursor;
            then.push(next);
            if !may_lead(&task.steps[last as usize]) {
                break;
            }
        }
        if !then.is_empty() {
            self.emit(Event::StepsSent { at, last });
            self.strand(key).convoy = Some(Convoy { last, told: VecDeque::new() });
        }
        then
    }

    /// A step of a convoy; `None` where it cannot go along.
    fn follower(
        &mut self,
        key: StrandKey,
        at: At,
        task: &Task,
        first: &Start,
        told: &BTreeSet<&str>,
    ) -> Option<Start> {
        let step = &task.steps[at.step as usize];
        let action = self.config.actions.get(&step.action).cloned()?;
        let run = self.state.step(at)?;
        if run.phase != Phase::Pending || !may_follow(step) || depends(step, told) || self.asks.step(step) {
            return None;
        }
        let attempt = run.attempts + 1;
        let was = std::mem::replace(&mut self.strand(key).walk.cursor, at.step);
        let prepared = self.prepare(key, at, step, false);
        self.strand(key).walk.cursor = was;
        let Ok(Some(prepared)) = prepared else { return None };
        if prepared.reserved.is_some() || prepared.late.is_some() {
            return None;
        }
        let start = self.start(key, at, step, attempt, action, prepared);
        let same = start.target.host == first.target.host && start.target.role == first.target.role;
        (same && start.deed == Deed::Do && start.action.goes_along(&start.target)).then_some(start)
    }

    /// Whether a step was handed over together with others, and its executor has it.
    pub(super) fn is_sent(&self, key: StrandKey, step: u32) -> bool {
        let convoy = self.strands.get(&key).and_then(|strand| strand.convoy.as_ref());
        convoy.is_some_and(|convoy| step <= convoy.last)
    }

    /// The strand comes to a step that its executor has already; it may have told of it, too.
    pub(super) fn sent_step(&mut self, key: StrandKey, at: At) {
        let attempt = self.state.step(at).map_or(0, |run| run.attempts) + 1;
        let now = self.now;
        self.emit(Event::StepStarted { at, attempt, reserved: None });
        let strand = self.strand(key);
        strand.attempts += 1;
        strand.began = now;
        strand.doing = Doing::Running;
        if let Some(done) = strand.convoy.as_mut().and_then(|convoy| convoy.told.pop_front()) {
            self.finished(done);
        }
    }

    /// Keeps what came of a step that the strand has not come to yet. Given back is what is for now.
    pub(super) fn hear(&mut self, done: Finished) -> Option<Finished> {
        let strand = self.strands.get_mut(&(done.at.task, done.at.host));
        match strand {
            Some(strand) if strand.doing == Doing::Running && strand.at() == done.at => Some(done),
            Some(strand) => {
                if let Some(convoy) = strand.convoy.as_mut().filter(|convoy| done.at.step <= convoy.last) {
                    convoy.told.push_back(done);
                }
                None
            }
            None => None,
        }
    }

    /// Whether the executor is done: with its only step, with the last one, or with one that did not succeed.
    pub(super) fn convoy_ended(&mut self, key: StrandKey, at: At, succeeded: bool) -> bool {
        let strand = self.strand(key);
        let over = strand.convoy.as_ref().is_none_or(|convoy| !succeeded || at.step >= convoy.last);
        if over {
            strand.convoy = None;
        }
        over
    }
}

/// Whether steps may come after it in a convoy: its success is for its action alone to say.
fn may_lead(step: &Step) -> bool {
    let more = step.more();
    more.failed_when.is_none()
        && more.changed_when.is_none()
        && more.until.is_none()
        && more.repeat.is_none()
        && !more.ignore_errors
        && !more.ignore_unreachable
        && more.produces.is_empty()
        && more.on_doubt == OnDoubt::Rerun
}

/// Whether it may come after others: nothing has to be decided before it.
fn may_follow(step: &Step) -> bool {
    let more = step.more();
    step.intent == Intent::Run
        && more.when.is_empty()
        && more.until.is_none()
        && more.repeat.is_none()
        && more.consumes.is_empty()
        && more.delegate_to.is_none()
        && !more.run_once
        && more.on_doubt == OnDoubt::Rerun
}

/// Whether a step asks for what steps before it find out. Its own result does not count.
fn depends(step: &Step, told: &BTreeSet<&str>) -> bool {
    let mut found = false;
    let mut look = |text: &str| {
        if !text.contains("{{") && !text.contains("{%") {
            return;
        }
        let refs = references(text);
        let asks = |path: &Vec<String>| {
            path.first().is_some_and(|root| {
                told.contains(root.as_str())
                    || matches!(root.as_str(), "vars" | "state")
                    || root.starts_with("ansible_")
            })
        };
        found |= !refs.pure || refs.paths.iter().any(asks);
    };
    each_of_step(step, &mut look);
    found
}
