//! What every journal promises, over each implementation.

use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;

use serde_json::json;
use windlass_model::{BlobId, Event, RunStatus};
use windlass_store::{Error, Filter, Journal, Memory, NewRun, Sqlite, Tally};

use crate::support::{
    completed, finished, new_run, plan_id, records, run_id, started, step_events, whole_run,
};

/// Runs `test` over each implementation.
fn each(test: impl Fn(&dyn Journal)) {
    test(&Memory::default());
    let folder = tempfile::tempdir().expect("a folder");
    test(&Sqlite::open(&folder.path().join("store.db")).expect("opens"));
}

#[test]
fn records_come_back_as_they_were_and_in_order() {
    each(|journal| {
        journal.create(&new_run("a")).expect("created");
        let all = whole_run(2);
        for part in all.chunks(3) {
            journal.append(&run_id("a"), part.to_vec()).expect("appended");
        }
        journal.flush().expect("durable");
        assert_eq!(journal.scan(&run_id("a"), 1).expect("scans"), all);
        assert_eq!(journal.scan(&run_id("a"), 0).expect("scans"), all);
        assert_eq!(journal.scan(&run_id("a"), 5).expect("scans"), all[4..]);
        for beyond in [9, 10, u64::MAX] {
            assert_eq!(journal.scan(&run_id("a"), beyond).expect("scans"), []);
        }
    });
}

#[test]
fn a_stored_run_has_all_that_a_resume_needs() {
    each(|journal| {
        let run = NewRun {
            document: Some("release.yaml".into()),
            options: json!({"check": true}),
            invoker: "ci".into(),
            root: std::ffi::OsStr::from_bytes(b"/not/\xff/text").into(),
            ..new_run("a")
        };
        journal.create(&run).expect("created");
        let stored = journal.run(&run.id).expect("it is there");
        assert_eq!(stored.plan_bytes, run.plan_bytes);
        assert_eq!((stored.root, stored.document, stored.options), (run.root, run.document, run.options));
        assert_eq!((stored.row.name.as_str(), stored.row.backend.as_str()), ("flow", "workflow/dag"));
        assert_eq!((stored.row.status, stored.row.seq), (RunStatus::Pending, 0));
        assert_eq!((stored.row.digest, stored.row.invoker.as_str()), (run.digest, "ci"));
    });
}

#[test]
fn an_id_is_taken_once() {
    each(|journal| {
        journal.create(&new_run("a")).expect("created");
        assert!(matches!(journal.create(&new_run("a")), Err(Error::RunExists(_))));
    });
}

#[test]
fn a_saved_plan_is_applied_once_and_never_forgotten() {
    each(|journal| {
        let (plan, other) = (plan_id("p"), plan_id("q"));
        assert_eq!(journal.claimed(&plan).expect("asked"), None);
        journal.claim(&plan, &new_run("a")).expect("nobody applied it");
        assert_eq!(journal.claimed(&plan).expect("asked"), Some(run_id("a")));
        assert_eq!(journal.run(&run_id("a")).expect("it is there").row.status, RunStatus::Pending);
        let again = journal.claim(&plan, &new_run("b")).expect_err("it was applied");
        assert_eq!(again.to_string(), "plan p was applied before, by run a");
        assert!(matches!(journal.run(&run_id("b")), Err(Error::UnknownRun { .. })), "it is all or nothing");
        // A run that cannot be written down applies nothing.
        assert!(matches!(journal.claim(&other, &new_run("a")), Err(Error::RunExists(_))));
        assert_eq!(journal.claimed(&other).expect("asked"), None);
        journal.delete(&run_id("a")).expect("deleted");
        assert!(matches!(journal.claim(&plan, &new_run("c")), Err(Error::PlanApplied { .. })));
        journal.claim(&other, &new_run("a")).expect("another plan");
    });
}

#[test]
fn records_must_go_on_where_the_last_one_ended() {
    each(|journal| {
        journal.create(&new_run("a")).expect("created");
        let refused = |first, due| {
            let answer = journal.append(&run_id("a"), records(first, [started()]));
            assert!(matches!(answer, Err(Error::OutOfOrder { due: d, got, .. }) if (d, got) == (due, first)));
        };
        refused(2, 1);
        journal.append(&run_id("a"), records(1, [started()])).expect("appended");
        refused(1, 2);
        refused(3, 2);
        let mut gap = records(2, step_events(0));
        gap[2].seq = 9;
        assert!(matches!(journal.append(&run_id("a"), gap), Err(Error::OutOfOrder { due: 4, got: 9, .. })));
        journal.append(&run_id("a"), records(2, step_events(0))).expect("appended");
        assert!(matches!(
            journal.append(&run_id("b"), records(1, [started()])),
            Err(Error::UnknownRun { .. })
        ));
    });
}

#[test]
fn positions_rise_and_become_durable() {
    each(|journal| {
        journal.create(&new_run("a")).expect("created");
        let mut durable = journal.durable();
        let first = journal.append(&run_id("a"), records(1, [started()])).expect("appended");
        let second = journal.append(&run_id("a"), records(2, step_events(0))).expect("appended");
        assert!(first < second);
        journal.flush().expect("durable");
        assert!(durable.borrow_and_update().position >= second);
        assert!(durable.borrow().failed.is_none());
        assert_eq!(journal.scan(&run_id("a"), 1).expect("scans").len(), 4);
    });
}

#[test]
fn what_is_appended_now_comes_behind_what_waits_and_is_durable_where_nobody_writes() {
    each(|journal| {
        journal.create(&new_run("a")).expect("created");
        let now = |first, events: Vec<Event>| journal.append_now(&run_id("a"), records(first, events));
        let first = now(1, vec![started()]).expect("appended");
        assert!(journal.durable().borrow().position >= first, "nobody had to be waited for");
        assert_eq!(journal.scan(&run_id("a"), 1).expect("scans").len(), 1);
        let second = journal.append(&run_id("a"), records(2, step_events(0))).expect("appended");
        let third = now(5, step_events(1).into()).expect("appended");
        assert!(first < second && second < third);
        assert!(matches!(now(5, vec![started()]), Err(Error::OutOfOrder { due: 8, got: 5, .. })));
        journal.flush().expect("durable");
        assert!(journal.durable().borrow().position >= third);
        assert!(journal.scan(&run_id("a"), 1).expect("scans").iter().map(|record| record.seq).eq(1..=7));
    });
}

#[test]
fn lists_know_where_runs_stand() {
    each(|journal| {
        completed(journal, "a", 10);
        journal.create(&NewRun { created_at: 20, ..new_run("b") }).expect("created");
        journal.create(&NewRun { created_at: 20, name: "other".into(), ..new_run("c") }).expect("created");
        let events = [started(), Event::RunInterrupted { reason: "SIGINT".into() }];
        journal.append(&run_id("b"), records(1, events)).expect("appended");
        journal.flush().expect("durable");
        let ids = |filter: Filter| {
            let rows = journal.runs(&filter).expect("lists");
            rows.into_iter().map(|r| r.id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(ids(Filter::default()), ["c", "b", "a"]);
        assert_eq!(ids(Filter { limit: Some(2), ..Filter::default() }), ["c", "b"]);
        assert_eq!(ids(Filter { name: Some("flow".into()), ..Filter::default() }), ["b", "a"]);
        let status = vec![RunStatus::Interrupted, RunStatus::Completed];
        assert_eq!(ids(Filter { status, name: Some("flow".into()), limit: Some(1) }), ["b"]);
        let row = journal.run(&run_id("a")).expect("it is there").row;
        assert_eq!((row.status, row.seq, row.created_at), (RunStatus::Completed, 8, 10));
        assert_eq!((row.started_at, row.finished_at), (Some(1_759_000_000_001), Some(1_759_000_000_008)));
        assert_eq!(row.tasks, Tally { total: 2, completed: 2, ..Tally::default() });
    });
}

#[test]
fn a_unique_prefix_is_enough() {
    each(|journal| {
        for id in ["alpha-1", "alpha-2", "beta", "bet"] {
            journal.create(&new_run(id)).expect("created");
        }
        assert_eq!(journal.find("alpha-1").expect("found"), run_id("alpha-1"));
        assert_eq!(journal.find("beta").expect("found"), run_id("beta"));
        assert_eq!(journal.find("bet").expect("an exact id wins"), run_id("bet"));
        let unclear = journal.find("alpha").expect_err("two begin so");
        assert_eq!(unclear.to_string(), "alpha may be any of alpha-2, alpha-1");
        for nothing in ["x", ""] {
            let unknown = journal.find(nothing).expect_err("none begins so");
            assert_eq!(unknown.hint().expect("a hint"), "the latest runs: bet, beta, alpha-2, alpha-1");
        }
    });
}

#[test]
fn commands_wait_until_their_effect_is_written_down() {
    each(|journal| {
        for id in ["a", "b"] {
            journal.create(&new_run(id)).expect("created");
        }
        let abort = journal.post(&run_id("a"), &json!({"abort": {"by": "me"}})).expect("posted");
        journal.post(&run_id("b"), &json!("other")).expect("posted");
        let approve = journal.post(&run_id("a"), &json!({"approve": 1})).expect("posted");
        let heard = |after| {
            let posted = journal.posted(&run_id("a"), after).expect("reads");
            posted.into_iter().map(|p| p.id).collect::<Vec<_>>()
        };
        assert_eq!(heard(0), [abort, approve]);
        assert_eq!(heard(abort), [approve]);
        journal.settle(&run_id("a"), abort).expect("settled");
        assert_eq!(heard(0), [approve]);
        let taken = journal.take(&run_id("a")).expect("taken");
        assert_eq!(taken[0].command, json!({"approve": 1}));
        assert_eq!(heard(0), [0; 0]);
        assert_eq!(journal.take(&run_id("b")).expect("taken").len(), 1);
        assert!(matches!(journal.post(&run_id("c"), &json!(1)), Err(Error::UnknownRun { .. })));
    });
}

#[test]
fn outputs_are_counted_once_and_freed_with_their_last_run() {
    each(|journal| {
        let (plan_file, output) = (BlobId::of(b"template"), BlobId::of(b"output"));
        journal.create(&NewRun { blobs: [plan_file.clone()].into(), ..new_run("a") }).expect("created");
        journal.create(&new_run("b")).expect("created");
        for run in ["a", "b"] {
            journal.refer(&run_id(run), &output, 100).expect("noted");
        }
        assert!(matches!(journal.refer(&run_id("c"), &output, 1), Err(Error::UnknownRun { .. })));
        journal.flush().expect("durable");
        assert_eq!(journal.output_bytes().expect("counts"), 100);
        assert_eq!(journal.referred().expect("lists"), [plan_file, output.clone()].into());
        journal.delete(&run_id("a")).expect("deleted");
        assert_eq!(journal.referred().expect("lists"), [output].into());
        journal.delete(&run_id("b")).expect("deleted");
        assert_eq!(journal.output_bytes().expect("counts"), 0);
        assert!(journal.referred().expect("lists").is_empty());
    });
}

#[test]
fn a_deleted_run_is_gone_and_its_id_is_free() {
    each(|journal| {
        completed(journal, "a", 1);
        completed(journal, "b", 2);
        assert!(journal.size(&run_id("a")).expect("counts") > 100);
        journal.delete(&run_id("a")).expect("deleted");
        journal.compact().expect("compacts");
        assert!(matches!(journal.delete(&run_id("a")), Err(Error::UnknownRun { .. })));
        assert!(matches!(journal.run(&run_id("a")), Err(Error::UnknownRun { .. })));
        assert!(matches!(journal.scan(&run_id("a"), 1), Err(Error::UnknownRun { .. })));
        completed(journal, "a", 3);
        assert_eq!(journal.scan(&run_id("b"), 1).expect("scans"), whole_run(2));
        assert_eq!(journal.verify().expect("verifies"), [""; 0]);
    });
}

#[test]
fn a_resumed_run_counts_its_failures_anew() {
    use windlass_model::TaskEnd::{Blocked, Completed, Failed};
    each(|journal| {
        journal.create(&new_run("a")).expect("created");
        let end = |task, end| Event::TaskFinished { task, end, reason: None, outputs: None, error: None };
        let again = Event::RunStarted { pid: 8, resumed: true };
        let first = [started(), end(0, Failed), end(1, Blocked), finished(RunStatus::Failed)];
        let second = [again, end(0, Completed), end(1, Completed), finished(RunStatus::Completed)];
        let tally = || journal.run(&run_id("a")).expect("it is there").row.tasks;
        journal.append(&run_id("a"), records(1, first)).expect("appended");
        journal.flush().expect("durable");
        assert_eq!(tally(), Tally { total: 2, failed: 1, blocked: 1, ..Tally::default() });
        journal.append(&run_id("a"), records(5, second)).expect("appended");
        journal.flush().expect("durable");
        assert_eq!(tally(), Tally { total: 2, completed: 2, ..Tally::default() });
    });
}

#[test]
fn a_visitor_sees_parts_in_order_and_may_leave() {
    each(|journal| {
        journal.create(&new_run("a")).expect("created");
        let steps = (0..10_000).flat_map(|n| step_events(n % 2));
        let all = records(1, [started()].into_iter().chain(steps));
        for part in all.chunks(7_001) {
            journal.append(&run_id("a"), part.to_vec()).expect("appended");
            journal.flush().expect("durable");
        }
        let mut seen = Vec::new();
        let mut calls = 0;
        let mut visit = |part: Vec<_>| {
            calls += 1;
            seen.extend(part);
            if seen.len() > 15_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        journal.visit(&run_id("a"), 3, &mut visit).expect("visits");
        assert!(calls > 1 && seen.len() > 15_000 && seen.len() < all.len());
        assert_eq!(seen, all[2..2 + seen.len()]);
    });
}
