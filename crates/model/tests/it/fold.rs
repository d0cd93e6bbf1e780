//! Any sequence of events either applies or is refused: never a panic, never half an event.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;
use windlass_model::{
    At, CleanupEntry, Code, Draft, Event, Failure, Fragment, Note, Outcome, Plan, Record, Rounds, RunState,
    RunStatus, Scope, Stage, StageName, Status, Step, StepId, TaskDraft, TaskEnd, TaskId, Verdict,
};

pub(crate) fn plan() -> Arc<Plan> {
    let mut draft = Draft::new("fold", "workflow/dag");
    draft.stages.push(Stage {
        name: StageName::new("s").unwrap(),
        vars: Default::default(),
        policy: Default::default(),
        repeat: Some(Rounds { until: vec!["false".into()], max_rounds: 3 }),
    });
    for n in 0..3 {
        let mut task = TaskDraft::new(TaskId::new(format!("t{n}")).unwrap());
        for s in 0..2 {
            task = task.step(Step::new(StepId::new(format!("s{s}")).unwrap(), "noop", json!(null)));
        }
        task.cleanup.push(Step::new(StepId::new("c").unwrap(), "noop", json!(null)));
        if n == 1 {
            task.stage = Some(draft.stages[0].name.clone());
            task.hosts = vec!["a".into(), "b".into()];
        }
        if n == 2 {
            task = task.needs(TaskId::new("t0").unwrap());
        }
        draft.tasks.push(task);
    }
    Arc::new(draft.finish().unwrap())
}

fn at() -> impl Strategy<Value = At> {
    (0..4u32, 0..4u32, 0..3u32, proptest::option::weighted(0.3, 0..3u32))
        .prop_map(|(task, step, host, item)| At { task, step, host, item })
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![
        Just(Status::Ok),
        Just(Status::Changed),
        Just(Status::Skipped),
        Just(Status::Failed),
        Just(Status::Cancelled),
    ]
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![Just(Scope::Global), (0..4u32).prop_map(Scope::Task), (0..2u32).prop_map(Scope::Stage)]
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    let failure = || Failure::new(Code::StepFailed, "x");
    prop_oneof![
        4 => any::<bool>().prop_map(|resumed| Event::RunStarted { pid: 1, resumed }),
        1 => Just(Event::CheckRenewed),
        1 => Just(Event::RunInterrupted { reason: "x".into() }),
        1 => prop_oneof![Just(RunStatus::Completed), Just(RunStatus::Failed), Just(RunStatus::Aborted), Just(RunStatus::Running)]
            .prop_map(|status| Event::RunFinished { status, error: None }),
        4 => (0..4u32, prop_oneof![Just(TaskEnd::Completed), Just(TaskEnd::Failed), Just(TaskEnd::Blocked)])
            .prop_map(|(task, end)| Event::TaskFinished { task, end, reason: None, outputs: None, error: None }),
        12 => (at(), 1..3u32).prop_map(|(at, attempt)| Event::StepStarted { at, attempt, reserved: None }),
        3 => (at(), 1..3u32).prop_map(move |(at, attempt)| Event::StepRetried {
            at,
            attempt,
            error: Box::new(failure()),
            delay_ms: 1,
            used: None,
        }),
        3 => (at(), 1..3u32).prop_map(|(at, attempt)| Event::StepNoted {
            at,
            attempt,
            note: Arc::new(Note { data: json!(1), ..Note::default() }),
        }),
        12 => (at(), status()).prop_map(|(at, status)| Event::StepFinished { at, outcome: Outcome::bare(status) }),
        3 => (at(), 0..3usize).prop_map(|(at, n)| Event::PlanExtended {
            at,
            fragment: Fragment::Items(Arc::new(vec![json!(1); n])),
            digest: "".into(),
        }),
        2 => (at(), 0..2u32, 1..5u32).prop_map(|(at, stage, round)| Event::PlanExtended {
            at,
            fragment: Fragment::Round { stage, round },
            digest: "".into(),
        }),
        1 => (0..2u32).prop_map(move |stage| Event::StageFailed { stage, error: Box::new(failure()) }),
        2 => at().prop_map(|at| Event::ApprovalAsked { at, prompt: "?".into() }),
        2 => at().prop_map(|at| Event::ApprovalGiven { at, approved: true, by: "x".into(), note: "".into() }),
        1 => at().prop_map(|at| Event::StepHeld { at }),
        1 => (at(), 0..4u32).prop_map(|(at, last)| Event::StepsSent { at, last }),
        2 => (at(), prop_oneof![Just(Verdict::Rerun), Just(Verdict::Skip), Just(Verdict::Fail)])
            .prop_map(|(at, verdict)| Event::DoubtResolved { at, verdict }),
        1 => (prop_oneof![Just(Scope::Global), (0..4u32).prop_map(Scope::Task), (0..2u32).prop_map(Scope::Stage)], any::<bool>())
            .prop_map(|(scope, there)| Event::StateSet { scope, key: "k".into(), value: there.then(|| Arc::new(json!(1))) }),
        2 => at().prop_map(|at| Event::UndoKept { at, before: Arc::new(json!(1)) }),
        1 => scope().prop_map(|scope| Event::UndoStarted { scope }),
        2 => at().prop_map(|at| Event::StepUndone { at, error: None }),
        1 => scope().prop_map(|scope| Event::UndoFinished { scope, error: None }),
        1 => (0..3u32).prop_map(|batch| Event::BatchMerged { batch, tasks: vec![0] }),
        1 => (0..3u64).prop_map(|id| Event::CleanupAdded {
            id,
            entry: CleanupEntry { kind: "x".into(), label: "x".into(), data: json!(null) }.into(),
        }),
        1 => (0..3u64).prop_map(|id| Event::CleanupDone { id, error: None }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn an_event_applies_or_is_refused_and_then_changes_nothing(events in proptest::collection::vec(event(), 1..120)) {
        let plan = plan();
        let mut state = RunState::new(plan.clone());
        let mut applied = Vec::new();
        // So that most sequences come beyond their first event.
        let events = std::iter::once(Event::RunStarted { pid: 1, resumed: false }).chain(events);
        for event in events {
            let record = Record { seq: state.seq + 1, time: applied.len() as u64 + 1, event };
            let before = state.clone();
            match state.apply(&record) {
                Ok(()) => applied.push(record),
                Err(_) => prop_assert_eq!(&state, &before, "a refused {:?} left a trace", record.event),
            }
        }
        let replayed = RunState::replay(plan, applied.iter()).expect("what applied once applies again");
        prop_assert_eq!(&replayed, &state);
        for record in &applied {
            let json = serde_json::to_string(record).expect("it serialises");
            prop_assert_eq!(&serde_json::from_str::<Record>(&json).expect("it reads back"), record);
        }
        if state.status.is_finished() {
            prop_assert!(state.tasks.iter().all(|task| task.end.is_some()));
        }
    }
}

#[test]
fn a_round_opens_the_tasks_of_its_stage_again_and_keeps_what_they_gave() {
    let mut state = RunState::new(plan());
    let seq = |state: &RunState| state.seq + 1;
    let tell = |state: &mut RunState, event: Event| {
        let record = Record { seq: seq(state), time: 1, event };
        state.apply(&record).map_err(|refused| refused.why)
    };
    let round = |round| Event::PlanExtended {
        at: At { task: 1, step: 0, host: 0, item: None },
        fragment: Fragment::Round { stage: 0, round },
        digest: "".into(),
    };
    tell(&mut state, Event::RunStarted { pid: 1, resumed: false }).unwrap();
    for number in 1..=3u32 {
        assert_eq!(tell(&mut state, round(number + 1)).unwrap_err(), "task t1 has not ended");
        for host in 0..2 {
            for step in 0..3 {
                let at = At { task: 1, step, host, item: None };
                tell(&mut state, Event::StepStarted { at, attempt: number, reserved: None }).unwrap();
                tell(&mut state, Event::StepFinished { at, outcome: Outcome::bare(Status::Ok) }).unwrap();
            }
        }
        let outputs = Some(Arc::new(json!({ "score": number })));
        let end = TaskEnd::Completed;
        tell(&mut state, Event::TaskFinished { task: 1, end, reason: None, outputs, error: None }).unwrap();
        assert_eq!(state.round_id(1), if number == 1 { "t1".to_owned() } else { format!("t1~{number}") });
        if number < 3 {
            assert!(tell(&mut state, round(number + 2)).is_err(), "rounds follow each other");
            tell(&mut state, round(number + 1)).unwrap();
            assert_eq!(state.past[&(1, number)].steps.len(), 6);
        }
    }
    assert!(tell(&mut state, round(4)).is_err(), "there are three at most");
    let error = Box::new(Failure::new(Code::RoundsUsedUp, "x"));
    tell(&mut state, Event::StageFailed { stage: 0, error: error.clone() }).unwrap();
    assert_eq!(state.tasks[1].end, Some(TaskEnd::Failed));
    assert!(tell(&mut state, Event::StageFailed { stage: 0, error }).is_err(), "it fails once");
}
