//! How the journal in memory keeps records: those of steps that say nothing take a third of what they are as events.
//! What a run of a million steps costs is more than anything else the memory that it is the first to touch.

use windlass_model::{At, Event, Outcome, Record, Status, TaskEnd};

/// Records that follow each other, at least one.
#[derive(Debug)]
pub(super) struct Batch {
    /// The number of the first one.
    first: u64,
    /// The times, each from the record with this index on.
    times: Vec<(usize, u64)>,
    events: Vec<Kept>,
}

/// An event, of which the most frequent are small.
#[derive(Debug)]
enum Kept {
    Started { task: u32, step: u32, host: u32, attempt: u32 },
    Finished { task: u32, step: u32, host: u32, duration_ms: u32, status: Status },
    TaskFinished { task: u32, end: TaskEnd },
    Other(Box<Event>),
}

impl Batch {
    /// Packs records; `None` where there are none.
    pub(super) fn pack(records: Vec<Record>) -> Option<Self> {
        let first = records.first()?.seq;
        let mut times: Vec<(usize, u64)> = Vec::new();
        let mut events = Vec::with_capacity(records.len());
        for (at, record) in records.into_iter().enumerate() {
            if times.last().is_none_or(|(_, last)| *last != record.time) {
                times.push((at, record.time));
            }
            events.push(Kept::of(record.event));
        }
        Some(Self { first, times, events })
    }

    /// The number of the last one.
    pub(super) fn last(&self) -> u64 {
        self.first + self.events.len() as u64 - 1
    }

    /// About how many bytes it has, without what events point to.
    pub(super) fn bytes(&self) -> usize {
        let whole = self.events.iter().filter(|event| matches!(event, Kept::Other(_))).count();
        size_of_val(&self.events[..]) + whole * size_of::<Event>()
    }

    /// The records from number `from` on.
    pub(super) fn records(&self, from: u64) -> impl Iterator<Item = Record> {
        let skipped = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let rest = self.events.iter().enumerate().skip(skipped);
        rest.map(|(at, event)| Record {
            seq: self.first + at as u64,
            time: self.times[self.times.partition_point(|(from, _)| *from <= at) - 1].1,
            event: event.event(),
        })
    }
}

impl Kept {
    fn of(event: Event) -> Self {
        match event {
            Event::StepStarted { at: At { task, step, host, item: None }, attempt, reserved: None } => {
                Kept::Started { task, step, host, attempt }
            }
            Event::StepFinished {
                at: At { task, step, host, item: None },
                outcome: Outcome { status, duration_ms, detail: None },
            } if u32::try_from(duration_ms).is_ok() => {
                Kept::Finished { task, step, host, duration_ms: duration_ms as u32, status }
            }
            Event::TaskFinished { task, end, reason: None, outputs: None, error: None } => {
                Kept::TaskFinished { task, end }
            }
            event => Kept::Other(Box::new(event)),
        }
    }

    fn event(&self) -> Event {
        match *self {
            Kept::Started { task, step, host, attempt } => {
                Event::StepStarted { at: At { task, step, host, item: None }, attempt, reserved: None }
            }
            Kept::Finished { task, step, host, duration_ms, status } => {
                let outcome = Outcome { status, duration_ms: duration_ms.into(), detail: None };
                Event::StepFinished { at: At { task, step, host, item: None }, outcome }
            }
            Kept::TaskFinished { task, end } => {
                Event::TaskFinished { task, end, reason: None, outputs: None, error: None }
            }
            Kept::Other(ref event) => Event::clone(event),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_out_as_they_went_in_and_few_of_them_are_large() {
        let at = At { task: 1, step: 2, host: 3, item: None };
        let finished = |duration_ms| Outcome { duration_ms, ..Outcome::bare(Status::Changed) };
        let events = [
            Event::StepStarted { at, attempt: 4, reserved: None },
            Event::StepFinished { at, outcome: finished(5) },
            Event::StepFinished { at: at.item(6), outcome: finished(5) },
            Event::StepFinished { at, outcome: finished(u64::MAX) },
            Event::StepFinished { at, outcome: Outcome::skipped("why") },
            Event::TaskFinished {
                task: 1,
                end: TaskEnd::Completed,
                reason: None,
                outputs: None,
                error: None,
            },
        ];
        let times = [9, 9, 8, 10, 10, 9];
        let records: Vec<Record> =
            (7u64..).zip(times).zip(events).map(|((seq, time), event)| Record { seq, time, event }).collect();
        let batch = Batch::pack(records.clone()).expect("there are some");
        assert_eq!(batch.last(), 12);
        for from in 0..14 {
            let rest: Vec<Record> = records.iter().filter(|record| record.seq >= from).cloned().collect();
            assert_eq!(batch.records(from).collect::<Vec<_>>(), rest, "from {from}");
        }
        let large = batch.events.iter().filter(|event| matches!(event, Kept::Other(_))).count();
        assert_eq!((large, size_of::<Kept>()), (3, 24));
        assert!(Batch::pack(vec![]).is_none());
    }
}
