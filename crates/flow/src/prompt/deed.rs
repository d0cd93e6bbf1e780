//! The input of a prompt's step in a plan: all that a run needs to ask, with nothing to look up.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use windlass_llm::catalogue::Model;
use windlass_llm::context::Policy;
use windlass_model::Money;

use super::Provider;

/// What is asked, of whom, and within which bounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deed {
    /// What the model is asked. A text; what an expression gives besides is written as JSON.
    pub prompt: Value,
    /// What it is told before everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<Value>,
    /// The model, as the catalogue had it when the plan was made.
    pub model: Model,
    /// Who is asked.
    pub provider: Provider,
    /// How many tokens a reply may have.
    pub max_output_tokens: u32,
    /// How much chance is in the choice of words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// What of the tasks before is sent along; nothing where this is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
    /// The JSON schema that the reply has to match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// How often the model is told what does not match, and asked again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub schema_retries: u32,
    /// What the model may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// How often the model is asked at most, where it calls tools.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_rounds: u32,
    /// Whether a reply that the same request had before will do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cache: bool,
    /// The most that all its requests together may cost, in the currency of the prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<Money>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What of the tasks before is sent along, and what is left out where it is too much.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// What is left out.
    #[serde(flatten)]
    pub policy: Policy,
    /// The outputs, in the order in which they are sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<From>,
    /// What the run remembers, by the names that the document gives.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub memory: BTreeMap<String, Value>,
}

/// What one task gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct From {
    /// The task.
    pub task: String,
    /// Its output.
    pub output: Value,
}

/// A step that the model may have done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// What the model calls it.
    pub name: String,
    /// What it does and when to call it, for the model to read.
    #[serde(default)]
    pub description: String,
    /// The JSON schema of its arguments.
    pub parameters: Value,
    /// The action that does it.
    pub action: Arc<str>,
    /// The action's parameters: templates that see the model's arguments as `args`. In a plan they stand in
    /// `{% raw %}`, so that they are rendered when the model calls and not before.
    pub input: Value,
    /// What the templates name of tasks, so that their results are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<String>,
}

/// A value as the text that a model reads.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
