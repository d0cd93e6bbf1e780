//! The word `remember`: what a step leaves for every later step of the run, by name.
//!
//! Outputs are for the tasks that need a task, registered results for the task itself. What is remembered is the
//! run's: any step after it sees it as `state.NAME`, a prompt is sent it by `context: { memory: [NAME] }`, and a tool
//! of a prompt may remember what the model wants kept. It lies in the run's state, is journalled with the end of its
//! step, and is there again after a crash.

use serde_json::{Value, json};
use windlass_engine::{
    Action, ActionFuture, CompileContext, CompiledStep, Effect, Output, ScopeLevel, StepCall, StepCompiler,
    StepContext,
};
use windlass_model::{Code, Span};

/// The word, and the action behind it.
const REMEMBER: &str = "remember";

/// The longest name.
const MAX_NAME: usize = 64;

/// Knows the word.
#[derive(Clone, Copy, Debug, Default)]
pub struct RememberWords;

impl StepCompiler for RememberWords {
    fn words(&self) -> Vec<&str> {
        vec![REMEMBER]
    }

    fn compile(&self, call: &StepCall<'_>, cx: &CompileContext) -> Option<CompiledStep> {
        let wrong = |span: Span, message: String| {
            let problem = cx.problem(Code::BadParams, span, message);
            cx.note(problem.hint("write `remember: { name: value }`: later steps see it as `state.name`"));
        };
        let Some(entries) = call.input.as_map().filter(|entries| !entries.is_empty()) else {
            let found = call.input.as_map().map_or_else(|| call.input.kind_name(), |_| "none");
            wrong(call.word_span, format!("`remember`: expected names with values, found {found}"));
            return None;
        };
        let bad: Vec<_> = entries.iter().filter(|(key, _)| !key.as_str().is_some_and(is_name)).collect();
        for (key, _) in &bad {
            let name: String = key.text().unwrap_or_default().chars().take(MAX_NAME).collect();
            wrong(
                key.span,
                format!("`remember`: `{name}` is no name: letters, digits and `_`, no digit first"),
            );
        }
        if !bad.is_empty() {
            return None;
        }
        let produces = entries.iter().filter_map(|(key, _)| key.as_str().map(str::to_owned)).collect();
        Some(CompiledStep { produces, ..CompiledStep::new(REMEMBER, call.input.to_json()) })
    }

    fn schema(&self, _: &str) -> Value {
        json!({
            "description": "What later steps of the run see as `state.NAME`.",
            "type": "object",
            "minProperties": 1,
            "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "maxLength": MAX_NAME },
        })
    }
}

/// Whether expressions can name it.
pub(crate) fn is_name(name: &str) -> bool {
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    first && name.len() <= MAX_NAME && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Writes what is to be remembered. In check mode too: later steps are predicted by it, and nothing outside the run
/// changes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Remember;

impl Action for Remember {
    fn name(&self) -> &str {
        REMEMBER
    }

    fn effect(&self) -> Effect {
        Effect::None
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        Box::pin(async move {
            let bag = step.state.bag(ScopeLevel::Pipeline)?;
            let names: Vec<&String> = step.input.as_object().into_iter().flat_map(|map| map.keys()).collect();
            for name in &names {
                bag.set(name, step.input[name.as_str()].clone());
            }
            Ok(Output::ok(false).with("remembered", json!(names)))
        })
    }
}
