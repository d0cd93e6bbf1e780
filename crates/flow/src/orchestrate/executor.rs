//! Who asks the model.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_llm::context::{Bundle, Memory};
use windlass_llm::{Error as LlmError, Kind, Patience, Provider, Request, Tokens};

/// What an executor is given.
#[derive(Clone)]
pub struct Call {
    /// The task.
    pub task: Arc<str>,
    /// What is asked: the prompt, after what is sent along with it.
    pub request: Request,
    /// The values that the task was given by name; as claude-workflow has it, outputs of other tasks among them.
    pub inputs: BTreeMap<String, Arc<str>>,
    /// What is sent along, by itself.
    pub context: Bundle,
    /// What the run remembers.
    pub memory: Arc<dyn Memory>,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Call { task, request, inputs, context, .. } = self;
        f.debug_struct("Call")
            .field("task", task)
            .field("request", request)
            .field("inputs", inputs)
            .field("context", context)
            .finish_non_exhaustive()
    }
}

/// What came of asking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// What the model said.
    pub output: String,
    /// What that took.
    pub tokens: Tokens,
}

impl Answer {
    /// An answer that took so many tokens in and out.
    pub fn new(output: impl Into<String>, input: u64, out: u64) -> Self {
        Self { output: output.into(), tokens: Tokens { input, output: out, ..Tokens::default() } }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// Why.
    pub message: String,
    /// What it took all the same, as far as that is known.
    pub spent: Option<Tokens>,
    /// Whether it may have taken as much as a whole answer, and nobody knows.
    pub unknown: bool,
    /// Whether it was ended from outside.
    pub cancelled: bool,
}

impl Fault {
    /// A fault that cost nothing.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), spent: None, unknown: false, cancelled: false }
    }

    /// The same, ended from outside.
    pub fn cancelled() -> Self {
        Self { cancelled: true, ..Self::new("cancelled") }
    }
}

/// Asks a model, on a thread of its own. It ends soon after `patience` does. A function will do.
pub trait Executor: Send + Sync {
    /// Asks.
    fn execute(&self, call: &Call, patience: &Patience) -> Result<Answer, Fault>;
}

impl<F> Executor for F
where
    F: Fn(&Call, &Patience) -> Result<Answer, Fault> + Send + Sync,
{
    fn execute(&self, call: &Call, patience: &Patience) -> Result<Answer, Fault> {
        self(call, patience)
    }
}

/// Asks a provider, one attempt each.
#[derive(Clone, Debug)]
pub struct Asking<P>(pub P);

impl<P: Provider> Executor for Asking<P> {
    fn execute(&self, call: &Call, patience: &Patience) -> Result<Answer, Fault> {
        let reply = self.0.ask(&call.request, &mut |_| {}, patience).map_err(fault)?;
        Ok(Answer { output: reply.text(), tokens: reply.usage })
    }
}

fn fault(error: LlmError) -> Fault {
    Fault {
        unknown: error.spent.is_none() && error.may_have_spent(),
        spent: error.spent,
        cancelled: error.kind == Kind::Cancelled,
        message: error.message,
    }
}
