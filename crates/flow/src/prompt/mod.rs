//! Prompts as steps: what a language model is asked, in documents ([`Prompts::words`]) and in runs
//! ([`Prompts::actions`]).
//!
//! A document's `prompt` becomes a step whose input ([`Deed`]) has all that the run needs: the model with its
//! prices, who is asked and where, the name of the key's secret. The run renders the texts, reserves the most that
//! the step can cost, asks, and hands on the text, what it was made of, and what it cost.

mod action;
mod compile;
mod deed;
mod policy;
mod provider;
mod schema;
mod setup;

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_engine::{Action, Actions, StepCompiler, Words};
use windlass_llm::Proxies;
use windlass_model::Source;

pub use deed::{Context, Deed, From, Tool};
pub use policy::Policy;
pub use provider::{Kind, Provider};
pub use setup::Setup;

/// The word, and the action behind it.
pub(crate) const PROMPT: &str = "prompt";

/// The word for a prompt whose text is in a file.
pub(crate) const PROMPT_FILE: &str = "prompt_file";

/// What steps of tools call the arguments that a model gave.
pub(crate) const ARGS: &str = "args";

/// What a program knows of language models: the project's configuration, and where the user's services are.
#[derive(Clone, Debug, Default)]
pub struct Prompts {
    /// The project's configuration, `windlass.yaml`, of which `models`, `providers` and `prompts` are read.
    pub project: Option<Arc<Source>>,
    /// The variables of the environment that say where services are: `ANTHROPIC_BASE_URL`, `OPENAI_BASE_URL`.
    pub env: BTreeMap<String, String>,
    /// Which requests go through a proxy.
    pub proxies: Proxies,
}

impl Prompts {
    /// The words of documents. Models may call tools that are steps of the words in `tools`.
    pub fn words(&self, tools: Arc<Words>) -> Arc<dyn StepCompiler> {
        Arc::new(compile::PromptWords::new(self.clone(), tools))
    }

    /// What does such steps. Tools are done by those of `actions`.
    pub fn action(&self, actions: Actions) -> Arc<dyn Action> {
        Arc::new(action::Prompt::new(actions, self.proxies.clone()))
    }
}
