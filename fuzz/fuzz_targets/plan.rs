//! Plan files: any bytes are refused, or are a plan that everything which walks plans can trust.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use serde_json::json;
use windlass_fuzz::json as tree;
use windlass_model::{At, Event, Outcome, Plan, Record, RunState, Status, projection};

fuzz_target!(|data: &[u8]| {
    let Ok(plan) = Plan::from_bytes(data) else { return };
    let bytes = plan.to_bytes();
    let again = Plan::from_bytes(&bytes).expect("what was read once can be read again");
    assert_eq!(again, plan, "written and read it is the same");
    assert_eq!(again.digest(), plan.digest());

    let order = plan.order().expect("a plan without circles has an order");
    assert_eq!(order.len(), plan.tasks.len());
    let dependents = plan.dependents();
    for task in 0..plan.tasks.len() as u32 {
        assert!(dependents.of(task).iter().all(|&other| plan.tasks[other as usize].needs.contains(&task)));
    }
    let _ = projection::plan_view(&plan).to_string();
    walk(&Arc::new(plan));
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    tree::mutate(data, size, max_size, seed)
});

/// Takes every step on every host as done, in order, as a run does.
fn walk(plan: &Arc<Plan>) {
    let mut state = RunState::new(plan.clone());
    let mut apply = |event: Event| {
        let record = Record { seq: state.seq + 1, time: 1, event };
        // A refusal, by an approval for instance, is as good as an application.
        let _ = state.apply(&record);
    };
    apply(serde_json::from_value(json!({"run_started": {"pid": 1}})).expect("the rest has defaults"));
    for (task, spec) in (0..).zip(&plan.tasks) {
        for host in 0..plan.hosts_of(spec).len() as u32 {
            for step in 0..spec.steps.len() as u32 {
                let at = At { task, step, host, item: None };
                apply(Event::StepStarted { at, attempt: 1, reserved: None });
                apply(Event::StepFinished { at, outcome: Outcome::bare(Status::Changed) });
            }
        }
    }
}
