//! What steps write down while they work, as a part of the fold: what is paid on the way counts at once, and an
//! attempt goes on where the one before it stopped.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{At, Code, Failure, Outcome, Phase, RunState, Status, Usage};

/// What an attempt at a step writes down while it works.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// What the attempt used since its note before.
    #[serde(default, skip_serializing_if = "Usage::is_zero")]
    pub used: Usage,
    /// The most that it will use until its next note, or its end.
    #[serde(default, skip_serializing_if = "Usage::is_zero")]
    pub next: Usage,
    /// What its action reads to go on from here; null where that is kept out of everything.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

/// What was noted of one execution of a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Noted {
    /// The notes of all attempts that the next one goes on with, in order.
    pub notes: Vec<Arc<Note>>,
    /// What the attempt under way said that it used.
    used: Usage,
    /// The most that it uses after its last note; none before its first.
    next: Option<Usage>,
}

impl RunState {
    /// What was noted of an execution of a step, for its action to go on with.
    pub fn notes(&self, at: At) -> &[Arc<Note>] {
        self.noted.get(&at).map_or(&[], |noted| &noted.notes)
    }

    /// What of an attempt's usage no note of it has told: `used` is all that the attempt under way used.
    pub fn untold(&self, at: At, used: &Usage) -> Usage {
        self.noted.get(&at).map_or_else(|| used.clone(), |noted| used.minus(&noted.used))
    }

    /// The most that the attempt under way can use beyond what its notes told; none where nothing is held back
    /// for it.
    pub fn at_risk(&self, at: At) -> Option<Usage> {
        let reserved = self.reserved.get(&at)?;
        let next = self.noted.get(&at).and_then(|noted| noted.next.as_ref());
        Some(next.unwrap_or(reserved).as_bound())
    }

    /// The most that the attempt under way can use in all.
    pub fn most(&self, at: At) -> Option<Usage> {
        let mut most = self.at_risk(at)?;
        if let Some(noted) = self.noted.get(&at) {
            most.add(&noted.used);
        }
        Some(most)
    }

    pub(crate) fn step_noted(&mut self, at: At, attempt: u32, note: &Arc<Note>) -> Result<(), String> {
        let step = self.open_step(at)?;
        if step.phase != Phase::Running || step.attempts != attempt {
            return Err(format!("the step is {:?} at attempt {}", step.phase, step.attempts));
        }
        let noted = self.noted.entry(at).or_default();
        noted.used.add(&note.used);
        noted.next = Some(note.next.clone());
        noted.notes.push(note.clone());
        if let Some(reserved) = self.reserved.get_mut(&at) {
            *reserved = reserved.minus(&note.used);
        }
        self.count(at, &note.used);
        Ok(())
    }

    /// A new attempt has noted nothing of its own.
    pub(crate) fn attempt_began(&mut self, at: At) {
        if let Some(noted) = self.noted.get_mut(&at) {
            (noted.used, noted.next) = (Usage::default(), None);
        }
    }

    /// Keeps what was noted of a step that was to be tried again, if the next attempt goes on with it.
    pub(crate) fn keep_notes(&mut self, at: At, error: &Failure) {
        if !goes_on(error) {
            self.noted.remove(&at);
        }
    }

    /// Keeps what was noted of a step that has ended, if it failed in such a way that a resume goes on with it. One
    /// that never began, because a budget refused it, has given no answer to what was noted.
    pub(crate) fn keep_notes_of(&mut self, at: At, outcome: &Outcome, began: bool) {
        let bad = matches!(outcome.status, Status::Failed | Status::Cancelled | Status::Unreachable);
        if !(bad && (!began || outcome.error().is_some_and(goes_on))) {
            self.noted.remove(&at);
        }
    }

    /// Forgets what was noted of a task's steps: whatever comes of them next is new.
    pub(crate) fn forget_notes(&mut self, task: u32) {
        self.noted.retain(|at, _| at.task != task);
    }
}

/// Whether an attempt that follows such a failure goes on with what was noted. What was judged to be wrong, and what
/// can never be right, is to be done anew.
fn goes_on(error: &Failure) -> bool {
    !error.permanent && !matches!(error.code, Code::FailedWhen | Code::UntilUnmet)
}
