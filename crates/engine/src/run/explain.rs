//! What the journal says of attempts whose driver died: what they used, or the most that it can have been.

use std::collections::HashMap;
use std::ops::ControlFlow;

use windlass_model::{At, Event, Record, RunId, Usage};
use windlass_store::{Holder, Store};

use crate::Error;

/// What became of attempts that hold something back: what they used, or that they never began.
pub(super) fn explain(
    store: &Store,
    run: &RunId,
    held: Vec<(Holder, Usage)>,
) -> Result<Vec<(Holder, Usage)>, Error> {
    let mut told = Attempts::default();
    store.visit(run, 1, &mut |records| {
        records.into_iter().for_each(|record| told.hear(record));
        ControlFlow::Continue(())
    })?;
    let settle = |(holder, most): (Holder, Usage)| {
        let used = told.known.remove(&(holder.at, holder.attempt));
        // Nothing leaves before its start is durable: what has none cost nothing.
        (holder, used.map(|attempt| attempt.used(&most)).unwrap_or_default())
    };
    Ok(held.into_iter().map(settle).collect())
}

/// All attempts that the journal knows.
#[derive(Default)]
struct Attempts {
    known: HashMap<(At, u32), Attempt>,
    /// Those that have not ended.
    open: HashMap<At, u32>,
}

/// What is known of one attempt.
#[derive(Default)]
struct Attempt {
    /// What its notes told.
    noted: Usage,
    /// The most that it used after its last note.
    next: Option<Usage>,
    /// What it used in all, if it lived to tell.
    ended: Option<Usage>,
}

impl Attempts {
    fn hear(&mut self, record: Record) {
        match record.event {
            Event::StepStarted { at, attempt, .. } => {
                self.open.insert(at, attempt);
                self.known.insert((at, attempt), Attempt::default());
            }
            Event::StepNoted { at, attempt, note } => {
                let told = self.known.entry((at, attempt)).or_default();
                told.noted.add(&note.used);
                told.next = Some(note.next.clone());
            }
            Event::StepRetried { at, used, .. } => self.end(at, used.map(|used| *used)),
            Event::StepFinished { at, outcome } => self.end(at, outcome.usage().cloned()),
            _ => {}
        }
    }

    fn end(&mut self, at: At, used: Option<Usage>) {
        let Some(attempt) = self.open.remove(&at) else { return };
        self.known.entry((at, attempt)).or_default().ended = Some(used.unwrap_or_default());
    }
}

impl Attempt {
    fn used(self, most: &Usage) -> Usage {
        match (self.ended, self.next) {
            (Some(used), _) => used,
            (None, None) => most.as_bound(),
            (None, Some(next)) => {
                let mut used = self.noted;
                if !next.is_zero() {
                    used.add(&next.as_bound());
                }
                used
            }
        }
    }
}
