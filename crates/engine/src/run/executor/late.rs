//! Parameters that ask for what has effects of its own: rendered when the record of their step's start is durable,
//! on a thread of their own, so that nothing else waits for what they ask.

use serde_json::{Map, Value};
use tokio::sync::oneshot;
use windlass_expr::render_tree;
use windlass_model::{Code, Failure};

use crate::action::StepContext;
use crate::dispatch::expression;

/// Renders the parameters of a step, and what it adds to the environment.
pub(super) async fn render(
    step: StepContext,
    environment: Map<String, Value>,
) -> Result<StepContext, Failure> {
    let (done, rendered) = oneshot::channel();
    // No thread of the runtime, whose end would wait for it.
    let thread = std::thread::Builder::new().name("render".into()).spawn(move || {
        // Nobody may be waiting any more.
        done.send(all(step, &environment)).ok();
    });
    let lost = |why: String| Failure::new(Code::ActionPanicked, why);
    thread.map_err(|error| lost(format!("no thread for the step's parameters: {error}")))?;
    rendered.await.map_err(|_| lost("the step's parameters could not be rendered".into()))?
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
