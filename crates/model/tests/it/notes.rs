//! What steps write down on their way counts at once and once, and is gone on with where that makes sense.

use std::sync::Arc;

use serde_json::{Value, json};
use windlass_model::projection::{Audit, RunMeta};
use windlass_model::{
    At, BlobId, Code, Cost, Detail, Event, Failure, Money, Note, Outcome, Record, RunId, RunState, Status,
    Usage,
};

use crate::fold::plan;

const AT: At = At { task: 0, step: 0, host: 0, item: None };

fn usd(nanos: i64) -> Usage {
    Usage { cost: Cost { amount: Money(nanos), currency: "USD".into() }, ..Usage::default() }
}

/// A run of which the records are told one by one, with the audit of it.
struct Told {
    state: RunState,
    audit: Audit,
    lines: Vec<Value>,
}

impl Told {
    /// A run whose first attempt at its first step may use 100.
    fn begin() -> Self {
        let meta = RunMeta::new(RunId::new("r").unwrap(), "local", BlobId::of(b""));
        let (state, audit) = (RunState::new(plan()), Audit::new(meta, plan()));
        let mut told = Self { state, audit, lines: Vec::new() };
        told.say(Event::RunStarted { pid: 1, resumed: false });
        told.start(1, 100);
        told
    }

    fn say(&mut self, event: Event) {
        let record = Record { seq: self.state.seq + 1, time: 1, event };
        self.lines.extend(self.audit.lines(&record).unwrap());
        self.state.apply(&record).unwrap();
    }

    fn start(&mut self, attempt: u32, most: i64) {
        self.say(Event::StepStarted { at: AT, attempt, reserved: Some(Box::new(usd(most))) });
    }

    fn note(&mut self, attempt: u32, used: i64, next: i64) {
        let note = Arc::new(Note { used: usd(used), next: usd(next), data: json!({ "note": attempt }) });
        self.say(Event::StepNoted { at: AT, attempt, note });
    }

    fn retry(&mut self, attempt: u32, used: i64, error: Failure) {
        let (error, used) = (Box::new(error), Some(Box::new(usd(used))));
        self.say(Event::StepRetried { at: AT, attempt, error, delay_ms: 1, used });
    }

    fn finish(&mut self, status: Status, used: i64, error: Option<Failure>) {
        let detail = Detail { usage: Some(usd(used)), error, ..Detail::default() };
        let outcome = Outcome { status, duration_ms: 1, detail: Some(Arc::new(detail)) };
        self.say(Event::StepFinished { at: AT, outcome });
    }

    fn resume(&mut self) {
        self.say(Event::RunInterrupted { reason: "x".into() });
        self.say(Event::RunStarted { pid: 2, resumed: true });
    }

    /// What was used, and what is held back; the audit has told of all that was used.
    fn stands(&self) -> (i64, i64) {
        let told: i64 = self
            .lines
            .iter()
            .filter_map(|line| serde_json::from_value::<Usage>(line["usage"].clone()).ok())
            .map(|usage| usage.cost.amount.0)
            .sum();
        let used = self.state.used.cost.amount.0;
        assert_eq!(told, used, "{:#?}", self.lines);
        (used, self.state.reserved.values().map(|most| most.cost.amount.0).sum())
    }
}

#[test]
fn what_is_noted_counts_at_once_and_not_again_at_the_end() {
    let mut told = Told::begin();
    assert_eq!(told.stands(), (0, 100));
    told.note(1, 0, 30);
    told.note(1, 20, 0);
    assert_eq!(told.stands(), (20, 80), "the sum of both stays what was held back");
    told.finish(Status::Ok, 35, None);
    assert_eq!(told.stands(), (35, 0));
    assert!(told.state.notes(AT).is_empty(), "there is nothing to go on with");
}

#[test]
fn of_an_attempt_that_died_only_what_was_under_way_counts_at_its_bound() {
    let mut told = Told::begin();
    told.note(1, 0, 30);
    told.note(1, 20, 0);
    told.note(1, 0, 25);
    told.resume();
    assert_eq!(told.stands(), (45, 0));
    assert!(told.state.used.bound);
    assert_eq!(told.state.notes(AT).len(), 3, "the next attempt goes on with them");
    let at = AT;
    told.say(Event::DoubtResolved { at, verdict: windlass_model::Verdict::Rerun });
    told.start(2, 60);
    told.note(2, 5, 0);
    told.finish(Status::Ok, 15, None);
    assert_eq!(told.stands(), (60, 0), "each attempt tells of what it used itself");
}

#[test]
fn what_was_judged_is_asked_for_anew_and_what_broke_off_is_gone_on_with() {
    let error = |code| Failure::new(code, "x");
    for (error, kept) in [
        (error(Code::ModelUnavailable).transient(), 1),
        (error(Code::StepTimeout), 1),
        (error(Code::SchemaMismatch).permanent(), 0),
        (error(Code::FailedWhen), 0),
        (error(Code::UntilUnmet), 0),
    ] {
        let mut retried = Told::begin();
        retried.note(1, 10, 0);
        retried.retry(1, 12, error.clone());
        assert_eq!((retried.stands(), retried.state.notes(AT).len()), ((12, 0), kept), "{error:?}");
        let mut failed = Told::begin();
        failed.note(1, 10, 0);
        failed.finish(Status::Failed, 12, Some(error.clone()));
        assert_eq!((failed.stands(), failed.state.notes(AT).len()), ((12, 0), kept), "{error:?}");
    }
}

#[test]
fn a_step_that_a_budget_refuses_keeps_what_it_noted() {
    let mut told = Told::begin();
    told.note(1, 10, 0);
    told.retry(1, 10, Failure::new(Code::ModelUnavailable, "x").transient());
    told.finish(Status::Failed, 0, Some(Failure::new(Code::BudgetRefused, "x").permanent()));
    assert_eq!(told.state.notes(AT).len(), 1);
}
