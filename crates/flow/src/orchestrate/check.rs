//! What is checked before anything is asked.

use std::collections::BTreeSet;

use windlass_model::{Money, TaskId};

use super::{Error, Mode, Orchestrator, Task};

/// The tasks sorted by id, if they and the policy make sense. The order of checks is claude-workflow's.
pub(super) fn check(flow: &Orchestrator, mut tasks: Vec<Task>) -> Result<Vec<Task>, Error> {
    let corrected = flow.parts.mode == Mode::Corrected;
    let budget = &flow.policy.budget;
    if budget.amount <= Money::ZERO {
        return Err(Error::InvalidInput("the budget has to be more than 0".into()));
    }
    if corrected && budget.currency.is_empty() {
        return Err(Error::InvalidInput("the budget has no currency".into()));
    }
    if let Some((key, why)) = flow.policy.context.problems().into_iter().next().filter(|_| corrected) {
        return Err(Error::InvalidInput(format!("context: `{key}`: {why}")));
    }
    if tasks.is_empty() {
        return Err(Error::InvalidInput("there is no task".into()));
    }
    let mut seen = BTreeSet::new();
    for task in &tasks {
        let wrong = |what: &str| Err(Error::InvalidInput(format!("task `{}`: {what}", task.id)));
        if task.id.is_empty() {
            return Err(Error::InvalidInput("a task has no id".into()));
        }
        if corrected && let Err(bad) = TaskId::new(&*task.id) {
            return wrong(&bad.to_string());
        }
        if !seen.insert(task.id.clone()) {
            return wrong("two tasks have this id");
        }
        if task.prompt.is_empty() {
            return wrong("the prompt is empty");
        }
        if task.model.is_empty() {
            return wrong("no model is named");
        }
    }
    if corrected {
        models(flow, &tasks)?;
    }
    tasks.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(tasks)
}

/// Every model is known, and can write as much as its task wants.
fn models(flow: &Orchestrator, tasks: &[Task]) -> Result<(), Error> {
    for task in tasks {
        let unknown = |unknown| Error::ModelUnknown { task: task.id.clone(), unknown };
        let model = flow.parts.catalogue.find(&task.model).map_err(unknown)?;
        let wanted = task.max_output_tokens.unwrap_or(1);
        if let Some(most) = model.max_output.filter(|most| wanted > *most) {
            let text = format!("task `{}`: {} writes {most} tokens at most, not {wanted}", task.id, model.id);
            return Err(Error::InvalidInput(text));
        }
    }
    Ok(())
}
