//! The engine's own actions: those that no face has to bring.

use std::sync::Arc;

use crate::action::{Action, ActionFuture, Call, Effect, Output, StepContext};
use windlass_model::Failure;

/// Does nothing, at once. For graphs whose tasks only join others, and for measuring the engine itself.
#[derive(Clone, Copy, Debug)]
pub struct Noop;

impl Action for Noop {
    fn name(&self) -> &str {
        "noop"
    }

    fn effect(&self) -> Effect {
        Effect::None
    }

    fn immediate(&self, _: &Call<'_>) -> Option<Result<Output, Failure>> {
        Some(Ok(Output::default()))
    }

    fn run<'a>(&'a self, _: StepContext) -> ActionFuture<'a> {
        Box::pin(async { Ok(Output::default()) })
    }
}

/// All of them.
pub(crate) fn actions() -> Vec<Arc<dyn Action>> {
    vec![Arc::new(Noop)]
}
