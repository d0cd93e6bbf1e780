//! Parameters that ask for what has effects of its own: rendered when the record of their step's start is durable.

use std::sync::Arc;

use serde_json::{Map, Value};
use windlass_expr::render_tree;
use windlass_model::Failure;

use super::aside;
use crate::action::{Action, Call, Effect, Output, StepContext};
use crate::dispatch::expression;

/// What comes of rendering a step's parameters.
pub(super) enum Rendered {
    /// The step can begin.
    Step(Box<StepContext>),
    /// It only computes, and did.
    Done(Output),
}

/// Renders the parameters of a step, and what it adds to the environment. A step that only computes does so there,
/// too: what it computes may ask as its parameters do.
pub(super) async fn render(
    action: Arc<dyn Action>,
    step: StepContext,
    environment: Map<String, Value>,
) -> Result<Rendered, Failure> {
    let cancel = step.cancel.clone();
    aside::evaluate(cancel, move || {
        let step = all(step, &environment)?;
        if action.effect() == Effect::None {
            let scope = || step.scope.clone();
            let call = Call::new(&step.input, step.mode.check, step.target.local, &scope);
            if let Some(result) = action.immediate(&call) {
                return result.map(Rendered::Done);
            }
        }
        Ok(Rendered::Step(Box::new(step)))
    })
    .await
}

fn all(mut step: StepContext, environment: &Map<String, Value>) -> Result<StepContext, Failure> {
    let tree =
        |what: &str, value: &Value| render_tree(value, &step.scope).map_err(|error| expression(what, &error));
    let input = tree("parameters", &step.input)?;
    let mut variables = Vec::new();
    for (name, value) in environment {
        let text = match tree("environment", value)? {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        variables.push((name.clone(), text));
    }
    step.input = input;
    for (name, text) in variables {
        // The run's marks are not the step's to change.
        step.environment.entry(name).or_insert(text);
    }
    Ok(step)
}
