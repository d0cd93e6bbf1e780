//! How many tokens a task needs, before it starts: the token estimator as a run sees it.

use std::sync::Arc;

use windlass_llm::Tokens;
use windlass_llm::catalogue::Model;
use windlass_llm::price::Need;
use windlass_llm::tokens::{Chars4, Estimator, Estimators, size, teach};

use super::{Call, Task};

/// Says how many tokens a task needs. A caller may bring its own.
pub trait Sizer: Send + Sync {
    /// The tokens of a call's prompt, and of its reply at most.
    fn need(&self, model: &Model, task: &Task, call: &Call) -> Need;

    /// Counts the tokens of texts, to make a context fit.
    fn texts(&self, model: &Model) -> Arc<dyn Estimator>;

    /// Hears how many tokens a call was.
    fn learn(&self, model: &Model, call: &Call, used: &Tokens) {
        let _ = (model, call, used);
    }
}

/// The tokens of the request that is sent, and not one more: by each model's own estimator.
#[derive(Debug, Default)]
pub struct Whole(pub Estimators);

impl Sizer for Whole {
    fn need(&self, model: &Model, _: &Task, call: &Call) -> Need {
        let prompt = size(&*self.0.of(model), &call.request);
        Need { likely: prompt.likely, input: prompt.bound, output: call.request.max_output_tokens.into() }
    }

    fn texts(&self, model: &Model) -> Arc<dyn Estimator> {
        self.0.of(model)
    }

    fn learn(&self, model: &Model, call: &Call, used: &Tokens) {
        teach(&*self.0.of(model), &call.request, used.prompt());
    }
}

/// As claude-workflow has it: a token for every four bytes of the prompt, the inputs, the metadata and the context
/// together. Outputs that came in as inputs are counted twice, and the reply is not counted at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bytes(pub Chars4);

impl Sizer for Bytes {
    fn need(&self, _: &Model, task: &Task, call: &Call) -> Need {
        let values = call.inputs.values().map(|text| text.len());
        let metadata = task.metadata.values().map(String::len);
        let bytes =
            task.prompt.len() + values.sum::<usize>() + metadata.sum::<usize>() + call.context.bytes();
        let tokens = self.0.of_bytes(bytes as u64);
        Need { likely: tokens, input: tokens, output: 0 }
    }

    fn texts(&self, _: &Model) -> Arc<dyn Estimator> {
        Arc::new(self.0)
    }
}
