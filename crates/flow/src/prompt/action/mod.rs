//! The action `prompt`: asks a model, within what was reserved for it.

mod account;
mod ask;
mod asked;
mod bound;
mod client;
mod memo;
mod output;
mod rounds;
mod talk;
mod tool;

use std::sync::Arc;

use serde::Deserialize;
use windlass_engine::{Action, ActionFuture, Actions, Call, Estimate, Output, StepContext};
use windlass_llm::{Proxies, tokens::Estimators};
use windlass_model::{Code, Failure};

use super::{Deed, PROMPT};
use client::Clients;
use talk::Talk;

/// Asks language models. One value serves every prompt of a program: limits of rate and what was learnt about tokens
/// are shared by all of them.
pub(super) struct Prompt(Arc<Shared>);

/// What all prompts share.
struct Shared {
    tools: Actions,
    /// They learn from what is billed, so that what is reserved comes closer.
    estimators: Estimators,
    /// They learn nothing, so that the same step sends the same request.
    counts: Estimators,
    clients: Clients,
}

impl Prompt {
    pub(super) fn new(tools: Actions, proxies: Proxies) -> Self {
        Self(Arc::new(Shared {
            tools,
            estimators: Estimators::default(),
            counts: Estimators::default(),
            clients: Clients::new(proxies),
        }))
    }
}

impl Action for Prompt {
    fn name(&self) -> &str {
        PROMPT
    }

    fn estimate(&self, call: &Call<'_>) -> Result<Option<Estimate>, Failure> {
        if call.check {
            return Ok(None);
        }
        let deed = read(call.input)?;
        let usage = bound::of(&self.0, &deed, &rounds::entries(call.notes))?;
        Ok(Some(Estimate { usage, key: Some(deed.provider.name) }))
    }

    fn run<'a>(&'a self, step: StepContext) -> ActionFuture<'a> {
        Box::pin(async move {
            if step.mode.check {
                let skipped = Output { skipped: true, unknown: true, ..Output::ok(false) };
                return Ok(skipped.with("msg", "check mode asks no model").with("text", ""));
            }
            let deed = read(&step.input)?;
            Box::pin(Talk::new(&self.0, deed, step)?.go()).await
        })
    }
}

/// The step's input.
fn read(input: &serde_json::Value) -> Result<Deed, Failure> {
    Deed::deserialize(input).map_err(|error| {
        Failure::new(Code::BadPrompt, format!("the prompt's input cannot be read: {error}")).permanent()
    })
}
