//! What a run used as a tree: by stage, task, step and model.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::view::step_id;
use crate::{At, RunState, Usage};

/// What a run used, and who of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Costs {
    /// All of it.
    pub usage: Usage,
    /// By stage, tasks outside of stages first.
    pub stages: Vec<StageCosts>,
    /// By the model that steps name in their results; what names none is not in it.
    pub models: BTreeMap<String, Usage>,
}

/// What a stage used.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StageCosts {
    /// Its name; none for tasks outside of stages.
    pub stage: Option<String>,
    /// All of it.
    pub usage: Usage,
    /// By task.
    pub tasks: Vec<TaskCosts>,
}

/// What a task used.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TaskCosts {
    /// Its id.
    pub task: String,
    /// All of it, all rounds and attempts together.
    pub usage: Usage,
    /// By round, where its stage was repeated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rounds: Vec<Usage>,
    /// By step.
    pub steps: Vec<StepCosts>,
}

/// What a step used, on all hosts and items that name one model.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StepCosts {
    /// Its id.
    pub step: String,
    /// The model that its result names.
    pub model: Option<String>,
    /// All of it.
    pub usage: Usage,
}

/// What a run used, as a tree.
pub fn costs(state: &RunState) -> Costs {
    let plan = state.plan();
    let mut costs = Costs { usage: state.used.clone(), ..Costs::default() };
    let mut stages: BTreeMap<Option<u32>, BTreeMap<u32, TaskCosts>> = BTreeMap::new();
    for (at, used) in &state.spent {
        let Some(spec) = plan.tasks.get(at.task as usize) else { continue };
        let task = stages.entry(spec.stage).or_default().entry(at.task).or_default();
        task.task = spec.id.to_string();
        task.usage.add(used);
        let (step, model) = (step_id(plan, at.whole()).unwrap_or_default(), model(state, *at));
        if let Some(model) = &model {
            costs.models.entry(model.clone()).or_default().add(used);
        }
        match task.steps.iter_mut().find(|known| known.step == step && known.model == model) {
            Some(known) => known.usage.add(used),
            None => task.steps.push(StepCosts { step, model, usage: used.clone() }),
        }
    }
    for (stage, tasks) in stages {
        let mut whole = StageCosts {
            stage: stage.map(|stage| plan.stages[stage as usize].name.to_string()),
            ..StageCosts::default()
        };
        for (index, mut task) in tasks {
            whole.usage.add(&task.usage);
            task.rounds = rounds(state, index);
            whole.tasks.push(task);
        }
        costs.stages.push(whole);
    }
    costs
}

/// What a task used in each of its rounds; nothing where there is only one.
fn rounds(state: &RunState, task: u32) -> Vec<Usage> {
    let past = state.past.range((task, 0)..=(task, u32::MAX)).map(|(_, round)| round.used.clone());
    let mut sums: Vec<Usage> = past.collect();
    if sums.is_empty() {
        return sums;
    }
    sums.push(state.used_by(task));
    let before = std::iter::once(Usage::default()).chain(sums.clone());
    sums.iter().zip(before).map(|(sum, before)| sum.minus(&before)).collect()
}

/// The model that an execution's result names, or its notes where it has none, or that of the round before.
fn model(state: &RunState, at: At) -> Option<String> {
    let named = |result: &Value| result.get("model").and_then(Value::as_str).map(str::to_owned);
    let now = state.step(at).and_then(|run| run.detail.as_ref()).and_then(|detail| named(&detail.result));
    let noted = || state.notes(at).iter().rev().find_map(|note| named(&note.data));
    now.or_else(noted).or_else(|| {
        let count = state.plan().tasks[at.task as usize].steps.len();
        let nth = at.host as usize * count + at.step as usize;
        let mut past = state.past.range((at.task, 0)..=(at.task, u32::MAX)).rev();
        past.find_map(|(_, round)| named(&round.steps.get(nth)?.detail.as_ref()?.result))
    })
}
