//! What expressions ask that has effects of its own, on a thread of its own: nothing else waits for what they ask,
//! and it is given up as soon as nobody waits for it.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use windlass_expr::with_patience;
use windlass_model::{Code, Failure};

use super::{Guarded, attend, deadline};
use crate::dispatch::{Found, Input, Inquiry};

/// Evaluates aside. A command that is asked on the way ends, with all that it started, when `cancel` is cancelled.
pub(super) async fn evaluate<T: Send + 'static>(
    cancel: CancellationToken,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let (done, result) = oneshot::channel();
    // No thread of the runtime, whose end would wait for it.
    let thread = std::thread::Builder::new().name("evaluate".into()).spawn(move || {
        let wanted = Arc::new(move || !cancel.is_cancelled());
        // Nobody may be waiting any more.
        done.send(with_patience(wanted, work)).ok();
    });
    let lost = |why: String| Failure::new(Code::ActionPanicked, why);
    thread.map_err(|error| lost(format!("no thread for the expressions of a step: {error}")))?;
    result.await.map_err(|_| lost("the expressions of a step could not be evaluated".into()))?
}

/// Begins to ask. Exactly one [`Found`] comes of it.
pub(crate) fn inquire(inquiry: Inquiry, inputs: mpsc::UnboundedSender<Input>) -> CancellationToken {
    let cancel = CancellationToken::new();
    let Inquiry { at, question, scope, limit_ms } = inquiry;
    let asked = evaluate(cancel.clone(), move || question.answer(&scope));
    let token = cancel.clone();
    tokio::spawn(async move {
        let (result, ended) = attend(Guarded(Box::pin(asked)), token, deadline(limit_ms)).await;
        let found = Found { at, result, timed_out: ended.timed_out, cancelled: ended.cancelled };
        inputs.send(Input::Found(Box::new(found))).ok();
    });
    cancel
}
